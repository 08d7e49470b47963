import type { VersionName } from '../versions/dialect';

/** [value, printed name, first version, last version (absent: up to the newest)] */
export type EntryRow = readonly [value: number, name: string, since: VersionName, last?: VersionName];

export interface Entry {
  /** The normalised name of the XML and JSON encodings, also the name in our code. */
  readonly key: string;
  readonly value: number;
  /** The name that the specification prints. */
  readonly name: string;
  readonly since: VersionName;
  readonly last: VersionName | undefined;
}

export interface EntryTable<V extends Record<string, number> = Record<string, number>> {
  /** The printed name of the enumeration, mask or table. */
  readonly name: string;
  readonly values: V;
  readonly byValue: ReadonlyMap<number, Entry>;
  readonly byKey: ReadonlyMap<string, Entry>;
}
export interface EnumerationTable<
  V extends Record<string, number> = Record<string, number>,
> extends EntryTable<V> {
  readonly kind: 'enumeration';
}
export interface MaskTable<V extends Record<string, number> = Record<string, number>> extends EntryTable<V> {
  readonly kind: 'mask';
}

type ValuesOf<R extends Record<string, EntryRow>> = { readonly [K in keyof R]: R[K][0] };

function table<const R extends Record<string, EntryRow>>(name: string, rows: R): EntryTable<ValuesOf<R>> {
  const values: Record<string, number> = {};
  const byValue = new Map<number, Entry>();
  const byKey = new Map<string, Entry>();
  for (const [key, [value, printedName, since, last]] of Object.entries(rows)) {
    const entry: Entry = { key, value, name: printedName, since, last };
    values[key] = value;
    byValue.set(value, entry);
    byKey.set(key, entry);
  }
  // V8 keeps an object of many properties as a dictionary, which is searched at each use, unless it is a prototype.
  Object.create(values);
  return { name, values: values as ValuesOf<R>, byValue, byKey };
}

/** Declares the table of tags. */
export function tagTable<const R extends Record<string, EntryRow>>(rows: R): EntryTable<ValuesOf<R>> {
  return table('Tag', rows);
}

/** Declares one enumeration. */
export function enumeration<const R extends Record<string, EntryRow>>(
  name: string,
  rows: R,
): EnumerationTable<ValuesOf<R>> {
  return { kind: 'enumeration', ...table(name, rows) };
}

/** Declares one bit mask. */
export function mask<const R extends Record<string, EntryRow>>(
  name: string,
  rows: R,
): MaskTable<ValuesOf<R>> {
  return { kind: 'mask', ...table(name, rows) };
}
