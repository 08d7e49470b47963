export * from './attributes/definition';
export * from './attributes/fields';
export * from './attributes/reference';
export * from './attributes/reference-fields';
export * from './attributes/table';
export * from './credentials';
export * from './encodings';
export * from './key-wrapping';
export { peekVersion, refuseCriticalExtensions, type MessageExtension } from './message/envelope';
export * from './message/request';
export * from './message/response';
export { vocabularyOf } from './naming';
export * from './objects';
export * from './schema';
export * from './secret-codecs';
export * from './server-information';
export * from './structures';
export * from './transparent-keys';
export * from './versions/dialect';
export { resultReasonOf } from './versions/result-reasons';
export { customAttributeName, decodeAttributeName, encodeAttributeName } from './versions/v1';
export * from './vocabulary/enumerations';
export * from './vocabulary/masks';
export * from './vocabulary/tables';
export * from './vocabulary/tags';

// What is exported here are getters that share one body, and V8 keeps them in a dictionary: each use would cost a search.
// Plain properties of an object that is some object's prototype cost nothing.
// Not by an assignment: Node.js would tell programs in ESM of none of the names above.
Object.create(Object.assign(module, { exports: { ...(module.exports as object) } }).exports as object);
