import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { activate, register } from '@holdfast/core';
import { holdfastResult, startServerProcess, urlOf, type ServerProcess } from '@holdfast/testkit';
import { connectFirstClient } from '../support/client';
import { connectTo } from '../support/database';
import { filesBelow } from '../support/files';
import { SYSTEM_POSTGRES, SystemPostgres } from '../support/system-postgres';
import { knownKeys, symmetricKey } from './known-keys';
import { Needles } from './needles';

const KEYS = 200;
const isRequired = process.env['CI'] === 'true';

(SYSTEM_POSTGRES === undefined && !isRequired ? describe.skip : describe)(
  `what a thief of pg_dump, data folder and backup has (skipped where the system package postgresql is missing)`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-dump-'));
    const needles = new Needles();
    let postgres: SystemPostgres;
    let server: ServerProcess;

    beforeAll(async () => {
      postgres = await SystemPostgres.start();
      server = await startServerProcess({ arguments: ['--database-url', urlOf(postgres.connection)] });
      const client = await connectFirstClient(server);
      const keys = [...knownKeys()];
      while (keys.length < KEYS) keys.push(symmetricKey(`more-${keys.length}`, 256));
      for (const { name, object, newAttributes, secrets } of keys) {
        for (const secret of secrets) needles.add(secret, name);
        const { objectType } = object;
        const { uniqueIdentifier } = await client.call(register, { objectType, object, newAttributes });
        // A change more: the row is written again.
        if (name.startsWith('more')) await client.call(activate, { uniqueIdentifier });
      }
      await client.close();
    });
    afterAll(async () => {
      await server.stop();
      await postgres.stop();
      rmSync(folder, { recursive: true });
    });

    const foundBelow = (where: string): readonly string[] => {
      const found: string[] = [];
      for (const { path, content } of filesBelow(where)) {
        for (const what of needles.foundIn(content)) found.push(`${relative(where, path)}: ${what}`);
      }
      return found;
    };

    test('no key stands in the dump, in any form', async () => {
      const dump = await postgres.dump();
      expect(dump).toContain('COPY public.object ');
      expect((dump.match(/^COPY public\.object [^]*?^\\\.$/m)?.[0] ?? '').split('\n').length).toBe(KEYS + 2);
      expect(needles.foundIn(dump)).toEqual([]);
    });

    test('nor in the data folder, nor in the files of the database and its write-ahead log', () => {
      expect(foundBelow(server.dataDir)).toEqual([]);
      expect(foundBelow(postgres.data)).toEqual([]);
    });

    test('nor in a backup', async () => {
      const [to, out] = [join(folder, 'custodian.pub'), join(folder, 'backup')];
      writeFileSync(to, generateKeyPairSync('x25519').publicKey.export({ type: 'spki', format: 'pem' }));
      const made = await holdfastResult([
        'backup',
        'create',
        '--to',
        to,
        '--out',
        out,
        '--data-dir',
        server.dataDir,
      ]);
      expect([made.code, made.stderr]).toEqual([0, '']);
      expect(needles.foundIn(readFileSync(out))).toEqual([]);
    });

    test('a key in clear would be found, as bytes, as text and as PEM', async () => {
      const { privateKey } = generateKeyPairSync('ed25519');
      const secret = Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url');
      const sought = new Needles();
      sought.add(secret, 'leaked');
      const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
      const database = await connectTo(postgres.connection);
      for (const [type, value] of [
        ['bytea', secret],
        ['text', secret.toString('hex')],
        ['text', secret.toString('base64')],
        ['text', pem],
      ] as const) {
        await database.sql(`CREATE TABLE leak (value ${type})`);
        await database.sql('INSERT INTO leak VALUES ($1)', [value]);
        expect(sought.foundIn(await postgres.dump())).not.toEqual([]);
        await database.sql('DROP TABLE leak');
      }
      await database.close();
    });
  },
);
