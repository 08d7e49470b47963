import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect, type ConnectionOptions, type SecureVersion, type TLSSocket } from 'node:tls';
import { Operation, ResultStatus } from '@holdfast/kmip';
import { certificates } from '@holdfast/pki';
import {
  Wire,
  addClient,
  asFirstOfficer,
  readResponse,
  startServerProcess,
  tlsOptions,
  uniqueIdentifier,
  type ServerProcess,
} from '@holdfast/testkit';
import { openDatabase } from '../support/database';
import { until } from '../support/until';
import { createKey, discoverRequest, errorsOf, once } from './support';

/** Who may talk to the server, over which TLS, and for how long. */

let server: ServerProcess;
const nowSeconds = Math.floor(Date.now() / 1000);

/** What a server does once a minute it does five times a second. */
const SHORT_MINUTES = `data:text/javascript,${encodeURIComponent(`
  const usual = setInterval;
  globalThis.setInterval = (work, ms, ...rest) => usual(work, ms === 60_000 ? 200 : ms, ...rest);`)}`;

beforeAll(async () => {
  server = await startServerProcess({ nodeArguments: ['--import', SHORT_MINUTES] });
});
afterAll(() => server.stop());

const ca = () => readFileSync(server.clientFiles.ca);
const VERSIONS: readonly SecureVersion[] = ['TLSv1.2', 'TLSv1.3'];

function only(version: SecureVersion): ConnectionOptions {
  return { minVersion: version, maxVersion: version };
}

/** Connects, and waits for a session that can be taken up again. */
async function firstSession(options: ConnectionOptions): Promise<{ wire: Wire; session: Buffer }> {
  let session: Buffer | undefined;
  const wire = await Wire.open(options);
  session = wire.socket.getSession();
  // TLS 1.3 sends its tickets after the handshake.
  wire.socket.on('session', (ticket: Buffer) => (session = ticket));
  readResponse(await wire.exchange(discoverRequest()), '1.4');
  await until(() => session !== undefined, 'there is a session');
  return { wire, session: session as Buffer };
}

test.each(VERSIONS)('%s serves a client that shows its certificate', async (version) => {
  const options = { ...tlsOptions(server), ...only(version) };
  const wire = await Wire.open(options);
  expect(wire.socket.getProtocol()).toBe(version);
  expect(wire.socket.authorized).toBe(true);
  expect(readResponse(await wire.exchange(discoverRequest()), '1.4').items[0]?.status).toBe(0);
  await wire.close();
});

test('TLS 1.1 and SSL are not spoken', async () => {
  const options = { ...tlsOptions(server), ...only('TLSv1.1'), ciphers: 'DEFAULT@SECLEVEL=0' };
  await expect(Wire.open(options)).rejects.toThrow();
});

test('a client that wants to negotiate anew is let go: that costs the server more than the client', async () => {
  const wire = await Wire.open({ ...tlsOptions(server), ...only('TLSv1.2') });
  const { socket } = wire;
  readResponse(await wire.exchange(discoverRequest()), '1.4');
  const outcome = await new Promise((resolve) => {
    socket.once('close', () => resolve('let go')).on('error', () => undefined);
    socket.renegotiate({}, (error) => {
      if (error === null) resolve('done');
    });
  });
  expect(outcome).toBe('let go');
});

test('the server certificate names the host in Subject and Subject Alternative Name', async () => {
  const socket = await new Promise<TLSSocket>((resolve, reject) => {
    const opened = connect({ ...tlsOptions(server), servername: 'localhost' }, () => resolve(opened));
    opened.once('error', reject);
  });
  const certificate = socket.getPeerX509Certificate();
  socket.destroy();
  expect(certificate?.subject).toMatch(/^CN=./m);
  expect(certificate?.checkHost('localhost')).toBe('localhost');
  expect(certificate?.checkIP('127.0.0.1')).toBe('127.0.0.1');
});

describe.each(VERSIONS)('a session of %s', (version) => {
  test('is resumed with the client certificate', async () => {
    const identity = await addClient(server, `resumes-${version}`);
    const options = { ...tlsOptions(server, identity), ...only(version) };
    const { wire, session } = await firstSession(options);
    await wire.close();
    // The key is not at hand any more: the ticket alone says who comes.
    const again = await Wire.open({ ...options, session });
    expect(again.socket.isSessionReused()).toBe(true);
    expect(readResponse(await again.exchange(discoverRequest()), '1.4').items[0]?.status).toBe(
      ResultStatus.Success,
    );
    await again.close();
  });

  test('is of no use to a client that was revoked', async () => {
    const name = `revoked-${version}`;
    const identity = await addClient(server, name);
    const options = { ...tlsOptions(server, identity), ...only(version) };
    const { wire, session } = await firstSession(options);
    await (await asFirstOfficer(server)).call('POST /clients/:name/revoke', {}, { name });
    // The connection that is open ends, although nobody sent anything.
    await wire.closed;
    const again = await Wire.open({ ...options, session });
    const { items } = readResponse(await again.exchange(discoverRequest()), '1.4');
    expect(items[0]).toMatchObject({
      status: ResultStatus.OperationFailed,
      reason: 'AuthenticationNotSuccessful',
    });
    await again.closed;
  });
});

test('a session is of no use once the CA of its client is trusted no longer', async () => {
  const { der, pem, privateKey } = await certificates.createAuthority({ commonName: 'Site CA', nowSeconds });
  const issued = await certificates.issueClient(
    { certificateDer: der, privateKey },
    { name: 'by-ca', domain: 'default', nowSeconds },
  );
  const officer = await asFirstOfficer(server);
  await officer.call('POST /authorities', { name: 'site', certificatePem: pem });
  const subject = new X509Certificate(issued.pem).subject.split('\n').reverse().join(',');
  await officer.call('POST /clients', {
    name: 'by-ca',
    credential: { authority: 'site', subject },
  });
  const key = certificates.privateKeyPem(issued.privateKey).reveal();
  const { wire, session } = await firstSession({ ...tlsOptions(server), cert: issued.pem, key });
  await officer.call('POST /authorities/:name/revoke', undefined, { name: 'site' });
  await wire.closed;
  const again = await Wire.open({ ...tlsOptions(server), cert: issued.pem, key, session });
  expect(again.socket.isSessionReused()).toBe(true);
  expect(readResponse(await again.exchange(discoverRequest()), '1.4').items[0]).toMatchObject({
    reason: 'AuthenticationNotSuccessful',
  });
  await again.closed;
});

describe('a peer that is nobody known', () => {
  async function expectSentAway(options: ConnectionOptions): Promise<void> {
    const wire = await Wire.open(options);
    const { items } = readResponse(await wire.exchange(discoverRequest('1.2')), '1.2');
    expect(items).toEqual([
      expect.objectContaining({
        status: ResultStatus.OperationFailed,
        reason: 'AuthenticationNotSuccessful',
        message: expect.any(String) as unknown,
        payload: undefined,
      }),
    ]);
    expect((await wire.closed).orderly).toBe(true);
  }

  test('has no certificate', async () => {
    const { host, port } = server;
    await expectSentAway({ host, port, ca: ca() });
  });

  test('has one of a CA that is not trusted', async () => {
    const { der, privateKey } = await certificates.createAuthority({ commonName: 'Holdfast CA', nowSeconds });
    const issued = await certificates.issueClient(
      { certificateDer: der, privateKey },
      { name: 'first-client', domain: 'default', nowSeconds },
    );
    await expectSentAway({
      ...tlsOptions(server),
      cert: issued.pem,
      key: certificates.privateKeyPem(issued.privateKey).reveal(),
    });
  });

  test('sends several requests at once, of which the first alone is answered', async () => {
    const { host, port } = server;
    const wire = await Wire.open({ host, port, ca: ca() });
    wire.send(Buffer.concat([discoverRequest(), discoverRequest()]));
    await wire.next();
    await wire.closed;
    await expect(wire.next()).rejects.toThrow();
  });
});

describe('revocation', () => {
  test('ends open connections, also between two requests of one', async () => {
    const identity = await addClient(server, 'leaves-soon');
    const wires = await Promise.all(Array.from({ length: 5 }, () => Wire.open(tlsOptions(server, identity))));
    for (const wire of wires) readResponse(await wire.exchange(discoverRequest()), '1.4');
    await (await asFirstOfficer(server)).call('POST /clients/:name/revoke', {}, { name: 'leaves-soon' });
    await Promise.all(wires.map(({ closed }) => closed));
  });

  test('ends them also where the database tells nobody of it', async () => {
    const identity = await addClient(server, 'unheard-of');
    const wire = await Wire.open(tlsOptions(server, identity));
    const stays = await Wire.open(tlsOptions(server));
    const database = await openDatabase(server.dataDir);
    const others = `pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid()`;
    const reconnect = `SELECT pg_terminate_backend(pid) FROM ${others} AND query NOT LIKE 'LISTEN%'`;
    await database.sql(`CREATE FUNCTION public.pg_notify(text, text) RETURNS void LANGUAGE sql AS 'SELECT'`);
    await database.sql('ALTER ROLE CURRENT_USER SET search_path = public, pg_catalog');
    try {
      await database.sql(reconnect);
      await (await asFirstOfficer(server)).call('POST /clients/:name/revoke', {}, { name: 'unheard-of' });
      await wire.closed;
      expect(readResponse(await stays.exchange(discoverRequest()), '1.4').items[0]?.status).toBe(0);
    } finally {
      await database.sql('ALTER ROLE CURRENT_USER RESET search_path');
      await database.sql('DROP FUNCTION public.pg_notify(text, text)');
      await database.sql(reconnect);
      await database.close();
      await stays.close();
    }
  });

  test('counts, and ends nobody else, where the database tells of more than anybody can look at', async () => {
    const identity = await addClient(server, 'leaves-in-the-crowd');
    const leaves = await Wire.open(tlsOptions(server, identity));
    const stays = await Wire.open(tlsOptions(server));
    for (const wire of [leaves, stays]) readResponse(await wire.exchange(discoverRequest()), '1.4');
    const database = await openDatabase(server.dataDir);
    await database.sql(
      `SELECT pg_notify('holdfast_directory', kind || ' ' || number)
         FROM generate_series(1, 5000) AS number, unnest(ARRAY['authority', 'domain-key']) AS kind`,
    );
    await (
      await asFirstOfficer(server)
    ).call('POST /clients/:name/revoke', {}, { name: 'leaves-in-the-crowd' });
    await leaves.closed;
    expect(readResponse(await stays.exchange(discoverRequest()), '1.4').items[0]?.status).toBe(0);
    await Promise.all([stays.close(), database.close()]);
  });

  test('of one credential leaves the others of the client alone', async () => {
    const officer = await asFirstOfficer(server);
    const first = await addClient(server, 'has-two');
    const issued = await officer.call('POST /clients/:name/credentials', {}, { name: 'has-two' });
    const second = { cert: issued.certificatePem ?? '', key: issued.privateKeyPem ?? '', ca: issued.caPem };
    const stays = await Wire.open(tlsOptions(server, second));
    const goes = await Wire.open(tlsOptions(server, first));
    for (const wire of [stays, goes]) readResponse(await wire.exchange(discoverRequest()), '1.4');

    // What one makes the other reads: both are one client.
    const made = await once(tlsOptions(server, first), (peer) => createKey(peer));
    await once(tlsOptions(server, second), (peer) => peer.call(Operation.Get, [uniqueIdentifier(made)]));

    const [credential] = first.client.credentials ?? [];
    const { credentials } = await officer.call(
      'POST /clients/:name/revoke',
      { credentialId: credential?.id ?? '' },
      { name: 'has-two' },
    );
    expect(credentials?.map(({ status }) => status).sort()).toEqual(['revoked', 'valid']);
    await goes.closed;
    expect(readResponse(await stays.exchange(discoverRequest()), '1.4').items[0]?.status).toBe(0);
    await stays.close();
  });
});

test('none of it was an error to the server', () => {
  // The database that told nobody was out of reach for a moment.
  expect(errorsOf(server).filter((line) => !line.includes('"code":"StoreUnavailable"'))).toEqual([]);
});
