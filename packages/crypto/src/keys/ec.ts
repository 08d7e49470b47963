import { createECDH, ECDH } from 'node:crypto';
import { KeyCompressionType, type RecommendedCurve } from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import { curveFacts, type CurveFacts } from '../curves';
import {
  bitString,
  contentsOf,
  DER,
  element,
  octetsOf,
  oid,
  readBitString,
  readElements,
  readSequence,
  readUnsigned,
  sequence,
  unsigned,
} from './der';
import { EC_OID } from './key-info';

/** @throws HoldfastError KeyFormatTypeNotSupported for curves over which this runtime does not compute */
export function weierstrassCurve(curve: RecommendedCurve): CurveFacts {
  const facts = curveFacts(curve);
  if (facts === undefined) {
    throw new HoldfastError(
      'KeyFormatTypeNotSupported',
      'keys over this curve have no transparent form here',
    );
  }
  return facts;
}

/** An ECPrivateKey (RFC 5915) of the private value `d`, with its public key. @throws HoldfastError InvalidField */
export function writeEcPrivateKey(curve: CurveFacts, d: bigint): Buffer {
  if (d <= 0n) throw notOnCurve();
  const octets = octetsOf(d);
  const point = publicPoint(curve, octets);
  const privateKey = Buffer.alloc(Math.max(octets.length, Math.ceil(curve.lengthBits / 8)));
  octets.copy(privateKey, privateKey.length - octets.length);
  octets.fill(0);
  const der = sequence(
    unsigned(1n),
    element(DER.octetString, privateKey),
    element(DER.context0, oid(curve.oid)),
    element(DER.context1, bitString(point)),
  );
  privateKey.fill(0);
  return der;
}

/**
 * The private value of an ECPrivateKey, as octets that the caller zeroes.
 * @throws HoldfastError InvalidField where it is out of range, or the public key in it belongs to another one
 */
export function readEcPrivateValue(ecPrivateKey: Buffer, curve: CurveFacts | undefined): Buffer {
  const [version, privateKey, ...optional] = readSequence(ecPrivateKey);
  if (readUnsigned(version) !== 1n) throw notOnCurve();
  const value = Buffer.from(contentsOf(privateKey, DER.octetString));
  if (curve === undefined) return value;
  const point = publicPoint(curve, value);
  const publicKey = optional.find((member) => member.tag === DER.context1);
  if (publicKey !== undefined) {
    const stated = readBitString(readElements(publicKey.contents)[0]);
    if (!uncompressed(curve, stated).equals(point)) {
      throw new HoldfastError(
        'InvalidField',
        'the public key in the key material belongs to another private key',
      );
    }
  }
  return value;
}

/** The public point of a private value, uncompressed. @throws HoldfastError InvalidField */
function publicPoint(curve: CurveFacts, privateValue: Buffer): Buffer {
  const ecdh = createECDH(curve.opensslName);
  try {
    ecdh.setPrivateKey(privateValue);
    return ecdh.getPublicKey();
  } catch (cause) {
    throw notOnCurve(cause);
  }
}

/** A SubjectPublicKeyInfo (RFC 5480 section 2) around a point in any of its forms. */
export function writeEcPublicKey(curve: CurveFacts, point: Buffer): Buffer {
  return sequence(sequence(oid(EC_OID), oid(curve.oid)), bitString(point));
}

type PointForm = 'uncompressed' | 'compressed' | 'hybrid';

const POINT_FORMS: ReadonlyMap<KeyCompressionType, { form: PointForm; field?: 'prime' | 'binary' }> = new Map(
  [
    [KeyCompressionType.ECPublicKeyTypeUncompressed, { form: 'uncompressed' as const }],
    [
      KeyCompressionType.ECPublicKeyTypeX9_62CompressedPrime,
      { form: 'compressed' as const, field: 'prime' as const },
    ],
    [
      KeyCompressionType.ECPublicKeyTypeX9_62CompressedChar2,
      { form: 'compressed' as const, field: 'binary' as const },
    ],
    [KeyCompressionType.ECPublicKeyTypeX9_62Hybrid, { form: 'hybrid' as const }],
  ],
);

/**
 * A point of the curve in the form that is asked for (SEC 1 section 2.3.3).
 * @throws HoldfastError InvalidField where it is not on the curve, KeyCompressionTypeNotSupported for the compression of
 * curves over the other kind of field
 */
export function compress(curve: CurveFacts, point: Buffer, compression: KeyCompressionType): Buffer {
  const wanted = POINT_FORMS.get(compression);
  if (wanted === undefined || (wanted.field !== undefined && wanted.field !== fieldOf(curve))) {
    const message = 'points of this curve do not have the Key Compression Type that is asked for';
    throw new HoldfastError('KeyCompressionTypeNotSupported', message);
  }
  return convertPoint(curve, point, wanted.form);
}

const fieldOf = ({ opensslName }: CurveFacts): 'prime' | 'binary' =>
  /^(sect|c2)/.test(opensslName) ? 'binary' : 'prime';

/** Whether a point has the form that it is said to have. @param curve undefined where it is none that KMIP lists */
export function isOfForm(
  curve: CurveFacts | undefined,
  point: Buffer,
  compression: KeyCompressionType,
): boolean {
  const stated = POINT_FORMS.get(compression);
  const isOfField = stated?.field === undefined || curve === undefined || stated.field === fieldOf(curve);
  return isOfField && stated?.form === FORMS.get(point[0]);
}

/** By the first octet (SEC 1 section 2.3.3, ANSI X9.62). */
const FORMS: ReadonlyMap<number | undefined, PointForm> = new Map([
  [2, 'compressed'],
  [3, 'compressed'],
  [4, 'uncompressed'],
  [6, 'hybrid'],
  [7, 'hybrid'],
]);

/** A point of the curve in its longest form. @throws HoldfastError InvalidField where it is not on the curve */
export function uncompressed(curve: CurveFacts, point: Buffer): Buffer {
  return convertPoint(curve, point, 'uncompressed');
}

function convertPoint(curve: CurveFacts, point: Buffer, form: PointForm): Buffer {
  try {
    return Buffer.from(ECDH.convertKey(point, curve.opensslName, undefined, 'hex', form) as string, 'hex');
  } catch (cause) {
    throw notOnCurve(cause);
  }
}

function notOnCurve(cause?: unknown): HoldfastError {
  return new HoldfastError('InvalidField', 'the key material is not a key over its curve', { cause });
}
