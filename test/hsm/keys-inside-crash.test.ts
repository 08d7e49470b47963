import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KmipClient } from '@holdfast/client';
import { destroy, encrypt } from '@holdfast/core';
import { BlockCipherMode, type Attribute } from '@holdfast/kmip';
import { AdminClient } from '@holdfast/server/admin';
import {
  SOFT_HSM_MODULE,
  SoftHsm,
  addClient,
  asFirstOfficer,
  startServerProcess,
  type AddedClient,
  type ServerProcess,
} from '@holdfast/testkit';
import { SecretBytes } from '@holdfast/ttlv';
import { connectAs, newKey, outcomeOf } from '../custody/site';
import { openDatabase } from '../support/database';
import { signalAll } from '../support/processes';
import { until } from '../support/until';

jest.setTimeout(240_000);

/** The server is killed between what it records, what the HSM does and what it commits: nothing is lost, nothing is left. */

const isRequired = process.env['CI'] === 'true';
const ACTIVE: Attribute = { key: 'ActivationDate', value: 1 };

(SOFT_HSM_MODULE === undefined && !isRequired ? describe.skip : describe)(
  'a killed server and keys inside the HSM (skipped where the system package softhsm2 is missing)',
  () => {
    const hsm = new SoftHsm();
    const dataDir = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
    let server: ServerProcess;
    let identity: AddedClient;
    let client: KmipClient;

    const start = async (): Promise<void> => {
      server = await startServerProcess({ softHsm: hsm, dataDir });
    };
    const devices = async (): Promise<readonly number[]> =>
      (await new AdminClient(dataDir).call('GET /status')).root.processIds;
    const haveEnded = (processIds: readonly number[]) =>
      until(
        () => processIds.every((processId) => !isAlive(processId)),
        'the processes of the HSM have ended',
      );
    const inToken = (): number =>
      readdirSync(hsm.tokenFolder).filter((name) => name.endsWith('.object')).length;
    const restart = async (): Promise<void> => {
      await client.close();
      await start();
      client = await connectAs(server, identity);
    };
    const isUsable = async (uniqueIdentifier: string): Promise<string> =>
      outcomeOf(
        client.call(encrypt, {
          uniqueIdentifier,
          cryptographicParameters: { blockCipherMode: BlockCipherMode.ECB },
          data: SecretBytes.copyOf(Buffer.alloc(16)),
        }),
      );

    beforeAll(async () => {
      await start();
      const officer = await asFirstOfficer(server);
      await officer.call('POST /domains', { name: 'inside', settings: { keysInHsm: true } });
      identity = await addClient(server, 'inside', { domain: 'inside' });
      client = await connectAs(server, identity);
    });
    afterAll(async () => {
      await client.close();
      await server.stop();
      rmSync(dataDir, { recursive: true });
      hsm.remove();
    });

    test('whatever moment it is killed at, in the end the token has the keys of objects and no others', async () => {
      const kept = await newKey(client, ACTIVE);
      const victim = await newKey(client);
      const before = inToken();
      const database = await openDatabase(dataDir);

      // Recorded, and not made yet: the device makes it when nobody waits for it any more.
      const stopped = await devices();
      signalAll(stopped, 'SIGSTOP');
      const lost = outcomeOf(newKey(client)).catch(() => 'lost');
      await until(
        async () => (await database.sql(`SELECT FROM hsm_key WHERE stage = 'making'`)).length > 0,
        'the key is recorded',
      );
      await server.kill();
      signalAll(stopped, 'SIGCONT');
      expect(await lost).toBe('lost');
      await haveEnded(stopped);
      await database.close();
      await restart();
      expect(await isUsable(kept)).toBe('done');

      // Made, and no object's: nothing is written while somebody holds the table.
      const holder = await openDatabase(dataDir);
      await holder.sql('BEGIN');
      await holder.sql('LOCK TABLE object IN EXCLUSIVE MODE');
      const made = inToken();
      const unwritten = outcomeOf(newKey(client)).catch(() => 'lost');
      await until(() => inToken() === made + 1, 'the key is made');
      const withKey = await devices();
      await server.kill();
      expect(await unwritten).toBe('lost');
      await haveEnded(withKey);
      await holder.close();
      await restart();
      expect(await isUsable(kept)).toBe('done');

      // No object's any more, and not destroyed yet.
      const held = await devices();
      signalAll(held, 'SIGSTOP');
      await client.call(destroy, { uniqueIdentifier: victim });
      await server.kill();
      signalAll(held, 'SIGKILL');
      await haveEnded(held);
      await restart();

      await until(() => inToken() === before - 1, 'the token has no other keys');
      const rows = await openDatabase(dataDir);
      await until(
        async () => (await rows.sql(`SELECT FROM hsm_key WHERE stage <> 'held'`)).length === 0,
        'nothing is left to do',
      );
      expect(await rows.sql('SELECT stage FROM hsm_key')).toEqual([{ stage: 'held' }]);
      await rows.close();
      expect(await isUsable(kept)).toBe('done');
    });
  },
);

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch {
    return false;
  }
}
