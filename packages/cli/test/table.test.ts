import { counted, listing, printable, table } from '../src/table';

test('what a terminal would act on is shown as its code', () => {
  expect(printable('a\u001b[31mb\r\nc\u009bd')).toBe('a\\u{1b}[31mb\\u{d}\\u{a}c\\u{9b}d');
  expect(printable('user\u202egnp.exe \u2028\ud800')).toBe('user\\u{202e}gnp.exe \\u{2028}\\u{d800}');
  expect(printable('Schlüssel 鍵 🔑')).toBe('Schlüssel 鍵 🔑');
});

test('columns are aligned and no line ends in spaces', () => {
  expect(
    table(
      ['NAME', 'STATE'],
      [
        ['a', 'Active'],
        ['a longer one', ''],
      ],
    ),
  ).toBe('NAME          STATE\na             Active\na longer one\n');
});

test('columns are aligned whatever takes no cell of the terminal, or two', () => {
  expect(
    table(
      ['NAME', 'STATE'],
      [
        ['バックアップ', 'Active'],
        ['cle\u0301', 'Active'],
        ['한글 ａ🔑', 'Active'],
      ],
    ),
  ).toBe('NAME          STATE\nバックアップ  Active\ncle\u0301           Active\n한글 ａ🔑     Active\n');
});

test('a cell cannot break its line', () => {
  expect(table(['A', 'B'], [['x\ny', 'z']])).toBe('A        B\nx\\u{a}y  z\n');
});

test('a listing leaves out what has no value', () => {
  expect(
    listing([
      ['Server', 'kms:5696'],
      ['CA', undefined],
      ['Version', '1.4'],
    ]),
  ).toBe('Server   kms:5696\nVersion  1.4\n');
});

test('one is not said in the plural', () => {
  expect([0, 1, 2].map((number) => counted(number, 'object'))).toEqual([
    '0 objects',
    '1 object',
    '2 objects',
  ]);
});
