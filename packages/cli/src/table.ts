/**
 * What a terminal would act on instead of showing: control characters, line and paragraph separators, lone surrogates,
 * and the marks that turn the direction of text around.
 */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/** Text from elsewhere made safe to print on one line: what a terminal would act on is written as `\u{1b}`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** `1 object`, `2 objects`. */
export function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function widthOf(text: string): number {
  return Array.from(text).length;
}

function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}

const GAP = '  ';

/** Lines of aligned columns, the headings first; cells are made printable. No line ends in spaces. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headings, ...rows].map((row) => row.map(printable));
  const widths = headings.map((_, column) =>
    lines.reduce((width, line) => Math.max(width, widthOf(line[column] ?? '')), 0),
  );
  const line = (cells: readonly string[]) =>
    cells.map((cell, column) => padded(cell, widths[column] ?? 0)).join(GAP);
  return lines.map((cells) => `${line(cells).trimEnd()}\n`).join('');
}

/** One `label  value` line each; values that are undefined are left out. */
export function listing(entries: readonly (readonly [label: string, value: string | undefined])[]): string {
  const present = entries.filter((entry): entry is readonly [string, string] => entry[1] !== undefined);
  const width = Math.max(0, ...present.map(([label]) => widthOf(printable(label))));
  return present
    .map(([label, value]) => `${padded(printable(label), width)}${GAP}${printable(value)}`.trimEnd() + '\n')
    .join('');
}
