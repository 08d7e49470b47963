export { createCrypto } from './crypto';
export { createKeyring, type DomainKeyVersion, type KeyringSource, type ManagedKeyring } from './keyring';
export { openEnvelope, readEnvelopeHeader, sealEnvelope, type EnvelopeHeader } from './envelope/envelope';
export { recipientFrom, type Recipient, type WrappedContentKey } from './envelope/recipients';
