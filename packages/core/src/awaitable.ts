/** What is there at once where that is possible: a promise costs more than many a computation. */
export type Awaitable<T> = T | Promise<T>;

/** Goes on with a value at once where it is there, else when it has come. */
export function whenThere<T, Next>(
  value: Awaitable<T>,
  next: (value: T) => Awaitable<Next>,
): Awaitable<Next> {
  return value instanceof Promise ? value.then(next) : next(value);
}
