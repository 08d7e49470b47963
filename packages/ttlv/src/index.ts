export { decodeTtlv, decodeTtlvWithin } from './decode';
export { digestOf } from './digest';
export { encodeTtlv, encodedLength, writeStructureHeader, writeTtlv } from './encode';
export * from './errors';
export { FrameReader, type FrameReaderOptions } from './framing';
export * from './item';
export {
  decodeJson,
  decodeJsonDocument,
  decodeJsonInPieces,
  encodeJson,
  type JsonDecodeOptions,
} from './json';
export { DEFAULT_LIMITS, type Limits } from './limits';
export type { NamingContext, Vocabulary } from './names';
export * from './secret';
export { utf8Length, writeUtf8 } from './utf8';
export { itemEnd, itemTag, itemText, itemType, itemValueStart } from './walk';
export { decodeXml, decodeXmlDocument, decodeXmlInPieces, encodeXml, type XmlDecodeOptions } from './xml';

// V8 keeps a module that passes others' exports on as a dictionary, which is searched at each use, unless the module is
// some object's prototype.
Object.create(module.exports as object);
