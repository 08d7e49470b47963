import { listing } from '../table';
import { oneLine, type Plain } from './plain';

export interface OutputFlags {
  readonly json?: boolean;
}

export type PlainRecord = { readonly [member: string]: Plain };

/** `uniqueIdentifier` as `Unique Identifier`. */
export function label(member: string): string {
  return member.replace(/([a-z0-9])([A-Z])/g, '$1 $2').replace(/^./, (first) => first.toUpperCase());
}

/** Each member on a line of its own, for people. */
export function plainListing(value: PlainRecord): string {
  return listing(
    Object.entries(value)
      .filter(([, content]) => !Array.isArray(content) || content.length > 0)
      .map(([member, content]) => [label(member), oneLine(content)] as const),
  );
}

/** Writes the result to standard output: one JSON document with `--json`, else what `forPeople` makes of it. */
export function print(
  value: PlainRecord,
  flags: OutputFlags,
  forPeople: (value: PlainRecord) => string,
): void {
  process.stdout.write(flags.json === true ? `${JSON.stringify(value)}\n` : forPeople(value));
}
