import { setImmediate } from 'node:timers/promises';
import type { Field } from './field';

/** Shamir's secret sharing: the secret is the value at 0 of a polynomial, the shares are its values at 1, 2, ... */

export interface Share<Vector> {
  readonly keyPartIdentifier: number;
  readonly vector: Vector;
}

/** What is worked out step by step, since many shares of a long key take long. */
export type Joining<T> = Generator<undefined, T, undefined>;

/** The shares of parts 1 to `parts`, any `threshold` of which make the secret again, while fewer tell nothing. */
export async function sharesOf<Scalar, Vector>(
  field: Field<Scalar, Vector>,
  secret: Vector,
  threshold: number,
  parts: number,
): Promise<readonly Vector[]> {
  const coefficients = Array.from({ length: threshold - 1 }, () => field.random());
  const shares: Vector[] = [];
  for (let part = 1; part <= parts; part++) {
    shares.push(valueAt(field, field.scalar(part), secret, coefficients));
    // Many parts of a long key take long: others are served in between.
    await setImmediate();
  }
  for (const coefficient of coefficients) field.erase(coefficient);
  return shares;
}

/** Horner's rule. */
function valueAt<Scalar, Vector>(
  field: Field<Scalar, Vector>,
  at: Scalar,
  secret: Vector,
  coefficients: readonly Vector[],
): Vector {
  const [highest, ...lower] = [secret, ...coefficients].reverse() as [Vector, ...Vector[]];
  // A vector of its own, also where the secret is all there is of the polynomial.
  const first = field.scaled(highest, field.scalar(1));
  return lower.reduce((value, coefficient) => {
    const scaled = field.scaled(value, at);
    const next = field.sum(scaled, coefficient);
    for (const each of [value, scaled]) field.erase(each);
    return next;
  }, first);
}

/**
 * The secret of as many shares as the threshold says, of different parts (Lagrange's interpolation at 0); between them others can be
 * served.
 */
export function* secretOfShares<Scalar, Vector>(
  field: Field<Scalar, Vector>,
  shares: readonly Share<Vector>[],
): Joining<Vector> {
  const at = shares.map(({ keyPartIdentifier }) => field.scalar(keyPartIdentifier));
  const product = (factors: readonly Scalar[]) =>
    factors.reduce((all, factor) => field.product(all, factor), field.scalar(1));
  const terms: Vector[] = [];
  for (const [index, { vector }] of shares.entries()) {
    const mine = at[index] as Scalar;
    const theirs = at.filter((_, other) => other !== index);
    const denominator = product(theirs.map((each) => field.difference(each, mine)));
    terms.push(field.scaled(vector, field.product(product(theirs), field.inverse(denominator))));
    yield;
  }
  return terms.reduce((sum, term) => {
    const next = field.sum(sum, term);
    for (const each of [sum, term]) field.erase(each);
    return next;
  });
}
