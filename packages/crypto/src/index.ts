export { createCrypto } from './crypto';
export { HsmRandomness } from './hsm-randomness';
export { hsmPairKind, hsmSecretKind, publicKeyFromHsm } from './keys/hsm-keys';
export {
  createKeyring,
  domainKeyMac,
  recordKeysOf,
  type DomainKeyVersion,
  type KeyringSource,
  type ManagedKeyring,
} from './keyring';
export { openEnvelope, readEnvelopeHeader, sealEnvelope, type EnvelopeHeader } from './envelope/envelope';
export {
  openedBy,
  passShareOn,
  sharesOf,
  type EnvelopeHolders,
  type EnvelopeOpener,
} from './envelope/content-key';
export { keySha256, recipientFrom, type Recipient, type WrappedContentKey } from './envelope/recipients';
export {
  custodianOf,
  decodeShare,
  encodeShare,
  readShare,
  readSplit,
  shareName,
  splitFactsOf,
  type SealedShare,
  type SplitFacts,
} from './custody/format';
export {
  isSealedTo,
  openShare,
  privateKeyFrom,
  sealShare,
  type Custodian,
  type OpenedShare,
  type ShareOpener,
} from './custody/sealing';
export { isSplitOf, requireScheme, ShareCollection, splitKey } from './custody/split';
export { createTurns } from './long-jobs';
