import { operations, testModeOperations } from '@holdfast/core';
import {
  AsynchronousIndicator,
  BatchErrorContinuationOption,
  Operation,
  ResultStatus,
  Tag,
  dialectNamed,
  type OperationName,
} from '@holdfast/kmip';
import {
  Peer,
  addClient,
  attribute,
  boolean,
  enumeration,
  integer,
  longInteger,
  nameValue,
  readResponse,
  requestMessage,
  startServerProcess,
  structure,
  text,
  textAt,
  tlsOptions,
  uniqueIdentifier,
  type ReceivedItem,
  type RequestItem,
  type ServerProcess,
} from '@holdfast/testkit';
import { encodeTtlv, type Item } from '@holdfast/ttlv';
import { registrations } from '../lifecycle/objects';
import { REQUESTS } from '../lifecycle/requests';
import { OUTCOMES, ROWS, TYPES, VERSIONS_OF, type TypeName } from '../lifecycle/table';
import { EXCLUSIONS } from './exclusions';
import { GENERAL, LISTED } from './facts';
import { making } from './making';
import { MISTAKES, RIGHT } from './mistakes';
import { ABOUT, FITTING } from './objects';
import { VERSIONS, createRequest, isOlder, membersOf, type Site, type Version } from './pieces';
import { rareObjects } from './rare-objects';

/** Every Result Reason that the specifications list for an operation: provoked, or why it cannot be, or open. */

let server: ServerProcess;
let site: Site;
const peers = new Map<Version, Peer>();
const readers = new Map<Version, Peer>();

const definitions = new Map([...operations, ...testModeOperations].map((each) => [each.name, each]));
const has = (name: string, version: Version): boolean => {
  const definition = definitions.get(name as OperationName);
  return definition !== undefined && dialectNamed(version).knows(definition.window);
};
/** The name of a row of the life cycle's table as the operation's. */
const operationOf = (row: string): string =>
  row.replace(/ \(.*\)$/, '').replace(/[ -](.)/g, (_, c: string) => c.toUpperCase());
/** The life cycle's requests about one object, by operation: those that are made here are better. */
const byOperation = new Map(
  Object.keys(REQUESTS)
    .map((row) => [operationOf(row), row] as const)
    .filter(([name]) => !(name in ABOUT) && name !== 'Import'),
);

beforeAll(async () => {
  server = await startServerProcess({ logLevel: 'fatal', arguments: ['--test-mode'] });
  const reader = await addClient(server, 'reader', { role: 'reader' });
  for (const version of VERSIONS) {
    peers.set(version, await Peer.connect(tlsOptions(server), version));
    readers.set(version, await Peer.connect(tlsOptions(server, reader), version));
  }
  const peer = peerOf('2.1');
  const make = async (mask: number, ...further: readonly Item[]): Promise<string> => {
    const attributes = structure(
      Tag.Attributes,
      enumeration(Tag.CryptographicAlgorithm, 3),
      integer(Tag.CryptographicLength, 256),
      integer(Tag.CryptographicUsageMask, mask),
      ...further,
    );
    const payload = await peer.call(Operation.Create, [enumeration(Tag.ObjectType, 2), attributes]);
    const identifier = textAt(payload, Tag.UniqueIdentifier);
    await peer.call(Operation.Activate, [uniqueIdentifier(identifier)]);
    return identifier;
  };
  const limits = structure(
    Tag.UsageLimits,
    longInteger(Tag.UsageLimitsTotal, 1000n),
    enumeration(Tag.UsageLimitsUnit, 2),
  );
  const archived = await make(0xffff);
  const call = async (code: number, identifier: string, ...further: readonly Item[]) =>
    peer.call(code, [uniqueIdentifier(identifier), ...further]);
  await peer.call(Operation.Archive, [uniqueIdentifier(archived)]);
  await make(12, nameValue('taken', Tag.Name));
  const keyBlock = structure(
    Tag.KeyBlock,
    enumeration(Tag.KeyFormatType, 1),
    enumeration(Tag.CryptographicAlgorithm, 3),
    integer(Tag.CryptographicLength, 256),
  );
  const registered = await peer.call(Operation.Register, [
    enumeration(Tag.ObjectType, 2),
    structure(
      Tag.Attributes,
      integer(Tag.CryptographicUsageMask, 0xffff),
      structure(
        Tag.KeyValueLocation,
        text(Tag.KeyValueLocationValue, 'elsewhere'),
        enumeration(Tag.KeyValueLocationType, 1),
      ),
    ),
    structure(Tag.SymmetricKey, keyBlock),
  ]);
  const valueless = textAt(registered, Tag.UniqueIdentifier);
  await peer.call(Operation.Activate, [uniqueIdentifier(valueless)]);
  const groups = [text(Tag.ObjectGroup, 'one'), text(Tag.ObjectGroup, 'two')];
  const { items } = await peer.batch([createRequest('2.1')]);
  const of = {} as Record<TypeName, string>;
  for (const [type, payload] of Object.entries(await registrations())) {
    const speaking = peerOf(type === 'Template' ? '1.4' : '2.1');
    of[type as TypeName] = textAt(await speaking.call(Operation.Register, payload), Tag.UniqueIdentifier);
    if (type !== 'OpaqueObject' && type !== 'Template') await call(Operation.Activate, of[type as TypeName]);
  }
  const pair = async (
    mask: number,
    ...further: readonly Item[]
  ): Promise<{ privateKey: string; publicKey: string }> => {
    const made = await peer.call(Operation.CreateKeyPair, [
      structure(
        Tag.CommonAttributes,
        enumeration(Tag.CryptographicAlgorithm, 4),
        integer(Tag.CryptographicLength, 2048),
        integer(Tag.CryptographicUsageMask, mask),
        ...further,
      ),
    ]);
    const privateKey = textAt(made, Tag.PrivateKeyUniqueIdentifier);
    const publicKey = textAt(made, Tag.PublicKeyUniqueIdentifier);
    for (const half of [privateKey, publicKey]) await call(Operation.Activate, half);
    return { privateKey, publicKey };
  };
  const once = structure(
    Tag.UsageLimits,
    longInteger(Tag.UsageLimitsTotal, 1n),
    enumeration(Tag.UsageLimitsUnit, 2),
  );
  const used = async (identifier: string): Promise<string> => {
    await call(Operation.GetUsageAllocation, identifier, longInteger(Tag.UsageLimitsCount, 1n));
    return identifier;
  };
  const destroyed = textAt(
    (await peer.batch([createRequest('2.1')])).items[0]?.payload,
    Tag.UniqueIdentifier,
  );
  await call(Operation.Destroy, destroyed);
  const tickets: Partial<Record<Version, Item>> = {};
  for (const version of ['2.0', '2.1'] as const)
    tickets[version] = membersOf(await peer.call(Operation.Login, []))[0] as Item;
  const split = await peer.batch([making('CreateSplitKey', { key: '', parts: [] }, '2.1')]);
  const registerTemplate = (title: string) =>
    peerOf('1.4').call(Operation.Register, [
      enumeration(Tag.ObjectType, 6),
      structure(Tag.TemplateAttribute, attribute('Name', nameValue(title, Tag.AttributeValue))),
      structure(Tag.Template, attribute('Object Group', text(Tag.AttributeValue, 'x'))),
    ]);
  const template = await registerTemplate('a template');
  const shelved = await registerTemplate('archived template');
  await call(Operation.Archive, textAt(shelved, Tag.UniqueIdentifier));
  const { privateKey, publicKey } = await pair(0xffff);
  const key = await make(0xffff, limits, ...groups);
  const rare = await rareObjects(peer, peerOf, { make, key, publicKey });
  const certified = await call(Operation.Certify, publicKey);
  site = {
    of,
    privateKey,
    publicKey,
    destroyed,
    certificate: textAt(certified, Tag.UniqueIdentifier),
    uselessPair: await pair(12),
    sensitive: await make(0xffff, boolean(Tag.Sensitive, true)),
    kept: await make(0xffff, boolean(Tag.Extractable, false)),
    spent: await used(await make(0xffff, once)),
    spentPrivate: await used((await pair(0xffff, once)).privateKey),
    tied: await make(0xffff, structure(Tag.CryptographicParameters, enumeration(Tag.BlockCipherMode, 13))),
    named: await make(12, nameValue('named', Tag.Name)),
    parts: membersOf(split.items[0]?.payload).flatMap(({ value }) =>
      typeof value === 'string' ? [value] : [],
    ),
    tickets,
    template: textAt(template, Tag.UniqueIdentifier),
    useless: await make(0, text(Tag.ContactInformation, 'somebody')),
    key,
    ...rare,
    archived,
    valueless,
    fresh: textAt(items[0]?.payload, Tag.UniqueIdentifier),
    takenName: 'taken',
  };
  for (const [name, value] of [
    ['mark', text(Tag.AttributeValue, 'old')],
    ['count', integer(Tag.AttributeValue, 1)],
  ] as const) {
    const members = [text(Tag.VendorIdentification, 'x'), text(Tag.AttributeName, name), value];
    const attribute = structure(Tag.NewAttribute, structure(Tag.Attribute, ...members));
    await peer.call(Operation.AddAttribute, [uniqueIdentifier(site.key), attribute]);
  }
});
afterAll(async () => {
  for (const peer of [...peers.values(), ...readers.values()]) await peer.close();
  await server.stop();
});

function peerOf(version: Version, of = peers): Peer {
  const peer = of.get(version);
  if (peer === undefined) throw new Error('not connected');
  return peer;
}

async function answered(peer: Peer, request: RequestItem, header: readonly Item[] = []): Promise<string> {
  const [item] = (await peer.batch([request], { header })).items;
  return outcome(item);
}
function outcome(item: ReceivedItem | undefined): string {
  return item?.status === ResultStatus.Success ? 'done' : (item?.reason ?? 'nothing');
}

const seen = new Set<string>();
/** Holds a request to its reason. */
async function provoke(
  version: Version,
  operation: string,
  reason: string,
  request: () => Promise<string>,
): Promise<string | undefined> {
  const found = await request();
  if (found !== reason) return `${version} ${operation}: ${found}, not ${reason}`;
  seen.add(`${version} ${operation} ${reason}`);
  return undefined;
}

const listedOperations = (version: Version): readonly string[] =>
  [...definitions.keys()].filter((name) => has(name, version));

/** A request about an object, as the life cycle's tests make it. */
function request(name: string, version: Version, identifier: string): RequestItem | undefined {
  const row = byOperation.get(name);
  if (row === undefined) return ABOUT[name as OperationName]?.(identifier, version);
  return REQUESTS[row]?.(identifier, version, 'SymmetricKey', []);
}

/** One that would succeed. */
function right(name: string, version: Version): RequestItem | undefined {
  const needsFresh = name === 'Activate' || name === 'Destroy';
  const fitting = FITTING[name as OperationName]?.(site) ?? (needsFresh ? site.fresh : site.key);
  return RIGHT[name as OperationName]?.(version, site) ?? request(name, version, fitting);
}

describe.each(VERSIONS)('in KMIP %s', (version) => {
  const wrong: (string | undefined)[] = [];
  beforeEach(() => wrong.splice(0));
  const check = async (...args: [string, string, () => Promise<string>]) =>
    wrong.push(await provoke(version, ...args));
  const done = () => expect(wrong.filter((each) => each !== undefined)).toEqual([]);

  test('an item that cannot be read is an Invalid Message', async () => {
    for (const name of listedOperations(version)) {
      const code = Operation[name as keyof typeof Operation];
      await check(name, 'InvalidMessage', async () => {
        const message = requestMessage(version, [{ operation: code, payload: [] }]);
        const item = structure(Tag.BatchItem, enumeration(Tag.Operation, code));
        const broken = { ...message, value: [message.value[0] as Item, item] };
        return outcome(
          readResponse(await peerOf(version).wire.exchange(encodeTtlv(broken)), version).items[0],
        );
      });
    }
    done();
  });

  test('a field that the payload does not have is an Invalid Field', async () => {
    for (const name of listedOperations(version)) {
      const payload = [enumeration(Tag.KeyRoleType, 1)];
      const operation = Operation[name as keyof typeof Operation];
      await check(name, 'InvalidField', () => answered(peerOf(version), { operation, payload }));
    }
    done();
  });

  test('a feature that is not there is Feature Not Supported', async () => {
    const header = [
      enumeration(Tag.AsynchronousIndicator, AsynchronousIndicator.Mandatory),
      enumeration(Tag.BatchErrorContinuationOption, BatchErrorContinuationOption.Undo),
    ];
    const critical = structure(
      Tag.MessageExtension,
      text(Tag.VendorIdentification, 'x'),
      boolean(Tag.CriticalityIndicator, true),
      structure(Tag.VendorExtension),
    );
    for (const name of listedOperations(version)) {
      const operation = Operation[name as keyof typeof Operation];
      const item = isOlder(version) ? { operation, payload: [] } : right(name, version);
      if (
        item === undefined ||
        (!isOlder(version) && definitions.get(name as OperationName)?.isSynchronous === true)
      )
        continue;
      await check(name, 'FeatureNotSupported', async () => {
        if (isOlder(version)) return answered(peerOf(version), { ...item, extra: [critical] });
        const batch = [0, 1].map((id) => ({ ...item, id: Buffer.from([id]) }));
        return outcome((await peerOf(version).batch(batch, { header })).items[0]);
      });
    }
    done();
  });

  test('an answer beyond Maximum Response Size is a Response Too Large', async () => {
    const header = [integer(Tag.MaximumResponseSize, 120)];
    for (const name of listedOperations(version)) {
      const item = right(name, version);
      if (item === undefined) continue;
      await check(name, 'ResponseTooLarge', () => answered(peerOf(version), item, header));
    }
    done();
  });

  test('what a reader may not do is Permission Denied', async () => {
    const changing = ['alter', 'govern', 'destroy', 'create', 'rule'];
    for (const name of listedOperations(version)) {
      const item = right(name, version);
      if (item === undefined || !changing.includes(definitions.get(name as OperationName)?.access ?? ''))
        continue;
      await check(name, 'PermissionDenied', () => answered(peerOf(version, readers), item));
    }
    done();
  });

  test('an object that there is not, or that is archived, is said to be so', async () => {
    for (const name of [...byOperation.keys(), ...Object.keys(ABOUT)]) {
      const listed = LISTED[name]?.[version] ?? [];
      const missing = request(name, version, 'nothing');
      const archived = request(name, version, site.archived);
      if (missing === undefined || archived === undefined || !has(name, version)) continue;
      const reason = ['ObjectNotFound', 'ItemNotFound'].find((each) => listed.includes(each));
      if (reason !== undefined) await check(name, reason, () => answered(peerOf(version), missing));
      if (listed.includes('ObjectArchived'))
        await check(name, 'ObjectArchived', () => answered(peerOf(version), archived));
    }
    done();
  });

  test('a value that is kept elsewhere is said to be so', async () => {
    for (const name of listedOperations(version)) {
      const item = request(name, version, site.valueless);
      if (item === undefined || LISTED[name]?.[version]?.includes('KeyValueNotPresent') !== true) continue;
      // Get gives out the Key Block as it was registered, without a Key Value.
      if (['Sign', 'SignatureVerify', 'Get', 'Export', 'ReKeyKeyPair'].includes(name)) continue;
      await check(name, 'KeyValueNotPresent', () => answered(peerOf(version), item));
    }
    done();
  });

  test('each mistake has its reason', async () => {
    for (const mistake of MISTAKES) {
      const { operation, what, reasons } = mistake;
      const reason = reasons[VERSIONS.indexOf(version)] ?? '';
      if (reason === '' || !has(operation, version)) continue;
      const fault = await provoke(version, operation, reason, () =>
        answered(peerOf(version), mistake.make(site, version)),
      );
      wrong.push(fault === undefined ? undefined : `${fault} (${what})`);
    }
    done();
  });
});

const LISTED_ROWS = 1779;
const PROVOKED_ROWS = 1203;

function isExcluded(version: Version, name: string, reason: string): boolean {
  const access = definitions.get(name as OperationName)?.access ?? 'none';
  return [
    `* ${reason}`,
    `${version} ${reason}`,
    `${version} ${name} ${reason}`,
    `${access}: ${reason}`,
    `${name} ${reason}`,
  ].some((key) => EXCLUSIONS[key] !== undefined);
}

test('how many reasons are provoked, cannot occur, and are open', () => {
  for (const { operation, types, states, isNewer } of ROWS) {
    VERSIONS.forEach((version, index) => {
      if (isNewer === true && index === 0) return;
      const tried = TYPES.map((type, column) =>
        (VERSIONS_OF[type] ?? VERSIONS).includes(version) ? types.charAt(column) : '',
      );
      for (const letter of tried.join('') + states) {
        const reason = OUTCOMES[letter]?.[index];
        if (reason !== undefined) seen.add(`${version} ${operationOf(operation)} ${reason}`);
      }
    });
  }
  // Neither provoked nor excluded.
  const open: string[] = [];
  const counts = { listed: 0, provoked: 0, excluded: 0 };
  for (const version of VERSIONS) {
    for (const [name, { [version]: listed }] of Object.entries(LISTED)) {
      if (listed === undefined) continue;
      for (const reason of new Set([...listed, ...GENERAL])) {
        counts.listed++;
        if (seen.has(`${version} ${name} ${reason}`)) counts.provoked++;
        else if (isExcluded(version, name, reason)) counts.excluded++;
        else open.push(`${version} ${name} ${reason}`);
      }
    }
  }
  // As docs/conformance.md tells.
  expect(open).toEqual([]);
  expect(counts.listed).toBe(LISTED_ROWS);
  expect(counts.provoked).toBeGreaterThanOrEqual(PROVOKED_ROWS);
});
