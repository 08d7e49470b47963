import { hostname } from 'node:os';
import type { AuditOutcome } from '@holdfast/core';
import type { Checkpoint } from '@holdfast/store';
import { signedLine } from './export';
import { LINE_FORMATS, type LinkedLine } from './lines';

/** Facility "log audit" of RFC 5424 section 6.2.1. */
const FACILITY = 13;
const NOTICE = 5;
const INFORMATIONAL = 6;
const WARNING = 4;
const SEVERITIES: Readonly<Record<AuditOutcome, number>> = {
  success: INFORMATIONAL,
  pending: INFORMATIONAL,
  undone: NOTICE,
  failure: WARNING,
};
const APPLICATION = 'holdfast';
const HOST = hostname().replace(/[^!-~]/g, '') || '-';

/** A record as a message of RFC 5424, in CEF, with the octet count of RFC 5425 section 4.3 before it. */
export function recordMessage(line: LinkedLine): Buffer {
  return message(SEVERITIES[line.outcome], line.time, 'record', LINE_FORMATS.cef.write(line));
}

/** A checkpoint as such a message: the line that the data folder has of it. */
export function checkpointMessage(checkpoint: Checkpoint, time: string): Buffer {
  return message(NOTICE, time, 'checkpoint', signedLine('checkpoint', checkpoint));
}

function message(severity: number, time: string, kind: string, text: string): Buffer {
  const priority = FACILITY * 8 + severity;
  const bytes = Buffer.from(`<${priority}>1 ${time} ${HOST} ${APPLICATION} ${process.pid} ${kind} - ${text}`);
  return Buffer.concat([Buffer.from(`${bytes.length} `), bytes]);
}
