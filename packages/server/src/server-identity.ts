import { DIALECTS, type ProtocolVersion } from '@holdfast/kmip';
import type { ServerIdentity } from '@holdfast/core';
import { VERSION } from './version';

export const SERVER_IDENTITY: Omit<ServerIdentity, 'servesHttps'> = {
  vendorIdentification: 'Holdfast',
  productName: 'Holdfast',
  version: VERSION,
};

/** The versions that are spoken, highest first, as Discover Versions tells them. */
export const PROTOCOL_VERSIONS: readonly ProtocolVersion[] = [...DIALECTS]
  .reverse()
  .map(({ protocolVersionMajor, protocolVersionMinor }) => ({ protocolVersionMajor, protocolVersionMinor }));
