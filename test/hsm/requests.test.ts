import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KmipClient } from '@holdfast/client';
import {
  activate,
  create,
  createKeyPair,
  decrypt,
  destroy,
  encrypt,
  get,
  locate,
  mac,
  reKey,
  sign,
} from '@holdfast/core';
import {
  BlockCipherMode,
  CryptographicAlgorithm as Algorithm,
  CryptographicUsageMask as Use,
  HashingAlgorithm,
  ObjectType,
  RecommendedCurve,
  WrappingMethod,
  type Attribute,
} from '@holdfast/kmip';
import {
  SOFT_HSM_MODULE,
  SoftHsm,
  asFirstOfficer,
  startServerProcess,
  type ServerProcess,
} from '@holdfast/testkit';
import { SecretBytes } from '@holdfast/ttlv';
import { newClient, newKey, outcomeOf } from '../custody/site';
import { openDatabase } from '../support/database';
import { until } from '../support/until';

/** docs/hsm.md says how often each operation asks the HSM: counted here. */

const isRequired = process.env['CI'] === 'true';
const documented = new Map(
  [...readFileSync(join(__dirname, '../../docs/hsm.md'), 'utf8').matchAll(/^\| (.+?) +\| (\d+) +\|$/gm)].map(
    ([, operation = '', requests]) => [operation, Number(requests)],
  ),
);

const ACTIVE: Attribute = { key: 'ActivationDate', value: 1 };
const usage = (value: number): Attribute => ({ key: 'CryptographicUsageMask', value });
const ECB = { cryptographicParameters: { blockCipherMode: BlockCipherMode.ECB } };
const block = (): SecretBytes => SecretBytes.copyOf(Buffer.alloc(16));
const none = { templateNames: [], attributes: [] };

(SOFT_HSM_MODULE === undefined && !isRequired ? describe.skip : describe)(
  'requests to the HSM (skipped where the system package softhsm2 is missing)',
  () => {
    const hsm = new SoftHsm();
    const dataDir = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
    let server: ServerProcess;
    let inside: KmipClient;
    let outside: KmipClient;

    beforeAll(async () => {
      server = await startServerProcess({ softHsm: hsm, dataDir });
      const officer = await asFirstOfficer(server);
      await officer.call('POST /domains', { name: 'inside', settings: { keysInHsm: true } });
      inside = await (await newClient(server, 'inside')).connect();
      outside = await (await newClient(server, 'outside')).connect();
      // The keys of these domains are made, and open; the server itself soon makes that of the first one.
      const first = await (await newClient(server, 'first', 'default')).connect();
      for (const client of [inside, outside, first]) await newKey(client);
      await first.close();
      // The audit log has wrapped what it unwraps to find whether the HSM answers.
      const database = await openDatabase(dataDir);
      const [began] = await database.sql<{ time: Date }>('SELECT clock_timestamp() AS time');
      await until(
        async () =>
          (await database.sql('SELECT FROM audit_chain WHERE confirmed_at > $1', [began?.time])).length > 0,
        'the audit log has asked the HSM',
      );
      await database.close();
    });
    afterAll(async () => {
      for (const client of [inside, outside]) await client.close();
      await server.stop();
      rmSync(dataDir, { recursive: true });
      hsm.remove();
    });

    const activeKeyFor = async (use: number): Promise<string> => {
      const attributes = [
        { key: 'CryptographicAlgorithm', value: Algorithm.AES } as const,
        usage(use),
        ACTIVE,
      ];
      const made = { objectType: ObjectType.SymmetricKey, newAttributes: { templateNames: [], attributes } };
      return (await inside.call(create, made)).uniqueIdentifier;
    };
    /** But for the unwrapping by which the audit log finds now and then whether the HSM answers. */
    const requests = async (): Promise<number> => {
      const { root } = await (await asFirstOfficer(server)).call('GET /status');
      const counts = Object.entries(root.requests ?? { none: Number.NaN });
      return counts.reduce((sum, [call, count]) => (call === 'unwrap' ? sum : sum + count), 0);
    };

    test('are as many as the page says', async () => {
      const counted = new Map<string, number>();
      const count = async <T>(operation: string, work: () => Promise<T>): Promise<T> => {
        const before = await requests();
        const result = await work();
        counted.set(operation, (await requests()) - before);
        return result;
      };

      // What looks after all domains may be the first that needs the key.
      const fresh = await count('the first connection to a new domain', async () => {
        const connected = await (await newClient(server, 'fresh')).connect();
        await newKey(connected);
        return connected;
      });
      await fresh.close();
      const here = await count('Create, key in the database', () => newKey(outside));
      await count('Get, key in the database', () => outside.call(get, { uniqueIdentifier: here }));
      await count('Locate', () => outside.call(locate, { attributes: [] }));
      await count('Activate', () => outside.call(activate, { uniqueIdentifier: here }));
      const text = { ...ECB, data: block() };
      await count('Encrypt, key in the database', () =>
        outside.call(encrypt, { uniqueIdentifier: here, ...text }),
      );
      const old = await newKey(outside);
      await count('Destroy, key in the database', () => outside.call(destroy, { uniqueIdentifier: old }));

      const there = await count('Create, key inside the HSM', () => newKey(inside));
      await count('Activate, key inside the HSM', () => inside.call(activate, { uniqueIdentifier: there }));
      await count('Get, key inside the HSM', () => outcomeOf(inside.call(get, { uniqueIdentifier: there })));
      const { data = Buffer.alloc(0) } = await count('Encrypt, key inside the HSM', () =>
        inside.call(encrypt, { uniqueIdentifier: there, ...text }),
      );
      await count('Decrypt, key inside the HSM', () =>
        inside.call(decrypt, { uniqueIdentifier: there, ...ECB, data }),
      );
      await count('Re-key, key inside the HSM', () =>
        inside.call(reKey, { uniqueIdentifier: there, newAttributes: none }),
      );
      const authenticating = await activeKeyFor(Use.MACGenerate);
      await count('MAC, key inside the HSM', () =>
        inside.call(mac, {
          uniqueIdentifier: authenticating,
          cryptographicParameters: { blockCipherMode: BlockCipherMode.CMAC },
          data: block(),
        }),
      );
      const pair = await count('Create Key Pair, key inside the HSM', () =>
        inside.call(createKeyPair, {
          commonAttributes: {
            templateNames: [],
            attributes: [
              { key: 'CryptographicAlgorithm', value: Algorithm.ECDSA },
              {
                key: 'CryptographicDomainParameters',
                value: { recommendedCurve: RecommendedCurve.P_256 },
              },
              ACTIVE,
            ],
          },
          privateKeyAttributes: { templateNames: [], attributes: [usage(Use.Sign)] },
          publicKeyAttributes: { templateNames: [], attributes: [usage(Use.Verify)] },
        }),
      );
      await count('Sign, key inside the HSM', () =>
        inside.call(sign, {
          uniqueIdentifier: pair.privateKeyUniqueIdentifier,
          cryptographicParameters: { hashingAlgorithm: HashingAlgorithm.SHA_256 },
          data: block(),
        }),
      );
      const wrapping = await activeKeyFor(Use.WrapKey);
      await count('Get of a key that one inside the HSM wraps', () =>
        inside.call(get, {
          uniqueIdentifier: pair.publicKeyUniqueIdentifier,
          keyWrappingSpecification: {
            wrappingMethod: WrappingMethod.Encrypt,
            encryptionKeyInformation: {
              uniqueIdentifier: wrapping,
              cryptographicParameters: { blockCipherMode: BlockCipherMode.CTR },
            },
            attributeNames: [],
          },
        }),
      );
      const victim = await newKey(inside);
      await count('Destroy, key inside the HSM', async () => {
        const before = await requests();
        await inside.call(destroy, { uniqueIdentifier: victim });
        await until(async () => (await requests()) > before, 'the HSM is asked');
      });
      expect(counted).toEqual(documented);
    });
  },
);
