export * from './access';
export * from './announcement';
export * from './execute';
export * from './identity';
export * from './object-access';
export * from './objects/attribute-set';
export * from './objects/defaults';
export * from './objects/domain-policy';
export * from './objects/match';
export type { PresentationRequest } from './objects/present-value';
export { isInHsm } from './objects/protection-storage';
export { linkedBy } from './objects/replacement';
export { rotationDateOf } from './objects/rotation';
export { AWAITS_BACKUP, awaitsBackup, markCovered } from './objects/safekeeping';
export { MAX_JOINED_BYTES } from './objects/split-key';
export * from './objects/state';
export { hidesKey } from './objects/wrapping-key';
export * from './awaitable';
export * from './operation';
export * from './operations';
export * from './ordered-uuids';
export * from './ports/announcements';
export * from './ports/asynchronous-requests';
export * from './ports/audit-log';
export * from './ports/certificates';
export * from './ports/clock';
export * from './ports/crypto';
export * from './ports/directory';
export * from './ports/hsm-keys';
export * from './ports/key-store';
export * from './ports/issuing-authority';
export * from './ports/keyring';
export * from './ports/policies';
export * from './ports/provisioning';
export * from './ports/root-of-trust';
export * from './ports/tickets';
export * from './ports/users';
export * from './rights';
export * from './secret';
export * from './turns';
export { HoldfastError, type ErrorCode } from '@holdfast/ttlv';

// What is exported here are getters that share one body, and V8 keeps them in a dictionary: each use would cost a search.
// Plain properties of an object that is some object's prototype cost nothing.
// Not by an assignment: Node.js would tell programs in ESM of none of the names above.
Object.create(Object.assign(module, { exports: { ...(module.exports as object) } }).exports as object);
