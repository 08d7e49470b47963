import { Operation } from '@holdfast/kmip';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';
import { identifierRequest, identifierResponse } from './identifier-payload';

/** Takes an object off-line: until it is recovered, no operation but Locate finds it. */
export const archive = operation({
  name: 'Archive',
  code: Operation.Archive,
  window: {},
  section: { v1: '4.22', v2: '6.1.4' },
  request: identifierRequest,
  response: identifierResponse,
  access: 'govern',
  reasons: ['ObjectArchived', 'ObjectNotFound', ...GENERAL_REASONS],

  async execute({ uniqueIdentifier }, context) {
    const object = await context.objects.fetch(context.identify(uniqueIdentifier));
    object.attributes.set('ArchiveDate', context.nowSeconds);
    context.objects.update(object);
    return { uniqueIdentifier: object.uniqueIdentifier };
  },
});
