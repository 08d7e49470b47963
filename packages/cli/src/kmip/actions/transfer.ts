import type { KmipClient } from '@holdfast/client';
import { exportObject, importObject, type PresentationRequest } from '@holdfast/core';
import {
  KeyWrapType,
  Operation,
  ResultStatus,
  Tag,
  decodeResponse,
  encodeResponse,
  isKnownAttribute,
  keyCompressionTypeEnum,
  keyFormatTypeEnum,
  keyWrapTypeEnum,
  type Dialect,
  type Infer,
  type KeyCompressionType,
  type KeyFormatType,
} from '@holdfast/kmip';
import { HoldfastError, SecretBytes, decodeTtlv, encodeTtlv } from '@holdfast/ttlv';
import { wrongUse } from '../../exit';
import { keyDestination, writeKey } from '../../key-output';
import { withClient } from '../connect';
import { inputBytes, type InputFlags } from '../input';
import { describeObject } from '../object-value';
import { plainListing, print } from '../output';
import { plainAttribute, type Plain } from '../plain';
import { parseMember } from '../values';
import { wrappingOf, type WrappingFlags } from '../wrapping-flags';
import { attributesTable } from './attributes';
import type { CommonFlags } from './perform';

/** The form in which a value is asked for: Get and Export. */
export interface PresentationFlags extends WrappingFlags {
  readonly keyFormat?: string;
  readonly compression?: string;
  readonly wrapType?: string;
}

export function presentationOf(
  uniqueIdentifier: string,
  { keyFormat, compression, wrapType, ...flags }: PresentationFlags,
): PresentationRequest {
  return {
    uniqueIdentifier,
    keyFormatType:
      keyFormat === undefined
        ? undefined
        : (parseMember(keyFormatTypeEnum, keyFormat, 'Key Format Type') as KeyFormatType),
    keyWrapType:
      wrapType === undefined
        ? undefined
        : (parseMember(keyWrapTypeEnum, wrapType, 'Key Wrap Type') as KeyWrapType),
    keyCompressionType:
      compression === undefined
        ? undefined
        : (parseMember(keyCompressionTypeEnum, compression, 'Key Compression Type') as KeyCompressionType),
    keyWrappingSpecification: wrappingOf(flags),
  };
}

type Exported = Infer<typeof exportObject.response>;

export interface ExportFlags extends CommonFlags, PresentationFlags {
  readonly out?: string;
  readonly force?: boolean;
}

/** What an exported object is kept in: the KMIP message that brought it, which tells its version. */
function messageOf(exported: Exported, dialect: Dialect): SecretBytes {
  const payload = exportObject.response.encode(Tag.ResponsePayload, exported, dialect);
  if (payload === undefined) throw wrongUse('this object cannot be written down');
  const item = { operation: Operation.Export, resultStatus: ResultStatus.Success, payload };
  const header = { timeStamp: Math.floor(Date.now() / 1000) };
  return new SecretBytes(encodeTtlv(encodeResponse({ dialect, header, items: [item] })));
}

function exportedIn(content: Buffer): Exported {
  try {
    const { dialect, items } = decodeResponse(decodeTtlv(content));
    const [item] = items;
    if (item?.operation === Operation.Export && item.payload !== undefined) {
      return exportObject.response.decode(item.payload, dialect);
    }
  } catch (cause) {
    if (!(cause instanceof HoldfastError)) throw cause;
  }
  throw wrongUse('this is no exported object', 'Files to import are those that "kmip export --out" writes.');
}

export async function exportAction(uniqueIdentifier: string, flags: ExportFlags): Promise<void> {
  const destination = await keyDestination(flags);
  const request = presentationOf(uniqueIdentifier, flags);
  // What is written down has to be all that was told.
  const isStrict = flags.out !== undefined;
  const work = async (client: KmipClient): Promise<void> => {
    const exported = await client.call(exportObject, request);
    const facts = {
      uniqueIdentifier: exported.uniqueIdentifier,
      ...(exported.object === undefined ? {} : described(exported.object)),
    };
    if (flags.out !== undefined && destination !== undefined) {
      const bytes = messageOf(exported, client.dialect);
      await writeKey({ bytes, pemLabel: undefined }, destination);
      bytes.destroy();
      print({ ...facts, file: flags.out }, flags, plainListing);
      return;
    }
    const attributes = exported.attributes.map(plainAttribute);
    print({ ...facts, attributes }, flags, (all) => `${plainListing(facts)}\n${attributesTable(all)}`);
    if (flags.json !== true) process.stderr.write('The object itself is saved with --out FILE.\n');
  };
  await withClient(flags, work, isStrict);
}

function described(object: NonNullable<Exported['object']>): Readonly<Record<string, Plain>> {
  return Object.fromEntries(
    Object.entries(describeObject(object)).filter(
      (entry): entry is [string, Plain] => entry[1] !== undefined,
    ),
  );
}

export interface ImportFlags extends CommonFlags, InputFlags {
  readonly id?: string;
  readonly replace?: boolean;
  readonly unwrap?: boolean;
}

export async function importAction(flags: ImportFlags): Promise<void> {
  const content = await inputBytes(flags, 'what is to be imported');
  const { objectType, uniqueIdentifier, attributes, object } = exportedIn(content);
  const { objectType: objectTypeField } = importObject.request.fields;
  const request = {
    uniqueIdentifier: flags.id ?? uniqueIdentifier,
    replaceExisting: flags.replace,
    keyWrapType: flags.unwrap === true ? KeyWrapType.NotWrapped : undefined,
    attributes: attributes.filter(isKnownAttribute),
    object,
  };
  try {
    const response = await withClient(flags, async (client) => {
      const isTold = objectTypeField !== undefined && client.dialect.knows(objectTypeField.window);
      return client.call(importObject, isTold ? { ...request, objectType } : request);
    });
    print({ ...response }, flags, plainListing);
  } finally {
    content.fill(0);
  }
}
