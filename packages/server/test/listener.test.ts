import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectSocket, type Socket } from 'node:net';
import { connect } from 'node:tls';
import type { Directory, DirectoryChange, RecognisedClient } from '@holdfast/core';
import { certificates } from '@holdfast/pki';
import { DEFAULT_LIMITS, type ServerLimits } from '../src/config';
import { Listener } from '../src/listener';
import { createLogger } from '../src/log';
import { Session } from '../src/session';

const AT = Math.floor(Date.now() / 1000);
const DAY = 86_400;

/** A listener and a client that it knows, by its fingerprint or by its CA. */
async function withClient(
  kind: 'fingerprint' | 'subject',
  days: { readonly ca: number; readonly certificate: number },
  {
    limits = DEFAULT_LIMITS,
    localAddress = '127.0.0.1',
    before = () => Promise.resolve(),
  }: {
    readonly limits?: ServerLimits;
    readonly localAddress?: string;
    /** What comes before the client does. */
    readonly before?: (port: number) => Promise<void>;
  } = {},
) {
  const ca = await certificates.createAuthority({
    commonName: 'CA',
    nowSeconds: AT,
    validitySeconds: days.ca * DAY,
  });
  const pem = (issued: { readonly privateKey: typeof ca.privateKey }): Buffer =>
    certificates.privateKeyPem(issued.privateKey).reveal();
  const issuer = { certificateDer: ca.der, privateKey: ca.privateKey };
  const own = await certificates.issueServer(issuer, { hosts: ['127.0.0.1'], nowSeconds: AT });
  const issued = await certificates.issueClient(issuer, {
    name: 'one',
    domain: 'default',
    nowSeconds: AT,
    validitySeconds: days.certificate * DAY,
  });
  const rule =
    kind === 'fingerprint'
      ? { kind, sha256Hex: new X509Certificate(issued.pem).fingerprint256 }
      : { kind, authorityId: 'ca', subject: 'CN=one' };
  const holder = {
    client: { id: 'client', name: 'one', domainId: 'domain', role: 'user', settings: {} },
    credential: { id: 'credential', clientId: 'client', rule },
    domain: { id: 'domain', name: 'default', settings: {} },
  } as unknown as RecognisedClient;
  let tell: (change: DirectoryChange) => void = () => undefined;
  const directory: Partial<Directory> = {
    listAuthorities: () =>
      Promise.resolve([
        {
          id: 'ca',
          name: 'ca',
          certificateDer: ca.der,
          privateKey: undefined,
          createdAtSeconds: AT,
          revokedAtSeconds: undefined,
        },
      ]),
    recognise: ({ authorityIds }) =>
      Promise.resolve(kind === 'fingerprint' || authorityIds.includes('ca') ? holder : undefined),
    inForce: () => Promise.resolve(new Map([['credential', holder]])),
    watch: (onChange) => {
      tell = onChange;
      return Promise.resolve(() => Promise.resolve());
    },
  };
  const clock = { seconds: AT };
  const log = createLogger('silent');
  const listener = new Listener(
    { key: pem(own), cert: own.pem },
    limits,
    {
      directory: directory as Directory,
      certificates,
      clock: { nowSeconds: () => clock.seconds },
      auditLog: { append: () => Promise.resolve(), appendIf: () => Promise.resolve(true) },
      policy: 'certificate',
      prepare: () => Promise.resolve(),
    },
    (socket, peer) =>
      new Session(
        socket,
        peer,
        limits,
        () => Promise.reject(new Error('asked')),
        () => Promise.resolve(),
        log,
      ),
    log,
  );
  const { port } = await listener.listen({ host: '127.0.0.1', port: 0 });
  await before(port);
  const identity = { key: pem(issued), cert: issued.pem, ca: ca.pem };
  const raw = connectSocket({ port, host: '127.0.0.1', localAddress });
  const socket = connect({ socket: raw, ...identity, checkServerIdentity: () => undefined });
  socket.resume();
  await once(socket, 'session');
  return {
    socket,
    lookAgainAfter: (seconds: number) => {
      clock.seconds = AT + seconds;
      tell({ kind: 'any', id: '*' });
    },
    close: () => listener.close(),
  };
}

/** By how much a certificate may have expired: clocks differ. */
const WITHIN_SKEW = 100;

test.each([
  ['certificate', 'fingerprint', 9, DAY],
  ['certificate', 'subject', 9, DAY],
  ['CA', 'subject', 2, WITHIN_SKEW],
] as const)(
  'an open connection ends once its %s has expired (known by %s)',
  async (_what, kind, ca, late) => {
    const { socket, lookAgainAfter, close } = await withClient(kind, { ca, certificate: 2 });
    const ended = once(socket, 'end').then(() => 'ended');
    lookAgainAfter(2 * DAY + late);
    expect(await ended).toBe('ended');
    await close();
  },
);

test('peers at one address that nobody knows leave half of the connections to others', async () => {
  const sockets: Socket[] = [];
  const { socket, close } = await withClient(
    'fingerprint',
    { ca: 9, certificate: 2 },
    {
      limits: { ...DEFAULT_LIMITS, maxConnections: 8 },
      localAddress: '127.0.0.2',
      before: async (port) => {
        for (let count = 0; count < 8; count++) sockets.push(connectSocket(port, '127.0.0.1'));
        // The last to come are let go at once.
        await Promise.all(sockets.slice(4).map((each) => once(each.resume(), 'close')));
      },
    },
  );
  expect(sockets.map(({ destroyed }) => destroyed)).toEqual([0, 0, 0, 0, 1, 1, 1, 1].map(Boolean));
  expect(socket.destroyed).toBe(false);
  for (const each of [socket, ...sockets]) each.destroy();
  await close();
});
