import { HoldfastError, type ErrorCode } from '@holdfast/ttlv';

/** The code of the HoldfastError that `work` throws, undefined where it throws nothing; other errors fail the test. */
export function refusal(work: () => unknown): ErrorCode | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof HoldfastError) return error.code;
    throw error;
  }
}
