import { rotationDateOf, storageStatusOf, type AttributeSet, type StorageStatus } from '@holdfast/core';
import {
  STORAGE_DIALECT,
  State,
  Tag,
  attributeDefinitions,
  dateTime,
  definitionOf,
  type Attribute,
  type AttributeKey,
} from '@holdfast/kmip';
import { digestOf, encodeTtlv, itemEnd, itemTag, itemValueStart } from '@holdfast/ttlv';
import { BinaryWriter } from '../postgres/binary';
import { Hash64, type Term } from './hash64';

/** What Locate searches of one object: derived from its attributes, kept apart from its row, and rebuildable. */
export interface Projection {
  readonly storage: number;
  readonly state: State | undefined;
  readonly usageMask: number | undefined;
  readonly initialDate: number | undefined;
  readonly activationDate: number | undefined;
  readonly deactivationDate: number | undefined;
  /** When the server is to rotate it by itself; NEVER for one that has Rotate Automatic and is not to be. */
  readonly rotationDate: number | undefined;
  /** As elements of an int8[], of `TERM_BYTES` each. */
  readonly terms: Buffer;
}

/** So that what a program wrote that knew no such column (NULL) can be told from it. */
export const NEVER = Number.MAX_SAFE_INTEGER;

/** A term as an element of an array: its length and itself. */
export const TERM_BYTES = 12;
/** Of most objects. */
const USUAL_TERMS = 16;

/** How the column `storage` says where an object is. */
export const STORAGE_CODES: Readonly<Record<StorageStatus, number>> = {
  online: 0,
  archived: 1,
  destroyed: 2,
};

/** Attributes that have a column, or that nobody looks for by their exact value and each change would rewrite. */
const NO_TERM: ReadonlySet<AttributeKey> = new Set([
  'State',
  'LeaseTime',
  'UniqueIdentifier',
  'ShortUniqueIdentifier',
  'UsageLimits',
]);

/** Whether objects with this attribute are found by a term. Dates are looked for by ranges, masks by their bits. */
export function hasTerm(key: AttributeKey): boolean {
  const { codec } = definitionOf(key);
  return !NO_TERM.has(key) && codec !== dateTime && codec.table?.kind !== 'mask';
}

const TAGS_WITHOUT_TERM: ReadonlySet<number> = new Set([
  Tag.AttributeIndex,
  ...attributeDefinitions.filter(({ key }) => !hasTerm(key)).map(({ tag }) => tag),
]);

let seeded: { readonly domainId: string; readonly seed: Hash64 } | undefined;

/** What the terms of a domain begin with; the last one is kept, since the next term is mostly of the same domain. */
function seedOf(domainId: string): Hash64 {
  if (seeded?.domainId !== domainId) {
    seeded = { domainId, seed: new Hash64().update(Buffer.from(domainId.replaceAll('-', ''), 'hex')) };
  }
  return seeded.seed;
}

/** The term under which objects of the domain with this attribute value are found. */
export function termOf(domainId: string, attribute: Attribute): Term | undefined {
  const { tag, codec } = definitionOf(attribute.key);
  const item = codec.encode(tag, attribute.value, STORAGE_DIALECT);
  if (item === undefined) return undefined;
  return new Hash64().from(seedOf(domainId)).update(encodeTtlv(item)).finish();
}

/** One term for each attribute instance: a hash of its bytes as they stand in the encoded set. */
function termsOf(domainId: string, attributeBytes: Buffer): Buffer {
  const seed = seedOf(domainId);
  const hash = new Hash64();
  const terms = new BinaryWriter(USUAL_TERMS * TERM_BYTES);
  let offset = itemValueStart(0);
  while (offset < attributeBytes.length) {
    const end = itemEnd(attributeBytes, offset);
    const tag = itemTag(attributeBytes, offset);
    if (!TAGS_WITHOUT_TERM.has(tag)) {
      terms.int8Halves(hash.from(seed).update(attributeBytes, offset, end).finish());
    }
    offset = end;
  }
  return terms.finish();
}

/** @param attributeBytes the canonical bytes of `attributes` */
export function projectionOf(domainId: string, attributes: AttributeSet, attributeBytes: Buffer): Projection {
  return {
    storage: STORAGE_CODES[storageStatusOf(attributes)],
    state: attributes.get('State'),
    usageMask: attributes.get('CryptographicUsageMask'),
    initialDate: attributes.get('InitialDate'),
    activationDate: attributes.get('ActivationDate'),
    deactivationDate: attributes.get('DeactivationDate'),
    rotationDate:
      attributes.get('RotateAutomatic') === true ? (rotationDateOf(attributes) ?? NEVER) : undefined,
    terms: termsOf(domainId, attributeBytes),
  };
}

/** Whether two projections are the same row. */
export function sameProjection(one: Projection, other: Projection): boolean {
  return (
    one.storage === other.storage &&
    one.state === other.state &&
    one.usageMask === other.usageMask &&
    one.initialDate === other.initialDate &&
    one.activationDate === other.activationDate &&
    one.deactivationDate === other.deactivationDate &&
    one.rotationDate === other.rotationDate &&
    one.terms.equals(other.terms)
  );
}

/** Under what a name is unique within its domain: half of the SHA-256 of the Name Value. */
export function nameDigest(nameValue: string): Buffer {
  return digestOf('sha256', nameValue).subarray(0, 16);
}

/** The names that the object holds against others: none once it is destroyed. */
export function namesOf(attributes: AttributeSet): readonly string[] {
  if (storageStatusOf(attributes) === 'destroyed') return [];
  return [...new Set(attributes.instances('Name').map(({ value }) => value.nameValue))];
}
