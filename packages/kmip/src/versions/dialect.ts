import { HoldfastError } from '@holdfast/ttlv';

/** The protocol versions that are spoken here, oldest first. */
export const VERSION_NAMES = ['1.0', '1.1', '1.2', '1.3', '1.4', '2.0', '2.1'] as const;
export type VersionName = (typeof VERSION_NAMES)[number];

export interface ProtocolVersion {
  readonly protocolVersionMajor: number;
  readonly protocolVersionMinor: number;
}

/** First and last version that has a field, a value, an attribute or an operation; open where left out. */
export interface Window {
  readonly since?: VersionName | undefined;
  readonly last?: VersionName | undefined;
}

/**
 * What a version does differently where no field says so. Decoding and the operations read these flags; nothing
 * outside this folder compares versions.
 */
export interface VersionRules {
  /** 1.x names attributes by text and index inside Template-Attribute; 2.x by tag inside Attributes. */
  readonly attributeForm: 'indexed' | 'tagged';
  /** Missing mandatory attributes of Create are filled in by the server (2.x, KMIP 2.1 section 4). */
  readonly fillsCreateDefaults: boolean;
  /** Keys are made, and digests computed, in the default format of their type (KMIP 2.1 sections 4.21 and 4.26). */
  readonly hasDefaultKeyFormats: boolean;
  /** Create makes Secret Data too (KMIP 2.1 section 6.1.8). */
  readonly createsSecretData: boolean;
  /** Order in which Locate answers where several objects match (KMIP 2.1 section 6.1.28). */
  readonly locateOrder: 'newest-first' | 'unspecified';
  /**
   * Of GF(2^8) in secret sharing, its polynomial as a number: that of FIPS 197 (1.4 section 2.2.5), or the one that 2.x
   * prints (2.1 section 13.1).
   */
  readonly splitKeyPolynomial: 283 | 285;
  /** What an absent Batch Order Option means (1.4 section 6.12, 2.1 section 9.8). */
  readonly batchOrderDefault: boolean;
}

/** One protocol version with its place in the order and its rules. */
export interface Dialect extends ProtocolVersion {
  readonly name: VersionName;
  /** 0 for 1.0 up to 6 for 2.1: an index for per-version tables, not for comparison. */
  readonly ordinal: number;
  readonly rules: VersionRules;
  /**
   * What is read may hold what this version does not list, a vendor's or a later version's: values of enumerations and masks
   * are read as they are, members of structures passed over. Never so for what a server reads.
   */
  readonly toleratesUnknown: boolean;
  /** Whether the window holds this version. */
  knows(window: Window): boolean;
}

const RULES_V1: VersionRules = {
  attributeForm: 'indexed',
  fillsCreateDefaults: false,
  hasDefaultKeyFormats: false,
  createsSecretData: false,
  locateOrder: 'unspecified',
  splitKeyPolynomial: 283,
  batchOrderDefault: false,
};
const RULES_V2: VersionRules = {
  attributeForm: 'tagged',
  fillsCreateDefaults: true,
  hasDefaultKeyFormats: true,
  createsSecretData: true,
  locateOrder: 'newest-first',
  splitKeyPolynomial: 285,
  batchOrderDefault: true,
};

const ORDINALS = Object.fromEntries(VERSION_NAMES.map((name, ordinal) => [name, ordinal])) as Readonly<
  Record<VersionName, number>
>;

function makeDialect(name: VersionName): Dialect {
  const ordinal = ORDINALS[name];
  const [major, minor] = name.split('.').map(Number) as [number, number];
  return {
    name,
    ordinal,
    protocolVersionMajor: major,
    protocolVersionMinor: minor,
    rules: major === 1 ? RULES_V1 : RULES_V2,
    toleratesUnknown: false,
    knows: ({ since, last }) =>
      (since === undefined || ordinal >= ORDINALS[since]) &&
      (last === undefined || ordinal <= ORDINALS[last]),
  };
}

/** Every version that is spoken, oldest first. */
export const DIALECTS: readonly Dialect[] = VERSION_NAMES.map(makeDialect);

const byName = new Map(DIALECTS.map((dialect) => [dialect.name, dialect]));

/**
 * The form in which neutral structures are kept at rest: that of the newest version, but with every field, value and
 * attribute of any version. It is never spoken.
 */
export const STORAGE_DIALECT: Dialect = {
  ...(byName.get('2.1') as Dialect),
  ordinal: VERSION_NAMES.length,
  knows: () => true,
};

export function dialectNamed(name: VersionName): Dialect {
  return byName.get(name) as Dialect;
}

const tolerantDialects = DIALECTS.map((dialect) => ({ ...dialect, toleratesUnknown: true }));

/** The same version, for reading the answers of servers that say more than it has. */
export function tolerant({ name }: Dialect): Dialect {
  return tolerantDialects[ORDINALS[name]] as Dialect;
}

/**
 * The dialect of a Protocol Version.
 * @throws HoldfastError UnsupportedProtocolVersion
 */
export function dialectOf(version: ProtocolVersion): Dialect {
  const name = `${version.protocolVersionMajor}.${version.protocolVersionMinor}`;
  const dialect = byName.get(name as VersionName);
  if (dialect === undefined) {
    throw new HoldfastError('UnsupportedProtocolVersion', `protocol version ${name} is not spoken here`);
  }
  return dialect;
}

/**
 * The spoken version to answer in where a request's own is not spoken: the newest one that is not newer, else the oldest;
 * the newest of all where the request's version is unknown.
 */
export function nearestDialect(version: ProtocolVersion | undefined): Dialect {
  const newest = DIALECTS[DIALECTS.length - 1] as Dialect;
  if (version === undefined) return newest;
  const rank = ({ protocolVersionMajor, protocolVersionMinor }: ProtocolVersion) =>
    protocolVersionMajor * 1000 + Math.min(protocolVersionMinor, 999);
  const wanted = rank(version);
  const notNewer = DIALECTS.filter((dialect) => rank(dialect) <= wanted);
  return notNewer.at(-1) ?? (DIALECTS[0] as Dialect);
}

/** Whether two Protocol Versions are the same. */
export function sameVersion(one: ProtocolVersion, other: ProtocolVersion): boolean {
  return (
    one.protocolVersionMajor === other.protocolVersionMajor &&
    one.protocolVersionMinor === other.protocolVersionMinor
  );
}
