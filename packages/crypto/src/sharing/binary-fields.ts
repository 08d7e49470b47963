import { randomBytes } from 'node:crypto';
import { badParameters } from '../operations/refusals';
import type { Field } from './field';

/**
 * GF(2^8) and GF(2^16) as KMIP 1.4 section 2.2.5 and KMIP 2.1 section 13.1 define them. Nothing here branches on an
 * element of a secret or looks it up in a table.
 */

/** The product of two bytes modulo the polynomial (283: x^8+x^4+x^3+x+1, 285: x^8+x^4+x^3+x^2+1). */
export function multiplyBytes(a: number, b: number, polynomial: number): number {
  let product = 0;
  for (let bit = 0; bit < 8; bit++) {
    product ^= a & -((b >> bit) & 1);
    a = (a << 1) ^ (polynomial & -(a >> 7));
  }
  return product;
}

/** a^254. */
export function invertByte(a: number, polynomial: number): number {
  let power = a;
  for (let i = 0; i < 6; i++) {
    power = multiplyBytes(multiplyBytes(power, power, polynomial), a, polynomial);
  }
  return multiplyBytes(power, power, polynomial);
}

function xor(a: Buffer, b: Buffer): Buffer {
  const sum = Buffer.alloc(a.length);
  for (let i = 0; i < sum.length; i++) sum[i] = (a[i] ?? 0) ^ (b[i] ?? 0);
  return sum;
}

/** What both fields have alike: elements of whole bytes, which are added by XOR. */
function binary(lengthBytes: number, order: number) {
  return {
    scalar(keyPartIdentifier: number): number {
      if (keyPartIdentifier < order) return keyPartIdentifier;
      throw badParameters('the field of the Split Key Method does not have so many parts');
    },
    difference: (a: number, b: number) => a ^ b,
    sum: xor,
    random: () => randomBytes(lengthBytes),
    erase: (vector: Buffer) => void vector.fill(0),
  };
}

/** Vectors of `lengthBytes` elements of one byte. */
export function gf256(polynomial: number, lengthBytes: number): Field<number, Buffer> {
  return {
    ...binary(lengthBytes, 0x100),
    product: (a, b) => multiplyBytes(a, b, polynomial),
    inverse: (a) => invertByte(a, polynomial),
    scaled: (vector, factor) => vector.map((octet) => multiplyBytes(octet, factor, polynomial)) as Buffer,
  };
}

/** The element m of KMIP 1.4 section 2.2.5. */
const M = 0x3a;

/** Elements uy + v are numbers of 16 bits, u above v. Vectors have `lengthBytes` bytes, an even number. */
export function gf65536(polynomial: number, lengthBytes: number): Field<number, Buffer> {
  const times = (a: number, b: number) => multiplyBytes(a, b, polynomial);
  /**
   * (ry + s)(uy + v) = ((r + s)(u + v) + sv)y + (rum + sv), as y^2 = y + m has it. (The text prints "ru + svm", by which
   * 1 would not be neutral, nor its own formula of the inverse be right.)
   */
  function product(a: number, b: number): number {
    const [r, s, u, v] = [a >> 8, a & 0xff, b >> 8, b & 0xff];
    const sv = times(s, v);
    return ((times(r ^ s, u ^ v) ^ sv) << 8) | (times(times(r, u), M) ^ sv);
  }
  return {
    ...binary(lengthBytes, 0x10000),
    product,
    inverse(a) {
      const [u, v] = [a >> 8, a & 0xff];
      const d = invertByte(times(u ^ v, v) ^ times(M, times(u, u)), polynomial);
      return (times(u, d) << 8) | times(u ^ v, d);
    },
    scaled(vector, factor) {
      const result = Buffer.alloc(vector.length);
      for (let i = 0; i < vector.length; i += 2) {
        result.writeUInt16BE(product(vector.readUInt16BE(i), factor), i);
      }
      return result;
    },
  };
}
