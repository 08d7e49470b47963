import { DEFAULT_SEARCH_LIMIT, matcherOf, type AuditLine, type AuditQuery } from '@holdfast/server/admin';
import { wrongUse } from '../exit';
import { exportIn, openLog } from './audit-archive';
import type { OfficerOptions } from './options';

/** The last records in files that are like what is asked for. Exports are taken as they are: verifying is another command. */
export async function searchFiles(
  files: readonly string[],
  query: AuditQuery,
  options: OfficerOptions,
): Promise<readonly AuditLine[]> {
  const { limit = DEFAULT_SEARCH_LIMIT } = query;
  const matches = matcherOf(query);
  const found: AuditLine[] = [];
  for (const file of files) {
    for await (const text of linesOf(await exportIn(await openLog(file), options))) {
      const line = recordIn(text, file);
      if (line === undefined || !matches(line)) continue;
      found.push(line);
      if (found.length > limit) found.shift();
    }
  }
  return found;
}

async function* linesOf(content: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of content) {
    const lines = `${rest}${decoder.decode(chunk, { stream: true })}`.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

/** The record in a line; undefined for a header, a checkpoint and a statement. */
function recordIn(text: string, file: string): AuditLine | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (isObject(value)) {
    if (!('action' in value)) return undefined;
    if (isRecord(value)) return value as unknown as AuditLine;
  }
  throw wrongUse(`${file} is neither an archive nor an export as JSON lines`);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** Whether it has what is looked for and shown. */
function isRecord({ action, time, actor, objects, outcome }: Readonly<Record<string, unknown>>): boolean {
  const texts = [action, time, outcome, ...(isObject(actor) ? [actor['id'], actor['name']] : [undefined])];
  const isTexts = (all: readonly unknown[]): boolean => all.every((each) => typeof each === 'string');
  return isTexts(texts) && Array.isArray(objects) && isTexts(objects);
}
