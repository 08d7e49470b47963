export * from './managed-objects';
export { keyStoreContract } from './key-store-contract';
export { startTestPostgres, type TestPostgres } from './postgres';
export { rootOfTrustContract } from './root-of-trust-contract';
export * from './server-process';
export * from './wire/items';
export * from './wire/peer';
export * from './wire/wire';
export { unknownWords } from './wire/known-words';
