import { Operation, Tag, protocolVersionStructure, repeated, sameVersion, structure } from '@holdfast/kmip';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

const protocolVersions = structure({
  protocolVersions: repeated(Tag.ProtocolVersion, protocolVersionStructure),
});

/** Tells the protocol versions that client and server have in common, highest first; all where the client names none. */
export const discoverVersions = operation({
  name: 'DiscoverVersions',
  code: Operation.DiscoverVersions,
  window: { since: '1.1' },
  section: { v1: '4.26', v2: '6.1.16' },
  request: protocolVersions,
  response: protocolVersions,
  access: undefined,
  reasons: GENERAL_REASONS,

  execute({ protocolVersions: offered }, { protocolVersions: spoken }) {
    if (offered.length === 0) return { protocolVersions: spoken };
    return {
      protocolVersions: spoken.filter((version) => offered.some((each) => sameVersion(each, version))),
    };
  },
});
