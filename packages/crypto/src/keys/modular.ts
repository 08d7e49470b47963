/** Arithmetic of RSA, DSA and DH keys that are given by their numbers. It takes time that depends on the values. */

export function modulo(value: bigint, modulus: bigint): bigint {
  const rest = value % modulus;
  return rest < 0n ? rest + modulus : rest;
}

export function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}

/** The inverse of `value` modulo `modulus`, or undefined where there is none. */
export function modularInverse(value: bigint, modulus: bigint): bigint | undefined {
  let [remainder, nextRemainder] = [modulus, modulo(value, modulus)];
  let [factor, nextFactor] = [0n, 1n];
  while (nextRemainder !== 0n) {
    const quotient = remainder / nextRemainder;
    [remainder, nextRemainder] = [nextRemainder, remainder - quotient * nextRemainder];
    [factor, nextFactor] = [nextFactor, factor - quotient * nextFactor];
  }
  return remainder === 1n ? modulo(factor, modulus) : undefined;
}

/** base ^ exponent modulo modulus, for an exponent that is not negative. */
export function modularPower(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n % modulus;
  let square = modulo(base, modulus);
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

/** The largest number whose square is not greater; 0 for a number below zero. */
export function squareRoot(value: bigint): bigint {
  if (value < 2n) return value < 0n ? 0n : value;
  // Newton's method from above comes down until it is there.
  let root = 1n << BigInt((value.toString(16).length + 1) * 2);
  for (let next = (root + value / root) >> 1n; next < root; next = (root + value / root) >> 1n) root = next;
  return root;
}
