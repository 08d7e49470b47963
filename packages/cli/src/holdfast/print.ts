import { table } from '../table';

/** Prints JSON, or rows under headings; `empty` where there are none. */
export function print<T>(
  value: T | readonly T[],
  json: boolean | undefined,
  columns: Readonly<Record<string, (row: T) => string | undefined>>,
  empty: string,
): void {
  if (json === true) {
    process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
    return;
  }
  const rows = (Array.isArray(value) ? value : [value]) as readonly T[];
  if (rows.length === 0) {
    process.stdout.write(`${empty}\n`);
    return;
  }
  const headings = Object.keys(columns);
  const cells = rows.map((row) => Object.values(columns).map((cell) => cell(row) ?? ''));
  process.stdout.write(table(headings, cells));
}

/** Tells that something was done: what it was about as JSON, or in a sentence for people. */
export function printDone(
  facts: Readonly<Record<string, unknown>>,
  json: boolean | undefined,
  sentence: string,
): void {
  process.stdout.write(json === true ? `${JSON.stringify(facts, undefined, 2)}\n` : sentence);
}
