export { decodeTtlv } from './decode';
export { encodeTtlv, encodedLength } from './encode';
export * from './errors';
export { FrameReader, type FrameReaderOptions } from './framing';
export * from './item';
export { DEFAULT_LIMITS, type Limits } from './limits';
export * from './secret';
