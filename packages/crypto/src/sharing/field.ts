/**
 * A field as secret sharing needs it. Scalars are made of Key Part Identifiers, which are public; vectors are secrets and
 * shares: as many elements of the field as it takes to hold the secret.
 */
export interface Field<Scalar, Vector> {
  scalar(keyPartIdentifier: number): Scalar;
  difference(a: Scalar, b: Scalar): Scalar;
  product(a: Scalar, b: Scalar): Scalar;
  /** Of an element that is not zero. */
  inverse(a: Scalar): Scalar;
  sum(a: Vector, b: Vector): Vector;
  /** The vector times a scalar. */
  scaled(vector: Vector, factor: Scalar): Vector;
  /** A vector of elements that are all equally likely. */
  random(): Vector;
  /** Overwrites the vector where that is possible. */
  erase(vector: Vector): void;
}
