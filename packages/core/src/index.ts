export * from './ports/certificates';
export * from './ports/root-of-trust';
export * from './secret';
export { HoldfastError, type ErrorCode } from '@holdfast/ttlv';
