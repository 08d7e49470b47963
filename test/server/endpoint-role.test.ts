import { KmipClient } from '@holdfast/client';
import { activate, create, destroy, reKey, setAttribute } from '@holdfast/core';
import {
  AsynchronousIndicator,
  BatchErrorContinuationOption,
  EndpointRole,
  KeyFormatType,
  ObjectType,
  Operation,
  PutFunction,
  State,
  Tag,
  decodeRequest,
  type Attribute,
} from '@holdfast/kmip';
import {
  Peer,
  Wire,
  addClient,
  bytes,
  enumeration,
  integer,
  readResponse,
  requestMessage,
  startServerProcess,
  structure,
  text,
  tlsOptions,
  uniqueIdentifier,
  type ServerProcess,
} from '@holdfast/testkit';
import { decodeTtlv, encodeTtlv, type Item } from '@holdfast/ttlv';
import { connectFirstClient } from '../support/client';
import { notified, success, told } from '../support/told';

/** A client that hands the server's role over is told over its own connection what changes in its domain. */

let server: ServerProcess;
let client: KmipClient;
beforeAll(async () => {
  server = await startServerProcess();
  client = await connectFirstClient(server);
});
afterAll(async () => {
  await client.close();
  await server.stop();
});

function roleRequest(role: EndpointRole): Buffer {
  const payload = [enumeration(Tag.EndpointRole, role)];
  return encodeTtlv(requestMessage('2.1', [{ operation: Operation.SetEndpointRole, payload }]));
}

/** A connection on which the server is the client. */
async function listen(options = tlsOptions(server)): Promise<Wire> {
  const wire = await Wire.open(options);
  const { items } = readResponse(await wire.exchange(roleRequest(EndpointRole.Client)), '2.1');
  expect(items).toMatchObject([{ status: 0 }]);
  return wire;
}

const AES: readonly Attribute[] = [
  { key: 'CryptographicAlgorithm', value: 3 },
  { key: 'CryptographicLength', value: 128 },
  { key: 'CryptographicUsageMask', value: 12 },
];

async function make(...attributes: readonly Attribute[]): Promise<string> {
  const { uniqueIdentifier: id } = await client.call(create, {
    objectType: ObjectType.SymmetricKey,
    newAttributes: { templateNames: [], attributes: [...AES, ...attributes] },
  });
  return id;
}

test('new and replaced keys are put, changes notified, in their order', async () => {
  const wire = await listen();
  const id = await make();
  expect(await told(wire)).toMatchObject({
    operation: Operation.Put,
    uniqueIdentifier: id,
    putFunction: PutFunction.New,
    object: { objectType: ObjectType.SymmetricKey, keyBlock: { keyFormatType: KeyFormatType.Raw } },
  });
  await client.call(activate, { uniqueIdentifier: id });
  await client.call(setAttribute, { uniqueIdentifier: id, newAttribute: { key: 'Comment', value: 'here' } });
  expect(await notified(wire)).toMatchObject({
    id,
    changed: { State: State.Active, ActivationDate: expect.any(Number) as number },
  });
  expect(await notified(wire)).toMatchObject({ id, changed: { Comment: 'here' }, deleted: [] });
  const heir = await client.call(reKey, {
    uniqueIdentifier: id,
    newAttributes: { templateNames: [], attributes: [] },
  });
  const both = [await told(wire), await told(wire)];
  expect(both).toContainEqual(
    expect.objectContaining({
      operation: Operation.Put,
      uniqueIdentifier: heir.uniqueIdentifier,
      putFunction: PutFunction.Replace,
      replacedUniqueIdentifier: id,
    }),
  );
  expect(both.map(({ operation }) => operation).sort()).toEqual([Operation.Notify, Operation.Put].sort());
  await wire.close();
});

test('what is made later is put once it is there, with all that was asked for', async () => {
  const wire = await listen();
  const value = bytes(Tag.AttributeValue, Buffer.from('as it was sent'));
  const peer = await Peer.connect(tlsOptions(server), '2.1');
  await peer.batch(
    [
      {
        operation: Operation.Create,
        payload: [
          enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
          structure(
            Tag.Attributes,
            enumeration(Tag.CryptographicAlgorithm, 3),
            integer(Tag.CryptographicLength, 128),
            integer(Tag.CryptographicUsageMask, 12),
            structure(
              Tag.Attribute,
              text(Tag.VendorIdentification, 'x'),
              text(Tag.AttributeName, 'y'),
              value,
            ),
          ),
        ],
      },
    ],
    { header: [enumeration(Tag.AsynchronousIndicator, AsynchronousIndicator.Mandatory)] },
  );
  const { operation, attributes } = await told(wire);
  expect(operation).toBe(Operation.Put);
  expect(attributes).toContainEqual({
    key: 'VendorAttribute',
    value: { vendorIdentification: 'x', attributeName: 'y', attributeValue: value },
  });
  await peer.close();
  await wire.close();
});

test('keys that may not leave in clear are not put', async () => {
  const wire = await listen();
  const id = await make({ key: 'Sensitive', value: true });
  expect(await notified(wire)).toMatchObject({
    id,
    changed: { Sensitive: true, ObjectType: ObjectType.SymmetricKey },
  });
  await client.call(destroy, { uniqueIdentifier: id });
  expect(await notified(wire)).toMatchObject({ id, changed: { State: State.Destroyed } });
  await wire.close();
});

test('nothing is told of other domains, nor of what was undone', async () => {
  const stranger = await addClient(server, 'stranger', { domain: 'elsewhere' });
  const wire = await listen(tlsOptions(server, stranger));
  const mine = await listen();
  await make();
  expect(await told(mine)).toMatchObject({ operation: Operation.Put });
  const one = await Wire.open(tlsOptions(server));
  const named = (name: string): Item[] => [
    enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
    structure(
      Tag.Attributes,
      enumeration(Tag.CryptographicAlgorithm, 3),
      { tag: Tag.CryptographicLength, type: 2, value: 128 },
      { tag: Tag.CryptographicUsageMask, type: 2, value: 12 },
      structure(Tag.Name, text(Tag.NameValue, name), enumeration(Tag.NameType, 1)),
    ),
  ];
  const undo = { header: [enumeration(Tag.BatchErrorContinuationOption, BatchErrorContinuationOption.Undo)] };
  const items = [
    { operation: Operation.Create, payload: named('undone'), id: Buffer.from('1') },
    { operation: Operation.Get, payload: [uniqueIdentifier('none')], id: Buffer.from('2') },
  ];
  await one.exchange(encodeTtlv(requestMessage('2.1', items, undo)));
  const after = await make({ key: 'Comment', value: 'after' });
  expect(await told(mine)).toMatchObject({ uniqueIdentifier: after });
  const theirs = await KmipClient.connect({
    host: server.host,
    port: server.port,
    ...stranger,
    version: '2.1',
  });
  const { uniqueIdentifier: id } = await theirs.call(create, {
    objectType: ObjectType.SymmetricKey,
    newAttributes: { templateNames: [], attributes: AES },
  });
  expect(await told(wire)).toMatchObject({ uniqueIdentifier: id });
  await theirs.close();
  await Promise.all([wire, mine, one].map((each) => each.close()));
});

test('the next thing is told once the last was answered; who answers nonsense is let go', async () => {
  const wire = await listen();
  await make();
  await make();
  const first = await wire.next();
  expect(decodeRequest(decodeTtlv(first)).items).toMatchObject([{ operation: Operation.Put }]);
  wire.send(success(Operation.Put));
  expect(await told(wire)).toMatchObject({ operation: Operation.Put });
  wire.send(roleRequest(EndpointRole.Client));
  await wire.closed;
  const again = await listen();
  again.send(success(Operation.Put));
  await again.closed;
});

test('the role that the server has changes nothing', async () => {
  const wire = await Wire.open(tlsOptions(server));
  for (let time = 0; time < 2; time++) {
    const { items } = readResponse(await wire.exchange(roleRequest(EndpointRole.Server)), '2.1');
    expect(items).toMatchObject([{ status: 0 }]);
  }
  await wire.close();
});

test('the server takes no Notify and no Put', async () => {
  const wire = await Wire.open(tlsOptions(server));
  for (const operation of [Operation.Notify, Operation.Put]) {
    const request = encodeTtlv(requestMessage('2.1', [{ operation, payload: [uniqueIdentifier('x')] }]));
    const { items } = readResponse(await wire.exchange(request), '2.1');
    expect(items).toMatchObject([{ status: 1, reason: 'OperationNotSupported' }]);
  }
  await wire.close();
});
