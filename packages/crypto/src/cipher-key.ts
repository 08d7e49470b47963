import { createSecretKey, type KeyObject } from 'node:crypto';

/**
 * A key as `createCipheriv` takes it soonest. Node 24 tells bytes from a KeyObject by two errors that it makes and catches (10 µs); to
 * the versions before it a KeyObject costs more than bytes do (1.5 µs). OpenSSL zeroes what a KeyObject holds, as it does a cipher's key.
 * @param bytes the key; the caller's, who zeroes it
 */
export const cipherKey: (bytes: Buffer) => Buffer | KeyObject =
  Number.parseInt(process.versions.node) >= 24 ? createSecretKey : (bytes) => bytes;
