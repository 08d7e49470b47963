import { Operation } from '@holdfast/kmip';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';
import { identifierRequest, identifierResponse } from './identifier-payload';

/** Brings an archived object back on-line; one that is there stays as it is. */
export const recover = operation({
  name: 'Recover',
  code: Operation.Recover,
  window: {},
  section: { v1: '4.23', v2: '6.1.42' },
  request: identifierRequest,
  response: identifierResponse,
  access: 'govern',
  reasons: ['ObjectNotFound', ...GENERAL_REASONS],

  async execute({ uniqueIdentifier }, context) {
    const object = await context.objects.fetchAnywhere(context.identify(uniqueIdentifier));
    const [archiveDate] = object.attributes.instances('ArchiveDate');
    if (archiveDate !== undefined) {
      object.attributes.remove(archiveDate);
      context.objects.update(object);
    }
    context.produced(object.uniqueIdentifier);
    return { uniqueIdentifier: object.uniqueIdentifier };
  },
});
