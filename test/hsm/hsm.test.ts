import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { KmipClient } from '@holdfast/client';
import { destroy, encrypt, locate } from '@holdfast/core';
import { BlockCipherMode, Operation } from '@holdfast/kmip';
import { AdminClient, type StatusAnswer } from '@holdfast/server/admin';
import {
  Peer,
  SOFT_HSM_MODULE,
  SoftHsm,
  addClient,
  asFirstOfficer,
  holdfast,
  holdfastResult,
  startServerProcess,
  tlsOptions,
  uniqueIdentifier,
  type ServerProcess,
} from '@holdfast/testkit';
import { SecretBytes } from '@holdfast/ttlv';
import { newClient, newKey, outcomeOf } from '../custody/site';
import { createKey, errorsOf } from '../server/support';
import { openDatabase } from '../support/database';
import { signalAll } from '../support/processes';
import { hasTerminal, onTerminal } from '../support/terminal';
import { until } from '../support/until';

/** The server with its root key in an HSM: what it does when processes, tokens and PINs fail it. */

const isRequired = process.env['CI'] === 'true';
const HOLDFAST = join(__dirname, '../../packages/cli/bin/holdfast.js');
/** How long what needs the HSM may wait after a fault, or after the token is back. */
const AWAY_AT_MOST_MS = 5_000;
const GRACE_SECONDS = 60;
/** Between two requests of who reads all the time: what is tested has processors, too. */
const PAUSE_MS = 5;

/**
 * What status says of the root of trust. Only processes that are ready are killed in these tests: SoftHSM rewrites its
 * token at each login, and loses it where that is cut short.
 */
async function rootStatus(server: ServerProcess): Promise<StatusAnswer['root']> {
  return (await statusOf(server)).root;
}

function statusOf({ dataDir }: ServerProcess): Promise<StatusAnswer> {
  return new AdminClient(dataDir).call('GET /status');
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
    let inside: KmipClient;
    let key: string;
    let encrypted: string;
    /** Destroyed in the token, after its clone was made. */
    let doomed: string;

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

    /** Asks the HSM each time: the key is in it, the connection is there. */
    const useKeyInside = async (by = inside): Promise<string> => {
      const { data } = await by.call(encrypt, {
        uniqueIdentifier: key,
        cryptographicParameters: { blockCipherMode: BlockCipherMode.ECB },
        data: SecretBytes.copyOf(Buffer.alloc(16)),
      });
      return data?.toString('hex') ?? '';
    };

    /**
     * That the HSM was away for a short time. On a machine that is busy everything takes longer: a fault costs less than some
     * runs of a command that opens the token there.
     */
    const expectShort = async (awayMs: number): Promise<void> => {
      if (awayMs < AWAY_AT_MOST_MS) return;
      const environment = { ...hsm.environment, HOLDFAST_HSM_PIN: hsm.pin };
      const fromMs = performance.now();
      await holdfastResult(['hsm', 'status', '--module', hsm.modulePath, '--token', 'holdfast'], environment);
      expect(awayMs).toBeLessThan(4 * (performance.now() - fromMs));
    };

    /** Ends the processes of the HSM. @returns how many */
    const killAll = async (): Promise<number> => {
      const { processIds } = await rootStatus(server);
      return signalAll(processIds, 'SIGKILL');
    };

    /**
     * Get of a known key on connections of its own while `body` runs, always answered right.
     * @param body takes how often it was answered so far
     */
    async function readMeanwhile(body: (count: () => number) => Promise<void>): Promise<void> {
      const readers = await Promise.all(
        Array.from({ length: 2 }, () => Peer.connect(tlsOptions(server), '1.4')),
      );
      let count = 0;
      let isDone = false;
      const reading = readers.map(async (reader) => {
        for (; !isDone; count++) {
          expect(await get(reader)).toEqual(material);
          await delay(PAUSE_MS);
        }
      });
      const working = body(() => count).finally(() => (isDone = true));
      const outcomes = await Promise.allSettled([working, ...reading]);
      await Promise.all(readers.map((reader) => reader.close()));
      for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    }

    beforeAll(async () => {
      const grace = ['--audit-grace', `${GRACE_SECONDS}`];
      server = await startServerProcess({ softHsm: hsm, dataDir, arguments: grace, logLevel: 'trace' });
      peer = await Peer.connect(tlsOptions(server), '1.4');
      identifier = await createKey(peer, 'kept');
      material = await get();
      const officer = await asFirstOfficer(server);
      await officer.call('POST /domains', { name: 'inside', settings: { keysInHsm: true } });
      inside = await (await newClient(server, 'inside')).connect();
      key = await newKey(inside, { key: 'ActivationDate', value: 1 });
      encrypted = await useKeyInside();
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

    (hasTerminal || isRequired ? test : test.skip)(
      'the PIN is asked for at a terminal (skipped where there is no Python), and not shown',
      async () => {
        const command = [process.execPath, HOLDFAST, 'hsm', 'status', '--module', hsm.modulePath, '--token'];
        const answer = { to: "PIN of the HSM's user: ", typed: hsm.pin };
        const asked = await onTerminal([...command, 'holdfast'], [answer], hsm.environment);
        expect(asked).toMatchObject({ code: 0, shown: expect.stringContaining('mechanisms (') as string });
        expect(asked.shown).toContain(answer.to);
        expect(asked.shown).not.toContain(hsm.pin);
      },
    );

    test('softhsm/setup-token makes a token that can be used', async () => {
      const folder = join(dataDir, 'another');
      const setUp = (): Promise<{ stdout: string }> =>
        promisify(execFile)(join(__dirname, '../../softhsm/setup-token'), [folder, 'mine']);
      const { stdout } = await setUp();
      const told = /export SOFTHSM2_CONF=(\S+) HOLDFAST_HSM_PIN_FILE=(\S+)/.exec(stdout);
      const environment = { SOFTHSM2_CONF: told?.[1] ?? '', HOLDFAST_HSM_PIN_FILE: told?.[2] ?? '' };
      for (const command of ['init', 'test']) {
        const token = ['--module', hsm.modulePath, '--token', 'mine'];
        expect(await holdfastResult(['hsm', command, ...token], environment)).toMatchObject({ code: 0 });
      }
      await expect(setUp()).rejects.toThrow(/holds a token already/);
    });

    test('fifty kills of its processes under load: every Get is right, the HSM is used again within 5 s each time', async () => {
      await readMeanwhile(async (count) => {
        const read = count();
        let kills = 0;
        for (let round = 0; kills < 50; round++) {
          kills += await killAll();
          const killedMs = performance.now();
          expect(await useKeyInside()).toBe(encrypted);
          await expectShort(performance.now() - killedMs);
          if (round % 8 === 0) expect(await useNewDomain(`after-${kills}`)).toMatch(/./);
        }
        expect(count()).toBeGreaterThan(read);
      });
    });

    test('while the token is away, known domains are served; it is used again within 5 s once it is back', async () => {
      await readMeanwhile(async (count) => {
        hsm.unplug();
        // Nobody ends the processes: their sessions find that the token has gone.
        const waiting = useKeyInside();
        await until(async () => (await rootStatus(server)).processIds.length === 0, 'all sessions end');
        const read = count();
        expect(await createKey(peer, 'made without the HSM')).toMatch(/./);
        await until(() => count() > read + 20, 'Get is answered meanwhile');
        hsm.plugIn();
        const backMs = performance.now();
        expect(await waiting).toBe(encrypted);
        await expectShort(performance.now() - backMs);
        expect(await useNewDomain('afterwards')).toMatch(/./);
        expect(errorsOf(server)).toEqual([]);
      });
    });

    test('while the HSM is away, requests are served for the time of grace alone', async () => {
      const database = await openDatabase(dataDir);
      const isServed = async (): Promise<boolean> =>
        (await outcomeOf(inside.call(locate, { attributes: [] }))) === 'done';
      const another = await (await newClient(server, 'another', 'inside')).connect();
      hsm.unplug();
      await killAll();
      const late = outcomeOf(useKeyInside(another));
      const out = join(dataDir, 'without-the-hsm.backup');
      const backup = holdfastResult([
        'backup',
        'create',
        '--data-dir',
        dataDir,
        '--to',
        server.clientFiles.cert,
        '--out',
        out,
      ]);
      const isTrue = async (condition: string): Promise<boolean> =>
        (await database.sql(`SELECT FROM audit_chain WHERE ${condition}`)).length === 1;
      // While the HSM answers, that is confirmed twice a second.
      await until(() => isTrue(`confirmed_at < now() - interval '2 s'`), 'it is away');
      expect(await isServed()).toBe(true);
      const grace = `interval '${GRACE_SECONDS} s'`;
      await database.sql(`UPDATE audit_chain SET confirmed_at = confirmed_at - ${grace}`);
      await until(async () => !(await isServed()), 'nothing is served');
      // The log is being linked all the time.
      expect(await isTrue(`leased_until > now() AND confirmed_at < now() - ${grace}`)).toBe(true);
      expect(await isServed()).toBe(false);
      expect(await statusOf(server)).toMatchObject({
        state: 'refusing',
        problem: expect.stringContaining('not signed') as string,
      });
      expect(server.log()).toContain('requests are refused: the audit log was not signed');
      // What needs the HSM waits for it, and is answered in the end.
      expect(await late).toBe('InternalServerError');
      await another.close();
      // What broke it off is told, though its beginning was sent.
      const { code, stderr } = await backup;
      expect([code, stderr]).toEqual([3, expect.stringContaining('the HSM does not answer') as string]);
      expect(stderr).toContain('holdfast backup restore');
      expect(readdirSync(dataDir).filter((name) => name.includes('backup'))).toEqual([]);
      hsm.plugIn();
      await until(isServed, 'everything is served again');
      expect(await statusOf(server)).toMatchObject({ state: 'serving' });
      await database.close();
    });

    test('the PIN is in no line of the log, also of the finest level', () => {
      expect(server.log()).toContain('"level":"warn"');
      expect(server.log()).not.toContain(hsm.pin);
    });

    test('a restarted server opens what it sealed before', async () => {
      doomed = await newKey(inside);
      await peer.close();
      await inside.close();
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
      hsm.clone('holdfast', 'clone');
      server = await start({ arguments: ['--pkcs11-token', 'clone'] });
      peer = await Peer.connect(tlsOptions(server), '1.4');
      expect(await get()).toEqual(material);
    });

    test('where the token goes away under load its clone serves, and the token once the clone goes away', async () => {
      inside = await (await newClient(server, 'member', 'inside')).connect();
      await inside.call(destroy, { uniqueIdentifier: doomed });
      const verify = () => holdfastResult(['verify', '--data-dir', dataDir]);
      await until(async () => (await verify()).code === 0, 'the key is destroyed in the token');
      // On a slow machine the start may have left the token for its clone: the one in use has the key no longer.
      const inUse = hsm.objectsIn('holdfast') < hsm.objectsIn('clone') ? 'holdfast' : 'clone';
      await readMeanwhile(async (count) => {
        for (const [going, domain] of [
          [inUse, 'on-the-clone'],
          [inUse === 'clone' ? 'holdfast' : 'clone', 'on-the-token'],
        ] as const) {
          const read = count();
          const bringBack = hsm.removeToken(going);
          expect(await useKeyInside()).toBe(encrypted);
          expect(await useNewDomain(domain)).toMatch(/./);
          await until(() => count() > read + 20, 'Get is answered meanwhile');
          if (going === inUse) {
            const left = expect.stringContaining('still holds 1 keys that were destroyed') as string;
            expect(await verify()).toMatchObject({ code: 1, stdout: left });
            expect(server.log()).toContain('another token of the HSM is in use');
          }
          bringBack();
          expect(await useKeyInside()).toBe(encrypted);
        }
      });
      await inside.close();
      // What the verification found, and nothing else.
      expect(errorsOf(server)).toEqual([expect.stringContaining('"faults":1')]);
    });
  },
);
