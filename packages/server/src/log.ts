import pino, { type Logger } from 'pino';
import { HoldfastError } from '@holdfast/core';
import type { LogLevel } from './config';

export type { Logger } from 'pino';

/**
 * What the log shows of an error: its code and message, and for the operator the cause. Causes from libraries may
 * quote values of a statement, so of those only name, code and message are kept, never their own fields.
 */
export function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) };
  const code = error instanceof HoldfastError ? error.code : (error as { code?: unknown }).code;
  return {
    name: error.name,
    ...(typeof code === 'string' ? { code } : {}),
    message: error.message,
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}

/** What waits while standard error takes nothing (its disk is full, its reader is gone); beyond it lines are dropped. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** The log of this process: JSON lines on standard error. Messages of clients are never logged, at any
 * level, but for the text that a client hands over with Log. */
export function createLogger(level: LogLevel): Logger {
  const destination = pino.destination({ dest: 2, sync: true, maxLength: MAX_WAITING_BYTES });
  // Keys are served on although nobody can be told: what was not written is tried again with the next line.
  destination.on('error', () => undefined);
  return pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // Most callers describe an error themselves; one that is handed over as it is must not show its own fields either.
      serializers: { error: (error: unknown) => (error instanceof Error ? describeError(error) : error) },
    },
    destination,
  );
}
