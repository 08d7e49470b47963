import { setFlagsFromString } from 'node:v8';
import { runInThisContext } from 'node:vm';
import { decodeTtlv, encodeTtlv, type Item } from '@holdfast/ttlv';
import { STORAGE_DIALECT, Tag, definitionOf, vocabularyOf } from '@holdfast/kmip';

setFlagsFromString('--allow-natives-syntax');
const haveSameHiddenClass = runInThisContext('(one, other) => %HaveSameMap(one, other)') as (
  one: object,
  other: object,
) => boolean;

/** An item with this tag, as codecs make them. */
function made(tag: number): Item {
  return { tag, type: 2, value: 1 };
}

test('items have one hidden class, wherever their tag comes from', () => {
  const { tag } = definitionOf('State');
  const named = vocabularyOf(STORAGE_DIALECT).tagByName('State');
  expect([tag, named]).toEqual([Tag.State, Tag.State]);
  const items = [made(Tag.State), made(tag), made(named as number)];
  const before = decodeTtlv(encodeTtlv(made(Tag.State)));
  for (const item of items) expect(haveSameHiddenClass(item, made(Tag.State))).toBe(true);
  expect(haveSameHiddenClass(before, decodeTtlv(encodeTtlv(made(tag))))).toBe(true);
});
