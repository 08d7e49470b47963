import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Operation } from '@holdfast/kmip';
import { AdminClient, type StatusAnswer } from '@holdfast/server/admin';
import {
  Peer,
  SOFT_HSM_MODULE,
  SoftHsm,
  addClient,
  holdfast,
  holdfastResult,
  startServerProcess,
  tlsOptions,
  uniqueIdentifier,
  type ServerProcess,
} from '@holdfast/testkit';
import { createKey, errorsOf } from '../server/support';

jest.setTimeout(120_000);

/** The server with its root key in an HSM: what it does when processes, tokens and PINs fail it. */

const isRequired = process.env['CI'] === 'true';

/**
 * What status says of the root of trust. Only processes that are ready are killed in these tests: SoftHSM rewrites its
 * token at each login, and loses it where that is cut short.
 */
async function rootStatus({ dataDir }: ServerProcess): Promise<StatusAnswer['root']> {
  return (await new AdminClient(dataDir).call('GET /status')).root;
}

(SOFT_HSM_MODULE === undefined && !isRequired ? describe.skip : describe)(
  'an HSM (skipped where the system package softhsm2 is missing)',
  () => {
    const hsm = new SoftHsm();
    const dataDir = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
    let server: ServerProcess;
    let peer: Peer;
    let identifier: string;
    let material: unknown;

    const get = (by = peer): Promise<unknown> => by.call(Operation.Get, [uniqueIdentifier(identifier)]);
    /** A domain's first key is wrapped by the HSM when its first client makes an object. */
    const useNewDomain = async (name: string): Promise<string> => {
      const files = await addClient(server, name, { domain: name });
      const member = await Peer.connect(tlsOptions(server, files), '1.4');
      try {
        return await createKey(member);
      } finally {
        await member.close();
      }
    };

    beforeAll(async () => {
      server = await startServerProcess({ softHsm: hsm, dataDir });
      peer = await Peer.connect(tlsOptions(server), '1.4');
      identifier = await createKey(peer, 'kept');
      material = await get();
    });
    afterAll(async () => {
      await peer.close();
      await server.stop();
      rmSync(dataDir, { recursive: true });
      hsm.remove();
    });

    test('status says where the root key is', async () => {
      const { root } = JSON.parse(await holdfast('status', '--data-dir', dataDir, '--json')) as StatusAnswer;
      expect(root).toMatchObject({ kind: 'pkcs11', forEvaluation: false });
    });

    test('holdfast hsm tries the device; the PIN comes from a file, and one that is wrong is not shown', async () => {
      const pinFile = join(dataDir, 'pin');
      writeFileSync(pinFile, `${hsm.pin}\n`, { mode: 0o600 });
      const command = (name: string, environment: Record<string, string>) =>
        holdfastResult(['hsm', name, '--module', hsm.modulePath, '--token', 'holdfast'], {
          ...hsm.environment,
          ...environment,
        });
      const tested = await command('test', { HOLDFAST_HSM_PIN_FILE: pinFile });
      expect(tested).toMatchObject({ code: 0, stderr: '' });
      expect(tested.stdout.match(/ passed /g)).toHaveLength(5);
      const { stdout } = await command('status', { HOLDFAST_HSM_PIN_FILE: pinFile });
      expect(stdout).toMatch(/mechanisms \(\d+\): .*AES_GCM/);
      const refused = await command('status', { HOLDFAST_HSM_PIN: 'not-the-pin' });
      expect(refused).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('refuses the PIN') as string,
      });
      expect(`${refused.stdout}${refused.stderr}`).not.toContain('not-the-pin');
    });

    test('fifty kills of its processes under load: every Get is right, every new domain gets its key', async () => {
      const readers = await Promise.all(
        Array.from({ length: 4 }, () => Peer.connect(tlsOptions(server), '1.4')),
      );
      let kills = 0;
      let isDone = false;
      const reading = readers.map(async (reader) => {
        while (!isDone) expect(await get(reader)).toEqual(material);
      });
      while (kills < 50) {
        for (const processId of (await rootStatus(server)).processIds) {
          process.kill(processId, 'SIGKILL');
          kills++;
        }
        expect(await useNewDomain(`after-${kills}`)).toMatch(/./);
      }
      isDone = true;
      await Promise.all(reading);
      await Promise.all(readers.map((reader) => reader.close()));
    });

    test('while the token is away, known domains are served; it is used again once it is back', async () => {
      const { processIds } = await rootStatus(server);
      hsm.unplug();
      for (const processId of processIds) process.kill(processId, 'SIGKILL');
      expect(await get()).toEqual(material);
      expect(await createKey(peer, 'made without the HSM')).toMatch(/./);
      const waiting = useNewDomain('while-away');
      hsm.plugIn();
      expect(await waiting).toMatch(/./);
      expect(errorsOf(server)).toEqual([]);
    });

    test('a restarted server opens what it sealed before', async () => {
      await peer.close();
      await server.stop();
      server = await startServerProcess({ softHsm: hsm, dataDir });
      peer = await Peer.connect(tlsOptions(server), '1.4');
      expect(await get()).toEqual(material);
    });

    test('without the token, with a wrong PIN, or with another key, a server does not start', async () => {
      await peer.close();
      await server.stop();
      const start = (options: object) => startServerProcess({ softHsm: hsm, dataDir, ...options });
      await expect(start({ environment: { HOLDFAST_HSM_PIN: '0000' } })).rejects.toThrow(/refuses the PIN/);
      hsm.unplug();
      await expect(start({ softHsm: hsm, arguments: ['--pkcs11-key', 'x'] })).rejects.toThrow(/./);
      hsm.plugIn();
      const other = new SoftHsm();
      await expect(start({ softHsm: other })).rejects.toThrow(/under which the database was set up/);
      other.remove();
      server = await start({});
      peer = await Peer.connect(tlsOptions(server), '1.4');
      expect(await get()).toEqual(material);
    });
  },
);
