import { HoldfastError, type ErrorCode } from '@holdfast/ttlv';

/** The code of the HoldfastError that `run` throws; undefined where it throws none. */
export function refusal(run: () => unknown): ErrorCode | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof HoldfastError) return error.code;
    throw error;
  }
}
