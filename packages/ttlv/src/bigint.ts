/**
 * The value of big-endian two's complement bytes of any length; none is zero. KMIP 1.4 section 9.1.1.4.
 */
export function bigIntFromBytes(bytes: Buffer): bigint {
  if (bytes.length === 0) return 0n;
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`));
}

/** The shortest multiple of 8 bytes that holds the value in two's complement. */
export function bigIntByteLength(value: bigint): number {
  if (BigInt.asIntN(64, value) === value) return 8;
  const magnitudeBits = (value < 0n ? ~value : value).toString(16).length * 4;
  const signed = (length: number) => BigInt.asIntN(length * 8, value) === value;
  // The leading hex digit may fill all its bits, and then the sign needs one more.
  const length = Math.ceil(magnitudeBits / 64) * 8;
  return signed(length) ? length : length + 8;
}

/**
 * The value as hex digits of its big-endian two's complement, sign-extended to a multiple of 8 bytes and no longer
 * than that. KMIP 1.4 section 9.1.1.4.
 */
export function bigIntToHex(value: bigint): string {
  const length = bigIntByteLength(value);
  return BigInt.asUintN(length * 8, value)
    .toString(16)
    .padStart(length * 2, '0');
}
