import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { decodeTtlv, decodeXmlDocument, ItemType, type Item } from '@holdfast/ttlv';
import { DIALECTS, vocabularyOf, type Dialect } from '@holdfast/kmip';

/**
 * Vectors that are not part of this repository: HOLDFAST_VECTORS names a folder with `captures/*.txt` (lines of `> hex`
 * and `< hex`) and `oasis/<version>/<kind>/*.xml` (the OASIS test cases); else the folder `shared` beside the checkout
 * is looked into. Where there is neither, the tests on them are skipped.
 */
const root = process.env['HOLDFAST_VECTORS'] ?? resolve(__dirname, '../../../../shared');

function folder(name: string): string | undefined {
  const path = join(root, name);
  return existsSync(path) ? path : undefined;
}

export interface Capture {
  readonly title: string;
  readonly request: Item;
}

/** The requests of real clients; those that are no well-formed TTLV are left out. */
export function captures(): readonly Capture[] {
  const path = folder('captures');
  if (path === undefined) return [];
  return readdirSync(path)
    .filter((name) => name.endsWith('.txt'))
    .flatMap((name) => {
      const found: Capture[] = [];
      let comment = '';
      for (const line of readFileSync(join(path, name), 'utf8').split('\n')) {
        if (line.startsWith('#')) comment = line;
        if (!line.startsWith('> ')) continue;
        const request = decodeTtlv(Buffer.from(line.slice(2).trim(), 'hex'));
        found.push({ title: `${name} ${found.length} ${comment.slice(2, 90)}`, request });
      }
      return found;
    });
}

export interface TestCase {
  readonly title: string;
  readonly messages: readonly Item[];
}

/** Stands for the values of the moment that the cases leave open. */
function filled(value: string, type: ItemType): string {
  if (!value.startsWith('$')) return value;
  if (type === ItemType.DateTime) return '2024-01-01T00:00:00Z';
  if (type === ItemType.ByteString) return '0a0b';
  return value;
}

/** The OASIS test cases. */
export function oasisCases(): readonly TestCase[] {
  const path = folder('oasis');
  if (path === undefined) return [];
  const vocabulary = vocabularyOf(DIALECTS[DIALECTS.length - 1] as Dialect);
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.xml'))
    .sort()
    .map((name) => ({
      title: basename(name),
      messages: decodeXmlDocument(readFileSync(join(path, name), 'utf8'), vocabulary, {
        substitute: (value, _tag, type) => filled(value, type),
      }),
    }));
}

/** Every item below and including this one. */
export function* walk(item: Item): Generator<Item> {
  yield item;
  if (item.type === ItemType.Structure) for (const child of item.value) yield* walk(child);
}
