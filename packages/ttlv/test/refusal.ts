import { HoldfastError } from '../src';

/** The HoldfastError that `run` throws; any other outcome fails the test. */
export function refusal(run: () => unknown): HoldfastError {
  try {
    run();
  } catch (error) {
    if (error instanceof HoldfastError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}
