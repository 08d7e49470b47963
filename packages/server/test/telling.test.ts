import { once } from 'node:events';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { createServer } from 'node:tls';
import { promisify } from 'node:util';
import type { Announcement, Client, Directory, RecognisedClient } from '@holdfast/core';
import { dialectNamed } from '@holdfast/kmip';
import { certificates } from '@holdfast/pki';
import type { Announcer } from '../src/announcer';
import { DEFAULT_LIMITS } from '../src/config';
import { createLogger } from '../src/log';
import { NotifiedClients, writeAnnouncement } from '../src/notified-clients';
import { Telling } from '../src/telling';

const AT = Math.floor(Date.now() / 1000);
const ANNOUNCEMENT: Announcement = {
  uniqueIdentifier: 'object',
  put: undefined,
  attributes: { changed: [], deleted: [] },
};

/** One for whom something waits tells what it does: connects to the port, and readies the domain as `prepare` does. */
function tellingTo(port: number, prepare: () => Promise<void>, identity: { key: Buffer; cert: string }) {
  const settings = { notify: { host: '127.0.0.1', port, version: '2.1' } };
  const client = { id: 'client', name: 'one', domainId: 'domain', role: 'user', settings };
  const holder = {
    client,
    credential: { id: 'credential' },
    domain: { id: 'domain', name: 'default', settings: {} },
  } as unknown as RecognisedClient;
  const content = writeAnnouncement(ANNOUNCEMENT, dialectNamed('2.1'));
  const waiting = [{ id: '1', domainId: 'domain', clientId: 'client', uniqueIdentifier: 'object', content }];
  const directory: Partial<Directory> = {
    listAuthorities: () => Promise.resolve([]),
    recognise: () => Promise.resolve(holder),
    listNotifiedClients: () => Promise.resolve([client as unknown as Client]),
  };
  return new Telling(
    {
      announcements: {
        lead: () => Promise.resolve({ isHeld: true, end: () => Promise.resolve() }),
        waitingClients: () => Promise.resolve(['client']),
        next: () => Promise.resolve(waiting),
        remove: () => Promise.resolve(),
        cut: () => Promise.resolve(0),
      },
      clients: new NotifiedClients(directory as Directory),
      announcer: { message: () => Promise.resolve(Buffer.alloc(8, 0x42)) } as unknown as Announcer,
      directory: directory as Directory,
      certificates,
      clock: { nowSeconds: () => AT },
      prepare,
      identity: () => Promise.resolve(identity),
    },
    DEFAULT_LIMITS,
    createLogger('silent'),
  );
}

async function portOf(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

let identity: { key: Buffer; cert: string };
beforeAll(async () => {
  const authority = { commonName: 'CA', nowSeconds: AT, validitySeconds: 86_400 };
  const { der: certificateDer, privateKey } = await certificates.createAuthority(authority);
  const issuer = { certificateDer, privateKey };
  const issued = await certificates.issueServer(issuer, { hosts: ['127.0.0.1'], nowSeconds: AT });
  identity = { key: certificates.privateKeyPem(issued.privateKey).reveal(), cert: issued.pem };
});

/** A client that listens and answers nothing. */
async function listener() {
  const server = createServer({ ...identity, requestCert: true, rejectUnauthorized: false });
  server.on('secureConnection', (socket) => socket.on('error', () => undefined).resume());
  return { server, port: await portOf(server) };
}

test('a connection is closed where the domain of the client cannot be served', async () => {
  const { server, port } = await listener();
  const telling = tellingTo(port, () => Promise.reject(new Error('sealed')), identity);
  telling.start();
  await once(server, 'connection');
  await once(server, 'connection');
  expect(await promisify(server.getConnections.bind(server))()).toBe(1);
  await telling.close();
  server.close();
});

test('nothing is told on a connection if who is at its other end may have changed while it was opened', async () => {
  const { server, port } = await listener();
  const seen: string[] = [];
  server.on('connection', () => seen.push('connected'));
  const told = new Promise((resolve) =>
    server.on('secureConnection', (socket) => socket.once('data', () => resolve(seen.push('told')))),
  );
  let calls = 0;
  const prepare = (): Promise<void> => {
    if (calls++ === 0) telling.directoryChanged({ kind: 'credential', id: 'credential' });
    return Promise.resolve();
  };
  const telling = tellingTo(port, prepare, identity);
  telling.start();
  await told;
  expect(seen).toEqual(['connected', 'connected', 'told']);
  await telling.close();
  server.close();
});

test('the end waits for no connection that is being opened', async () => {
  const server = createTcpServer();
  const telling = tellingTo(await portOf(server), () => Promise.resolve(), identity);
  const dialled = once(server, 'connection');
  telling.start();
  await dialled;
  const start = performance.now();
  await telling.close();
  expect(performance.now() - start).toBeLessThan(DEFAULT_LIMITS.handshakeTimeoutMs / 2);
  server.close();
});
