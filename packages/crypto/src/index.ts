export { createCrypto } from './crypto';
export { createKeyring, type DomainKeyVersion, type KeyringSource, type ManagedKeyring } from './keyring';
