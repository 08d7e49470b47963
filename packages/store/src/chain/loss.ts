import type { PackedEntry } from '../records/audit-batch';
import { decodeEntry } from '../records/entry';

/** What a process records of its own rows that were never linked. */
export const LOSS_ACTION = 'audit.lost';
/** Where the action stands in what happened: behind time and outcome, its length before it. */
const LENGTH_AT = 9;
const ACTION_AT = 11;
const ACTION = Buffer.from(LOSS_ACTION);

/** What a record says was lost; undefined where it is about something else. */
export function lossIn({ who, what }: PackedEntry): string | undefined {
  const end = ACTION_AT + ACTION.length;
  if (what.length < end || what.readUInt16BE(LENGTH_AT) !== ACTION.length) return undefined;
  if (!what.subarray(ACTION_AT, end).equals(ACTION)) return undefined;
  return decodeEntry(who, what).subjects.join(' ');
}
