/** Signatures of ECDSA: KMIP has them in DER (RFC 3279 section 2.2.3), PKCS#11 as r and s, each as long as the order of the curve. */

const SEQUENCE = 0x30;
const INTEGER = 0x02;

/** @throws RangeError where it is no such signature: it was made here */
export function rawSignature(der: Buffer, orderLengthBytes: number): Buffer {
  const outer = elementAt(der, 0, SEQUENCE);
  const r = elementAt(der, outer.start, INTEGER);
  const s = elementAt(der, r.end, INTEGER);
  return Buffer.concat([r, s].map(({ start, end }) => fixed(der.subarray(start, end), orderLengthBytes)));
}

/** @returns undefined where it cannot be a signature */
export function derSignature(raw: Buffer): Buffer | undefined {
  if (raw.length === 0 || raw.length % 2 !== 0) return undefined;
  const half = raw.length / 2;
  const content = Buffer.concat([raw.subarray(0, half), raw.subarray(half)].map(integer));
  return Buffer.concat([header(SEQUENCE, content.length), content]);
}

function elementAt(
  der: Buffer,
  offset: number,
  type: number,
): { readonly start: number; readonly end: number } {
  if (der.readUInt8(offset) !== type) throw new RangeError('not a signature of ECDSA');
  const first = der.readUInt8(offset + 1);
  const isLong = first === 0x81;
  const start = offset + (isLong ? 3 : 2);
  return { start, end: start + (isLong ? der.readUInt8(offset + 2) : first) };
}

function fixed(integerBytes: Buffer, lengthBytes: number): Buffer {
  const digits = integerBytes.subarray(Math.max(integerBytes.length - lengthBytes, 0));
  return Buffer.concat([Buffer.alloc(lengthBytes - digits.length), digits]);
}

function integer(digits: Buffer): Buffer {
  let first = 0;
  while (first < digits.length - 1 && digits[first] === 0) first++;
  const needed = digits.subarray(first);
  const content = (needed[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), needed]) : needed;
  return Buffer.concat([header(INTEGER, content.length), content]);
}

function header(type: number, lengthBytes: number): Buffer {
  return Buffer.from(lengthBytes < 0x80 ? [type, lengthBytes] : [type, 0x81, lengthBytes]);
}
