import type { CryptoPort, GeneratedKey, KeyPairSpecification } from '@holdfast/core';
import {
  type CryptographicAlgorithm,
  type KeyBlock,
  type KeyFormatType,
  type KeyMaterial,
} from '@holdfast/kmip';
import { encodeTtlv, HoldfastError, SecretBytes } from '@holdfast/ttlv';

/** The code of the HoldfastError that `act` throws, 'none' where it throws nothing, the text of any other error. */
export function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof HoldfastError ? error.code : String(error);
  }
  return 'none';
}

/** What may come later, and has to be there at once here. */
export function atOnce<T>(value: T | Promise<T>): T {
  if (value instanceof Promise) throw new Error('it comes later');
  return value;
}

export async function rejectionOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    (error: unknown) => (error instanceof HoldfastError ? error.code : String(error)),
  );
}

export function keyBlock(
  keyFormatType: KeyFormatType,
  keyMaterial: KeyMaterial,
  cryptographicAlgorithm?: CryptographicAlgorithm,
  cryptographicLengthBits?: number,
): KeyBlock {
  return {
    keyFormatType,
    keyValue: { keyMaterial, attributes: [] },
    cryptographicAlgorithm,
    cryptographicLengthBits,
  };
}

export function secret(hex: string): SecretBytes {
  return new SecretBytes(Buffer.from(hex.replace(/\s/g, ''), 'hex'));
}

export function blockOf(key: GeneratedKey): KeyBlock {
  return keyBlock(key.keyFormatType, key.keyMaterial, key.algorithm, key.lengthBits);
}

/** The key material of a block: hex of bytes, or of the TTLV of a structure. */
export function hexOf(block: KeyBlock): string {
  const { keyValue } = block;
  if (keyValue === undefined || 'encoded' in keyValue) throw new Error('no plain key value');
  const { keyMaterial } = keyValue;
  return (keyMaterial instanceof SecretBytes ? keyMaterial.reveal() : encodeTtlv(keyMaterial)).toString(
    'hex',
  );
}

export async function pairOf(
  crypto: CryptoPort,
  algorithm: CryptographicAlgorithm,
  specification: Partial<KeyPairSpecification> = {},
): Promise<{ privateKey: KeyBlock; publicKey: KeyBlock }> {
  const pair = await crypto.generateKeyPair({
    algorithm,
    lengthBits: undefined,
    curve: undefined,
    ...specification,
  });
  return { privateKey: blockOf(pair.privateKey), publicKey: blockOf(pair.publicKey) };
}

/**
 * Whether what was begun is at its end before the event loop has turned: then it was done on this thread. Answers of other
 * threads need a turn.
 */
export async function isOverAtOnce(begun: Promise<unknown>): Promise<boolean> {
  let isOver = false;
  const note = (): void => {
    isOver = true;
  };
  begun.then(note, note);
  for (let step = 0; step < 1000; step++) await Promise.resolve();
  return isOver;
}
