export * from './access';
export * from './execute';
export * from './identity';
export * from './object-access';
export * from './objects/attribute-set';
export * from './objects/defaults';
export * from './objects/match';
export * from './objects/state';
export * from './operation';
export * from './operations';
export * from './ports/audit-log';
export * from './ports/certificates';
export * from './ports/clock';
export * from './ports/crypto';
export * from './ports/directory';
export * from './ports/key-store';
export * from './ports/keyring';
export * from './ports/root-of-trust';
export * from './secret';
export { HoldfastError, type ErrorCode } from '@holdfast/ttlv';

// V8 keeps a module that passes others' exports on as a dictionary, which is searched at each use, unless the module is
// some object's prototype.
Object.create(module.exports as object);
