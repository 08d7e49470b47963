import { operations } from '@holdfast/core';
import {
  CryptographicAlgorithm,
  ObjectType,
  Operation,
  ResultStatus,
  RevocationReasonCode,
  Tag,
  decodeRequest,
  dialectNamed,
  type Request,
  type VersionName,
} from '@holdfast/kmip';
import {
  Peer,
  Wire,
  attribute,
  enumeration,
  integer,
  readResponse,
  startServerProcess,
  structure,
  textAt,
  tlsOptions,
  uniqueIdentifier,
  type ReceivedItem,
  type ServerProcess,
} from '@holdfast/testkit';
import { ItemType, decodeTtlv, encodeTtlv, type Item } from '@holdfast/ttlv';
import { recordings } from './recordings';

/** What real clients were seen to send is sent to a running server, on objects that are in a fit state for it. */

const recorded = recordings();

const IDENTIFIERS: readonly number[] = [Tag.UniqueIdentifier, Tag.PrivateKeyUniqueIdentifier];

/** The same message about another object. */
function aboutObject(item: Item, identifier: string): Item {
  if (IDENTIFIERS.includes(item.tag) && item.type === ItemType.TextString) {
    return { ...item, value: identifier };
  }
  return item.type === ItemType.Structure
    ? { ...item, value: item.value.map((each) => aboutObject(each, identifier)) }
    : item;
}

function isCovered(operation: number, version: VersionName): boolean {
  const found = operations.find(({ code }) => code === operation);
  return found !== undefined && dialectNamed(version).knows(found.window);
}

/** Half of a key pair, where a request is about one: which half. */
const HALVES: ReadonlyMap<number, number> = new Map([
  [Operation.Sign, Tag.PrivateKeyUniqueIdentifier],
  [Operation.ReKeyKeyPair, Tag.PrivateKeyUniqueIdentifier],
  [Operation.SignatureVerify, Tag.PublicKeyUniqueIdentifier],
]);
const NEEDS_ACTIVE: readonly number[] = [
  Operation.Encrypt,
  Operation.Decrypt,
  Operation.Revoke,
  Operation.Sign,
  Operation.SignatureVerify,
];
const SIGN = 1;
const VERIFY = 2;

/** What an answer says when it is good. */
function expectation(operation: number, version: VersionName): Partial<ReceivedItem> {
  // The recorded ciphertext is that of another key.
  if (operation === Operation.Decrypt) return { operation };
  return isCovered(operation, version)
    ? { operation, status: ResultStatus.Success, reason: undefined, message: undefined }
    : { operation, status: ResultStatus.OperationFailed, reason: 'OperationNotSupported' };
}

(recorded.length === 0 ? describe.skip : describe)('recorded requests', () => {
  let server: ServerProcess;
  let maker: Peer;
  let wire: Wire;

  beforeAll(async () => {
    server = await startServerProcess();
    wire = await Wire.open(tlsOptions(server));
    maker = await Peer.connect(tlsOptions(server), '1.4');
  });
  afterAll(async () => {
    await Promise.all([wire.close(), maker.close()]);
    await server.stop();
  });

  /** What the request is about: an AES key, or half of a pair of RSA keys; Active where it has to be. */
  async function objectFor({ items: [first] }: Request): Promise<string> {
    const operation = first?.operation ?? 0;
    const half = HALVES.get(operation);
    const identifier = half === undefined ? await newKey() : await newHalf(half);
    if (NEEDS_ACTIVE.includes(operation)) {
      await maker.call(Operation.Activate, [uniqueIdentifier(identifier)]);
    }
    return identifier;
  }

  async function newHalf(half: number): Promise<string> {
    const usage = (tag: number, mask: number) =>
      structure(tag, attribute('Cryptographic Usage Mask', integer(0, mask)));
    const made = await maker.call(Operation.CreateKeyPair, [
      structure(
        Tag.CommonTemplateAttribute,
        attribute('Cryptographic Algorithm', enumeration(0, CryptographicAlgorithm.RSA)),
        attribute('Cryptographic Length', integer(0, 2048)),
      ),
      usage(Tag.PrivateKeyTemplateAttribute, SIGN),
      usage(Tag.PublicKeyTemplateAttribute, VERIFY),
    ]);
    return textAt(made, half);
  }

  async function newKey(): Promise<string> {
    const attributes = structure(
      Tag.TemplateAttribute,
      attribute('Cryptographic Algorithm', enumeration(0, CryptographicAlgorithm.AES)),
      attribute('Cryptographic Length', integer(0, 256)),
      attribute('Cryptographic Usage Mask', integer(0, 12)),
    );
    const made = await maker.call(Operation.Create, [
      enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
      attributes,
    ]);
    return textAt(made, Tag.UniqueIdentifier);
  }

  /** Frees the names of what a request made, so that the same request can be sent again in another version. */
  async function destroy(identifier: string): Promise<void> {
    const reason = enumeration(Tag.RevocationReasonCode, RevocationReasonCode.KeyCompromise);
    await maker.batch(
      [
        {
          operation: Operation.Revoke,
          payload: [uniqueIdentifier(identifier), structure(Tag.RevocationReason, reason)],
          id: Buffer.from('1'),
        },
        { operation: Operation.Destroy, payload: [uniqueIdentifier(identifier)], id: Buffer.from('2') },
      ],
      { header: [enumeration(Tag.BatchErrorContinuationOption, 1)] },
    );
  }

  test.each(recorded.map(({ title, request }) => [title, request] as const))('%s', async (_title, bytes) => {
    const message = decodeTtlv(bytes);
    const request = decodeRequest(message);
    const version = request.dialect.name;
    for (const item of request.items)
      expect('fault' in item ? item.fault.message : undefined).toBeUndefined();

    const sent = aboutObject(message, await objectFor(request));
    const { items } = readResponse(await wire.exchange(encodeTtlv(sent)), version);
    expect(items).toHaveLength(request.items.length);
    for (const [index, item] of request.items.entries()) {
      expect(items[index]).toMatchObject(expectation(item.operation ?? 0, version));
      expect(items[index]?.id).toEqual(item.uniqueBatchItemID);
    }
    for (const { operation, payload } of items) {
      if (operation === Operation.Create || operation === Operation.Register) {
        if (items.length === 1) await destroy(textAt(payload, Tag.UniqueIdentifier));
      }
    }
  });

  test('no request was an error to the server', () => {
    expect(server.log()).not.toMatch(/"level":"(?:error|fatal)"/);
  });
});
