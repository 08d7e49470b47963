/** The time that decides states: the database's, as this process knows it. */
export interface Clock {
  /** Seconds since 1970, whole. */
  nowSeconds(): number;
}
