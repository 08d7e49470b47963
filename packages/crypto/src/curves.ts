import { RecommendedCurve } from '@holdfast/kmip';

/** One curve over which the runtime can compute. */
export interface CurveFacts {
  readonly curve: RecommendedCurve;
  /** The name of SEC 2, X9.62 or RFC 5639 as OpenSSL spells it. */
  readonly opensslName: string;
  readonly oid: string;
  /** Size of the field: the Cryptographic Length of keys on this curve. */
  readonly lengthBits: number;
}

/** The Weierstrass curves of KMIP 1.4 section 9.1.3.2.5 and KMIP 2.1 section 11.45: all but CURVE25519 and CURVE448. */
export const CURVES: readonly CurveFacts[] = [
  { curve: RecommendedCurve.P_192, opensslName: 'prime192v1', oid: '1.2.840.10045.3.1.1', lengthBits: 192 },
  { curve: RecommendedCurve.K_163, opensslName: 'sect163k1', oid: '1.3.132.0.1', lengthBits: 163 },
  { curve: RecommendedCurve.B_163, opensslName: 'sect163r2', oid: '1.3.132.0.15', lengthBits: 163 },
  { curve: RecommendedCurve.P_224, opensslName: 'secp224r1', oid: '1.3.132.0.33', lengthBits: 224 },
  { curve: RecommendedCurve.K_233, opensslName: 'sect233k1', oid: '1.3.132.0.26', lengthBits: 233 },
  { curve: RecommendedCurve.B_233, opensslName: 'sect233r1', oid: '1.3.132.0.27', lengthBits: 233 },
  { curve: RecommendedCurve.P_256, opensslName: 'prime256v1', oid: '1.2.840.10045.3.1.7', lengthBits: 256 },
  { curve: RecommendedCurve.K_283, opensslName: 'sect283k1', oid: '1.3.132.0.16', lengthBits: 283 },
  { curve: RecommendedCurve.B_283, opensslName: 'sect283r1', oid: '1.3.132.0.17', lengthBits: 283 },
  { curve: RecommendedCurve.P_384, opensslName: 'secp384r1', oid: '1.3.132.0.34', lengthBits: 384 },
  { curve: RecommendedCurve.K_409, opensslName: 'sect409k1', oid: '1.3.132.0.36', lengthBits: 409 },
  { curve: RecommendedCurve.B_409, opensslName: 'sect409r1', oid: '1.3.132.0.37', lengthBits: 409 },
  { curve: RecommendedCurve.P_521, opensslName: 'secp521r1', oid: '1.3.132.0.35', lengthBits: 521 },
  { curve: RecommendedCurve.K_571, opensslName: 'sect571k1', oid: '1.3.132.0.38', lengthBits: 571 },
  { curve: RecommendedCurve.B_571, opensslName: 'sect571r1', oid: '1.3.132.0.39', lengthBits: 571 },
  { curve: RecommendedCurve.SECP112R1, opensslName: 'secp112r1', oid: '1.3.132.0.6', lengthBits: 112 },
  { curve: RecommendedCurve.SECP112R2, opensslName: 'secp112r2', oid: '1.3.132.0.7', lengthBits: 112 },
  { curve: RecommendedCurve.SECP128R1, opensslName: 'secp128r1', oid: '1.3.132.0.28', lengthBits: 128 },
  { curve: RecommendedCurve.SECP128R2, opensslName: 'secp128r2', oid: '1.3.132.0.29', lengthBits: 128 },
  { curve: RecommendedCurve.SECP160K1, opensslName: 'secp160k1', oid: '1.3.132.0.9', lengthBits: 160 },
  { curve: RecommendedCurve.SECP160R1, opensslName: 'secp160r1', oid: '1.3.132.0.8', lengthBits: 160 },
  { curve: RecommendedCurve.SECP160R2, opensslName: 'secp160r2', oid: '1.3.132.0.30', lengthBits: 160 },
  { curve: RecommendedCurve.SECP192K1, opensslName: 'secp192k1', oid: '1.3.132.0.31', lengthBits: 192 },
  { curve: RecommendedCurve.SECP224K1, opensslName: 'secp224k1', oid: '1.3.132.0.32', lengthBits: 224 },
  { curve: RecommendedCurve.SECP256K1, opensslName: 'secp256k1', oid: '1.3.132.0.10', lengthBits: 256 },
  { curve: RecommendedCurve.SECT113R1, opensslName: 'sect113r1', oid: '1.3.132.0.4', lengthBits: 113 },
  { curve: RecommendedCurve.SECT113R2, opensslName: 'sect113r2', oid: '1.3.132.0.5', lengthBits: 113 },
  { curve: RecommendedCurve.SECT131R1, opensslName: 'sect131r1', oid: '1.3.132.0.22', lengthBits: 131 },
  { curve: RecommendedCurve.SECT131R2, opensslName: 'sect131r2', oid: '1.3.132.0.23', lengthBits: 131 },
  { curve: RecommendedCurve.SECT163R1, opensslName: 'sect163r1', oid: '1.3.132.0.2', lengthBits: 163 },
  { curve: RecommendedCurve.SECT193R1, opensslName: 'sect193r1', oid: '1.3.132.0.24', lengthBits: 193 },
  { curve: RecommendedCurve.SECT193R2, opensslName: 'sect193r2', oid: '1.3.132.0.25', lengthBits: 193 },
  { curve: RecommendedCurve.SECT239K1, opensslName: 'sect239k1', oid: '1.3.132.0.3', lengthBits: 239 },
  {
    curve: RecommendedCurve.ANSIX9P192V2,
    opensslName: 'prime192v2',
    oid: '1.2.840.10045.3.1.2',
    lengthBits: 192,
  },
  {
    curve: RecommendedCurve.ANSIX9P192V3,
    opensslName: 'prime192v3',
    oid: '1.2.840.10045.3.1.3',
    lengthBits: 192,
  },
  {
    curve: RecommendedCurve.ANSIX9P239V1,
    opensslName: 'prime239v1',
    oid: '1.2.840.10045.3.1.4',
    lengthBits: 239,
  },
  {
    curve: RecommendedCurve.ANSIX9P239V2,
    opensslName: 'prime239v2',
    oid: '1.2.840.10045.3.1.5',
    lengthBits: 239,
  },
  {
    curve: RecommendedCurve.ANSIX9P239V3,
    opensslName: 'prime239v3',
    oid: '1.2.840.10045.3.1.6',
    lengthBits: 239,
  },
  {
    curve: RecommendedCurve.ANSIX9C2PNB163V1,
    opensslName: 'c2pnb163v1',
    oid: '1.2.840.10045.3.0.1',
    lengthBits: 163,
  },
  {
    curve: RecommendedCurve.ANSIX9C2PNB163V2,
    opensslName: 'c2pnb163v2',
    oid: '1.2.840.10045.3.0.2',
    lengthBits: 163,
  },
  {
    curve: RecommendedCurve.ANSIX9C2PNB163V3,
    opensslName: 'c2pnb163v3',
    oid: '1.2.840.10045.3.0.3',
    lengthBits: 163,
  },
  {
    curve: RecommendedCurve.ANSIX9C2PNB176V1,
    opensslName: 'c2pnb176v1',
    oid: '1.2.840.10045.3.0.4',
    lengthBits: 176,
  },
  {
    curve: RecommendedCurve.ANSIX9C2TNB191V1,
    opensslName: 'c2tnb191v1',
    oid: '1.2.840.10045.3.0.5',
    lengthBits: 191,
  },
  {
    curve: RecommendedCurve.ANSIX9C2TNB191V2,
    opensslName: 'c2tnb191v2',
    oid: '1.2.840.10045.3.0.6',
    lengthBits: 191,
  },
  {
    curve: RecommendedCurve.ANSIX9C2TNB191V3,
    opensslName: 'c2tnb191v3',
    oid: '1.2.840.10045.3.0.7',
    lengthBits: 191,
  },
  {
    curve: RecommendedCurve.ANSIX9C2PNB208W1,
    opensslName: 'c2pnb208w1',
    oid: '1.2.840.10045.3.0.10',
    lengthBits: 208,
  },
  {
    curve: RecommendedCurve.ANSIX9C2TNB239V1,
    opensslName: 'c2tnb239v1',
    oid: '1.2.840.10045.3.0.11',
    lengthBits: 239,
  },
  {
    curve: RecommendedCurve.ANSIX9C2TNB239V2,
    opensslName: 'c2tnb239v2',
    oid: '1.2.840.10045.3.0.12',
    lengthBits: 239,
  },
  {
    curve: RecommendedCurve.ANSIX9C2TNB239V3,
    opensslName: 'c2tnb239v3',
    oid: '1.2.840.10045.3.0.13',
    lengthBits: 239,
  },
  {
    curve: RecommendedCurve.ANSIX9C2PNB272W1,
    opensslName: 'c2pnb272w1',
    oid: '1.2.840.10045.3.0.16',
    lengthBits: 272,
  },
  {
    curve: RecommendedCurve.ANSIX9C2PNB304W1,
    opensslName: 'c2pnb304w1',
    oid: '1.2.840.10045.3.0.17',
    lengthBits: 304,
  },
  {
    curve: RecommendedCurve.ANSIX9C2TNB359V1,
    opensslName: 'c2tnb359v1',
    oid: '1.2.840.10045.3.0.18',
    lengthBits: 359,
  },
  {
    curve: RecommendedCurve.ANSIX9C2PNB368W1,
    opensslName: 'c2pnb368w1',
    oid: '1.2.840.10045.3.0.19',
    lengthBits: 368,
  },
  {
    curve: RecommendedCurve.ANSIX9C2TNB431R1,
    opensslName: 'c2tnb431r1',
    oid: '1.2.840.10045.3.0.20',
    lengthBits: 431,
  },
  {
    curve: RecommendedCurve.BRAINPOOLP160R1,
    opensslName: 'brainpoolP160r1',
    oid: '1.3.36.3.3.2.8.1.1.1',
    lengthBits: 160,
  },
  {
    curve: RecommendedCurve.BRAINPOOLP160T1,
    opensslName: 'brainpoolP160t1',
    oid: '1.3.36.3.3.2.8.1.1.2',
    lengthBits: 160,
  },
  {
    curve: RecommendedCurve.BRAINPOOLP192R1,
    opensslName: 'brainpoolP192r1',
    oid: '1.3.36.3.3.2.8.1.1.3',
    lengthBits: 192,
  },
  {
    curve: RecommendedCurve.BRAINPOOLP192T1,
    opensslName: 'brainpoolP192t1',
    oid: '1.3.36.3.3.2.8.1.1.4',
    lengthBits: 192,
  },
  {
    curve: RecommendedCurve.BRAINPOOLP224R1,
    opensslName: 'brainpoolP224r1',
    oid: '1.3.36.3.3.2.8.1.1.5',
    lengthBits: 224,
  },
  {
    curve: RecommendedCurve.BRAINPOOLP224T1,
    opensslName: 'brainpoolP224t1',
    oid: '1.3.36.3.3.2.8.1.1.6',
    lengthBits: 224,
  },
  {
    curve: RecommendedCurve.BRAINPOOLP256R1,
    opensslName: 'brainpoolP256r1',
    oid: '1.3.36.3.3.2.8.1.1.7',
    lengthBits: 256,
  },
  {
    curve: RecommendedCurve.BRAINPOOLP256T1,
    opensslName: 'brainpoolP256t1',
    oid: '1.3.36.3.3.2.8.1.1.8',
    lengthBits: 256,
  },
  {
    curve: RecommendedCurve.BRAINPOOLP320R1,
    opensslName: 'brainpoolP320r1',
    oid: '1.3.36.3.3.2.8.1.1.9',
    lengthBits: 320,
  },
  {
    curve: RecommendedCurve.BRAINPOOLP320T1,
    opensslName: 'brainpoolP320t1',
    oid: '1.3.36.3.3.2.8.1.1.10',
    lengthBits: 320,
  },
  {
    curve: RecommendedCurve.BRAINPOOLP384R1,
    opensslName: 'brainpoolP384r1',
    oid: '1.3.36.3.3.2.8.1.1.11',
    lengthBits: 384,
  },
  {
    curve: RecommendedCurve.BRAINPOOLP384T1,
    opensslName: 'brainpoolP384t1',
    oid: '1.3.36.3.3.2.8.1.1.12',
    lengthBits: 384,
  },
  {
    curve: RecommendedCurve.BRAINPOOLP512R1,
    opensslName: 'brainpoolP512r1',
    oid: '1.3.36.3.3.2.8.1.1.13',
    lengthBits: 512,
  },
  {
    curve: RecommendedCurve.BRAINPOOLP512T1,
    opensslName: 'brainpoolP512t1',
    oid: '1.3.36.3.3.2.8.1.1.14',
    lengthBits: 512,
  },
];

const byCurve = new Map(CURVES.map((row) => [row.curve, row]));
const byName = new Map(CURVES.map((row) => [row.opensslName, row]));

export function curveFacts(curve: RecommendedCurve): CurveFacts | undefined {
  return byCurve.get(curve);
}

export function curveNamed(opensslName: string): CurveFacts | undefined {
  return byName.get(opensslName);
}

/** The prime curve that a length alone means: P-192, P-224, P-256, P-384 or P-521. */
const byLength = new Map(
  [
    RecommendedCurve.P_192,
    RecommendedCurve.P_224,
    RecommendedCurve.P_256,
    RecommendedCurve.P_384,
    RecommendedCurve.P_521,
  ].map((curve) => [byCurve.get(curve)?.lengthBits, curve]),
);

export function curveOfLength(lengthBits: number): RecommendedCurve | undefined {
  return byLength.get(lengthBits);
}
