import {
  createECDH,
  createHash,
  createPrivateKey,
  createSign,
  ECDH,
  generateKeyPairSync,
  randomBytes,
} from 'node:crypto';
import type { CurveFacts } from '../curves';
import {
  bitLength,
  contentsOf,
  DER,
  membersOf,
  octetsOf,
  readOid,
  readSequence,
  readUnsigned,
  sequence,
  unsigned,
  unsignedOf,
} from '../keys/der';
import { readEcPrivateValue, uncompressed, writeEcPrivateKey } from '../keys/ec';
import { withKeyInfo } from '../keys/key-info';
import type { AsymmetricKey } from '../keys/asymmetric-key';
import { modularInverse, modulo } from '../keys/modular';
import { badParameters, failure, unsupported } from './refusals';

/**
 * ECDSA (FIPS 186-5 section 6.4) over a digest that is ready. Node signs and verifies only what it has hashed itself;
 * everything that touches a private key is led back to that, so that OpenSSL computes it.
 */

interface CurveNumbers {
  readonly p: bigint;
  readonly a: bigint;
  /** The order of the base point. */
  readonly n: bigint;
}

const PRIME_FIELD_OID = '1.2.840.10045.1.1';
const numbersByCurve = new Map<string, CurveNumbers>();

/** The numbers of a curve over a prime field, as OpenSSL writes them into a key with explicit parameters (RFC 3279 2.3.5). */
function numbersOf({ opensslName }: CurveFacts): CurveNumbers {
  let numbers = numbersByCurve.get(opensslName);
  if (numbers === undefined) {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: opensslName, paramEncoding: 'explicit' });
    const [identity] = readSequence(publicKey.export({ format: 'der', type: 'spki' }));
    const [, parameters] = membersOf(identity);
    const [, field, coefficients, , order] = membersOf(parameters);
    const [fieldType, p] = membersOf(field);
    if (readOid(fieldType) !== PRIME_FIELD_OID) {
      throw unsupported('Digested Data is not signed over curves with binary fields');
    }
    const [a] = membersOf(coefficients);
    numbers = { p: readUnsigned(p), a: unsignedOf(contentsOf(a, DER.octetString)), n: readUnsigned(order) };
    numbersByCurve.set(opensslName, numbers);
  }
  return numbers;
}

function curveOf({ weierstrass }: AsymmetricKey): CurveFacts {
  if (weierstrass === undefined) throw unsupported('Digested Data is not signed over the curve of this key');
  return weierstrass;
}

/** The leftmost bits of a digest, as many as the order has. */
function numberOf(digest: Buffer, n: bigint): bigint {
  const excessBits = digest.length * 8 - bitLength(n);
  const number = unsignedOf(digest);
  return (excessBits > 0 ? number >> BigInt(excessBits) : number) % n;
}

const HASH = 'sha256';

/**
 * With t = z'/z, the signature (r, s') of something else with the number z' under the private value t·d is t times that of
 * z under d: r = x(kG), s' = (z' + r·t·d)/k = t·(z + r·d)/k. What is hashed is random, so that t blinds d.
 */
export function signDigest(key: AsymmetricKey, digest: Buffer): Buffer {
  const curve = curveOf(key);
  const { n } = numbersOf(curve);
  const z = numberOf(digest, n);
  const inverse = modularInverse(z, n);
  if (inverse === undefined) throw badParameters('Digested Data is not the digest of anything');
  const other = randomBytes(32);
  const t = modulo(numberOf(createHash(HASH).update(other).digest(), n) * inverse, n);
  const d = withKeyInfo(key.keyObject, ({ key: ecPrivateKey }) => {
    const octets = readEcPrivateValue(ecPrivateKey, undefined);
    const value = unsignedOf(octets);
    octets.fill(0);
    return value;
  });
  const der = writeEcPrivateKey(curve, modulo(d * t, n));
  const signature = createSign(HASH)
    .update(other)
    .sign(createPrivateKey({ key: der, format: 'der', type: 'sec1' }));
  der.fill(0);
  const [r, scaled] = readSequence(signature).map(readUnsigned);
  const back = modularInverse(t, n);
  if (r === undefined || scaled === undefined || back === undefined)
    throw failure('the digest was not signed');
  return sequence(unsigned(r), unsigned(modulo(scaled * back, n)));
}

/** A point that is not at infinity. */
interface Point {
  readonly x: bigint;
  readonly y: bigint;
}

function pointOf(octets: Buffer): Point {
  const length = (octets.length - 1) / 2;
  return { x: unsignedOf(octets.subarray(1, 1 + length)), y: unsignedOf(octets.subarray(1 + length)) };
}

/** The sum of two points (SEC 1 section 2.2.1), undefined at infinity. */
function sum(one: Point, other: Point, { p, a }: CurveNumbers): Point | undefined {
  const isSame = one.x === other.x;
  if (isSame && modulo(one.y + other.y, p) === 0n) return undefined;
  const [rise, run] = isSame ? [3n * one.x * one.x + a, 2n * one.y] : [other.y - one.y, other.x - one.x];
  const inverse = modularInverse(run, p);
  if (inverse === undefined) return undefined;
  const slope = modulo(rise * inverse, p);
  const x = modulo(slope * slope - one.x - other.x, p);
  return { x, y: modulo(slope * (one.x - x) - one.y, p) };
}

/** Multiples of points, computed by OpenSSL: of the base point as a public key, of another one as its shared x. */
class Multiples {
  readonly #fieldLength: number;

  constructor(
    private readonly curve: CurveFacts,
    private readonly numbers: CurveNumbers,
  ) {
    this.#fieldLength = Math.ceil(bitLength(numbers.p) / 8);
  }

  ofBase(factor: bigint): Point {
    const ecdh = createECDH(this.curve.opensslName);
    ecdh.setPrivateKey(octetsOf(factor));
    return pointOf(ecdh.getPublicKey());
  }

  #sharedX(factor: bigint, point: Buffer): Buffer {
    const ecdh = createECDH(this.curve.opensslName);
    ecdh.setPrivateKey(octetsOf(factor));
    return ecdh.computeSecret(point);
  }

  /** An x belongs to two points; which one it is shows in the sum with the point itself. */
  ofPoint(factor: bigint, point: Buffer): Point {
    const { p, n } = this.numbers;
    const itself = pointOf(point);
    const next = (factor + 1n) % n;
    if (next === 0n) return { x: itself.x, y: modulo(-itself.y, p) };
    const x = this.#sharedX(factor, point);
    const compressed = Buffer.concat([Buffer.from([2]), Buffer.alloc(this.#fieldLength - x.length), x]);
    const candidate = pointOf(
      ECDH.convertKey(compressed, this.curve.opensslName, undefined, undefined, 'uncompressed') as Buffer,
    );
    const expected = unsignedOf(this.#sharedX(next, point));
    if (sum(candidate, itself, this.numbers)?.x === expected) return candidate;
    return { x: candidate.x, y: modulo(-candidate.y, p) };
  }
}

/** FIPS 186-5 section 6.4.2; nothing in it is secret. */
export function verifyDigest(key: AsymmetricKey, digest: Buffer, signature: Buffer): boolean {
  const curve = curveOf(key);
  const numbers = numbersOf(curve);
  const { n } = numbers;
  const parsed = readSignature(signature);
  if (parsed === undefined) return false;
  const { r, s } = parsed;
  const z = numberOf(digest, n);
  if (r <= 0n || r >= n || s <= 0n || s >= n || z === 0n) return false;
  const w = modularInverse(s, n);
  if (w === undefined) return false;
  const multiples = new Multiples(curve, numbers);
  const publicPoint = withKeyInfo(key.keyObject, (info) => uncompressed(curve, info.key));
  const result = sum(
    multiples.ofBase(modulo(z * w, n)),
    multiples.ofPoint(modulo(r * w, n), publicPoint),
    numbers,
  );
  return result !== undefined && result.x % n === r;
}

function readSignature(signature: Buffer): { r: bigint; s: bigint } | undefined {
  try {
    const [r, s, ...more] = readSequence(signature).map(readUnsigned);
    return r === undefined || s === undefined || more.length > 0 ? undefined : { r, s };
  } catch {
    return undefined;
  }
}
