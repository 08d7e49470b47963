import type { HsmCurve } from '@holdfast/core';

/** The curves of keys in tokens: object identifier, and length of an uncompressed point (SEC 1 section 2.3.3). */
export const CURVES: Readonly<Record<HsmCurve, { readonly oid: string; readonly pointBytes: number }>> = {
  'P-256': { oid: '1.2.840.10045.3.1.7', pointBytes: 65 },
  'P-384': { oid: '1.3.132.0.34', pointBytes: 97 },
  'P-521': { oid: '1.3.132.0.35', pointBytes: 133 },
};

/** The point in a CKA_EC_POINT: an OCTET STRING in DER; some libraries give the point alone (PKCS#11 2.40 section 2.3.3). */
export function pointIn(encoded: Buffer, curve: HsmCurve): Buffer {
  const { pointBytes } = CURVES[curve];
  return encoded.length > pointBytes ? encoded.subarray(encoded.length - pointBytes) : encoded;
}
