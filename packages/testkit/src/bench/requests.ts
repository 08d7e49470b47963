import { createDecipheriv, createHash } from 'node:crypto';
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  KeyFormatType,
  NameType,
  ObjectType,
  ResultStatus,
  Tag,
  decodeResponse,
  dialectNamed,
  encodeRequest,
  type Dialect,
  type NewAttributes,
} from '@holdfast/kmip';
import {
  SecretBytes,
  create,
  discoverVersions,
  encrypt,
  get,
  locate,
  register,
  type OperationDefinition,
} from '@holdfast/core';
import { decodeTtlv, encodeTtlv, type Item, type StructureItem } from '@holdfast/ttlv';
import type { Load } from './load';

const DIALECT = dialectNamed('1.4');
/** The first version in which a client may say of a registered key that it has been served before. */
export const REGISTER_DIALECT = dialectNamed('2.1');
const KEY_LENGTH_BYTES = 32;
/** How many of the responses are taken apart and compared in full; of the others the status is looked at. */
const SAMPLE_EVERY = 64;
const IDENTIFIER_LENGTH = 36;
const NOTHING = Buffer.alloc(0);

export function keyNumber(number: number): Buffer {
  return createHash('sha256').update(`holdfast bench key ${number}`).digest().subarray(0, KEY_LENGTH_BYTES);
}

export function nameNumber(number: number): string {
  return `bench-${String(number).padStart(8, '0')}`;
}

function payloadOf<Request>(
  definition: OperationDefinition<Request>,
  request: Request,
  dialect: Dialect,
): StructureItem {
  return definition.request.encode(Tag.RequestPayload, request, dialect) as StructureItem;
}

/** The bytes of a request of one or several items of one operation. */
export function requestBytes<Request>(
  definition: OperationDefinition<Request>,
  requests: readonly Request[],
  dialect = DIALECT,
): Buffer {
  const items = requests.map((request, index) => ({
    operation: definition.code,
    payload: payloadOf(definition, request, dialect),
    ...(requests.length > 1 ? { uniqueBatchItemID: Buffer.from(String(index)) } : {}),
  }));
  return encodeTtlv(encodeRequest({ dialect, items }));
}

export function aesAttributes(name: string): NewAttributes {
  return {
    templateNames: [],
    attributes: [
      { key: 'CryptographicAlgorithm', value: CryptographicAlgorithm.AES },
      { key: 'CryptographicLength', value: KEY_LENGTH_BYTES * 8 },
      {
        key: 'CryptographicUsageMask',
        value: CryptographicUsageMask.Encrypt | CryptographicUsageMask.Decrypt,
      },
      { key: 'Name', value: { nameValue: name, nameType: NameType.UninterpretedTextString } },
    ],
  };
}

/** An Activation Date that has long come. */
const LONG_ACTIVE_SECONDS = 1_000_000_000;

/**
 * Registers the keys number `from` to `to` under their names, in one message. They are active, and stated to have been
 * served before (Fresh is false), as all but a key's first Get find them: the first one writes that down.
 */
export function registerRequest(from: number, to: number): Buffer {
  const requests = [];
  for (let number = from; number < to; number++) {
    requests.push({
      objectType: ObjectType.SymmetricKey,
      newAttributes: {
        templateNames: [],
        attributes: [
          ...aesAttributes(nameNumber(number)).attributes,
          { key: 'Fresh', value: false } as const,
          { key: 'ActivationDate', value: LONG_ACTIVE_SECONDS } as const,
        ],
      },
      object: {
        objectType: ObjectType.SymmetricKey,
        keyBlock: {
          keyFormatType: KeyFormatType.Raw,
          keyValue: { keyMaterial: SecretBytes.copyOf(keyNumber(number)), attributes: [] },
          cryptographicAlgorithm: CryptographicAlgorithm.AES,
          cryptographicLengthBits: KEY_LENGTH_BYTES * 8,
        },
      } as const,
    });
  }
  return requestBytes(register, requests, REGISTER_DIALECT);
}

/** The identifiers that a response to `registerRequest` names. */
export function identifiersOf(response: Buffer): readonly string[] {
  const { items, dialect } = decodeResponse(decodeTtlv(response));
  return items.map((item) => {
    if (item.resultStatus !== ResultStatus.Success || item.payload === undefined) {
      throw new Error(`the server refused a key: ${item.resultMessage ?? 'no message'}`);
    }
    return register.response.decode(item.payload, dialect).uniqueIdentifier;
  });
}

function requireSuccess(response: Buffer): void {
  const [item] = decodeResponse(decodeTtlv(response)).items;
  if (item?.resultStatus !== ResultStatus.Success) {
    throw new Error(`the server refused: ${item?.resultMessage ?? 'no message'}`);
  }
}

/** Looks at every nth response in full. */
function sampled(check: (response: Buffer, request: Buffer) => void): Load['check'] {
  let count = 0;
  return (response, request) => {
    if (count++ % SAMPLE_EVERY === 0) check(response, request);
  };
}

/** Where a text of ours stands in a request template. */
function slotOf(template: Buffer, text: string): number {
  const offset = template.indexOf(text, 0, 'latin1');
  if (offset === -1) throw new Error('the template has no place for the text');
  return offset;
}

/** Which of so many objects a request is for. */
export type Pick = (count: number) => number;

const uniformly: Pick = (count) => Math.floor(Math.random() * count);

/** One after the other. */
export function inTurn(): Pick {
  let next = 0;
  return (count) => next++ % count;
}

/** Requests for one object each, spread uniformly; `check` is told whose response it looks at. */
function objectLoad(
  identifiers: readonly string[],
  pick: Pick,
  requestFor: (uniqueIdentifier: string) => Buffer,
  check: (response: Buffer, uniqueIdentifier: string) => void,
): Load {
  const blank = '#'.repeat(IDENTIFIER_LENGTH);
  const template = requestFor(blank);
  const slot = slotOf(template, blank);
  return {
    request() {
      const bytes = Buffer.from(template);
      bytes.write(identifiers[pick(identifiers.length)] ?? '', slot, 'latin1');
      return bytes;
    },
    check: sampled((response, request) => {
      requireSuccess(response);
      check(response, request.toString('latin1', slot, slot + IDENTIFIER_LENGTH));
    }),
  };
}

function numbersOf(identifiers: readonly string[]): ReadonlyMap<string, number> {
  return new Map(identifiers.map((identifier, number) => [identifier, number]));
}

/** Gets; the bytes of the sample are compared with the registered ones. */
export function getLoad(identifiers: readonly string[], pick: Pick = uniformly): Load {
  const numbers = numbersOf(identifiers);
  return objectLoad(
    identifiers,
    pick,
    (uniqueIdentifier) => requestBytes(get, [{ uniqueIdentifier }]),
    (response, uniqueIdentifier) => {
      if (!response.includes(keyNumber(numbers.get(uniqueIdentifier) ?? -1)))
        throw new Error('a key came back wrong');
    },
  );
}

/** Encrypts 32 bytes with AES-256-GCM under an IV of the server's; the sample is decrypted. */
export function encryptLoad(identifiers: readonly string[]): Load {
  const numbers = numbersOf(identifiers);
  const data = keyNumber(0);
  const cryptographicParameters = { blockCipherMode: BlockCipherMode.GCM, randomIV: true };
  return objectLoad(
    identifiers,
    uniformly,
    (uniqueIdentifier) =>
      requestBytes(encrypt, [{ uniqueIdentifier, cryptographicParameters, data: SecretBytes.copyOf(data) }]),
    (response, uniqueIdentifier) => {
      const [item] = decodeResponse(decodeTtlv(response)).items;
      const answer = encrypt.response.decode(item?.payload as Item, DIALECT);
      const { ivCounterNonce = NOTHING, authenticatedEncryptionTag = NOTHING } = answer;
      const key = keyNumber(numbers.get(uniqueIdentifier) ?? -1);
      const decipher = createDecipheriv('aes-256-gcm', key, ivCounterNonce);
      decipher.setAuthTag(authenticatedEncryptionTag);
      const decrypted = Buffer.concat([decipher.update(answer.data ?? NOTHING), decipher.final()]);
      if (!decrypted.equals(data)) throw new Error('data were encrypted wrong');
    },
  );
}

/** Locates by an exact name, spread uniformly over the keys. */
export function locateLoad(identifiers: readonly string[]): Load {
  const blank = nameNumber(0);
  const template = requestBytes(locate, [
    {
      attributes: [{ key: 'Name', value: { nameValue: blank, nameType: NameType.UninterpretedTextString } }],
    },
  ]);
  const slot = slotOf(template, blank);
  return {
    request() {
      const bytes = Buffer.from(template);
      bytes.write(nameNumber(Math.floor(Math.random() * identifiers.length)), slot, 'latin1');
      return bytes;
    },
    check: sampled((response, request) => {
      requireSuccess(response);
      const number = Number(request.toString('latin1', slot + 'bench-'.length, slot + blank.length));
      if (!response.includes(identifiers[number] ?? '?', 0, 'latin1'))
        throw new Error('Locate found another key');
    }),
  };
}

/** Creates AES-256 keys, each with a name of its own. */
export function createLoad(prefix: string): Load {
  const blank = `${prefix}-00000000`;
  const template = requestBytes(create, [
    { objectType: ObjectType.SymmetricKey, newAttributes: aesAttributes(blank) },
  ]);
  const slot = slotOf(template, blank);
  let count = 0;
  return {
    request() {
      const bytes = Buffer.from(template);
      bytes.write(`${prefix}-${String(count++).padStart(8, '0')}`, slot, 'latin1');
      return bytes;
    },
    check: sampled(requireSuccess),
  };
}

export function discoverLoad(): Load {
  const request = requestBytes(discoverVersions, [{ protocolVersions: [] }]);
  return { request: () => request, check: sampled(requireSuccess) };
}
