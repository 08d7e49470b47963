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

/** What takes no cell of a terminal: marks on the character before, and what joins characters. */
const WITHOUT_WIDTH = /[\p{Mn}\p{Me}\p{Cf}]/u;
/** What takes two: East_Asian_Width W and F, of which regular expressions know no more than the blocks (Unicode UAX #11). */
const WIDE =
  /[\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{1b2ff}\u{20000}-\u{3fffd}\p{Emoji_Presentation}]/u;

/** Cells of a terminal. */
function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += WITHOUT_WIDTH.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
  return width;
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
