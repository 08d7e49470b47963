import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KmipClient } from '@holdfast/client';
import {
  activate,
  create,
  decrypt,
  destroy,
  encrypt,
  exportObject,
  get,
  getAttributes,
  reKey,
  revoke,
} from '@holdfast/core';
import {
  BlockCipherMode as Mode,
  CryptographicAlgorithm as Algorithm,
  CryptographicUsageMask as Use,
  ObjectType,
  PaddingMethod,
  ProtectionStorageMask,
  RevocationReasonCode,
  Tag,
  type Attribute,
  type CryptographicParameters,
} from '@holdfast/kmip';
import { ItemType, SecretBytes } from '@holdfast/ttlv';
import {
  SOFT_HSM_MODULE,
  SoftHsm,
  asFirstOfficer,
  startServerProcess,
  type ServerProcess,
} from '@holdfast/testkit';
import { newClient, outcomeOf } from '../custody/site';
import { openDatabase } from '../support/database';
import { until } from '../support/until';

jest.setTimeout(120_000);

const isRequired = process.env['CI'] === 'true';
const TEXT = Buffer.from('what a data key protects, of any length');
const AES: readonly Attribute[] = [
  { key: 'CryptographicAlgorithm', value: Algorithm.AES },
  { key: 'CryptographicLength', value: 256 },
  { key: 'CryptographicUsageMask', value: Use.Encrypt | Use.Decrypt },
];
/** How a request asks for one key inside the HSM. */
const IN_HSM: Attribute = {
  key: 'VendorAttribute',
  value: {
    vendorIdentification: 'x',
    attributeName: 'KeyInHSM',
    attributeValue: { tag: Tag.AttributeValue, type: ItemType.Boolean, value: true },
  },
};

(SOFT_HSM_MODULE === undefined && !isRequired ? describe.skip : describe)(
  'keys inside the HSM (skipped where the system package softhsm2 is missing)',
  () => {
    const hsm = new SoftHsm();
    const dataDir = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
    let server: ServerProcess;
    let client: KmipClient;
    /** Without keys inside the HSM but for those that a request asks for. */
    let other: KmipClient;

    beforeAll(async () => {
      server = await startServerProcess({ softHsm: hsm, dataDir });
      const officer = await asFirstOfficer(server);
      await officer.call('POST /domains', { name: 'inside', settings: { keysInHsm: true } });
      client = await (await newClient(server, 'inside')).connect();
      other = await (await newClient(server, 'outside')).connect();
    });
    afterAll(async () => {
      await client.close();
      await other.close();
      await server.stop();
      rmSync(dataDir, { recursive: true });
      hsm.remove();
    });

    const make = async (by: KmipClient, ...attributes: readonly Attribute[]): Promise<string> => {
      const newAttributes = { templateNames: [], attributes: [...AES, ...attributes] };
      const { uniqueIdentifier } = await by.call(create, {
        objectType: ObjectType.SymmetricKey,
        newAttributes,
      });
      return uniqueIdentifier;
    };
    const makeActive = async (by: KmipClient, ...attributes: readonly Attribute[]): Promise<string> => {
      const uniqueIdentifier = await make(by, ...attributes);
      await by.call(activate, { uniqueIdentifier });
      return uniqueIdentifier;
    };
    const attributesOf = async (by: KmipClient, uniqueIdentifier: string) => {
      const { attributes } = await by.call(getAttributes, { uniqueIdentifier, attributeReferences: [] });
      return new Map(attributes.map(({ key, value }) => [key, value] as const));
    };
    /** How many objects the token has, the root key among them. */
    const inToken = (): number =>
      readdirSync(hsm.tokenFolder).filter((name) => name.endsWith('.object')).length;

    test('a key of such a domain is made there, and says that it never leaves', async () => {
      const before = inToken();
      const uniqueIdentifier = await make(client);
      expect(inToken()).toBe(before + 1);
      const attributes = await attributesOf(client, uniqueIdentifier);
      for (const key of ['Sensitive', 'AlwaysSensitive', 'NeverExtractable'] as const) {
        expect([key, attributes.get(key)]).toEqual([key, true]);
      }
      expect(attributes.get('Extractable')).toBe(false);
      expect(attributes.get('ProtectionStorageMask')).toBe(ProtectionStorageMask.Hardware);
      expect(attributes.has('Digest')).toBe(false);
      expect(await outcomeOf(client.call(get, { uniqueIdentifier }))).toBe('NotExtractable');
      expect(await outcomeOf(client.call(exportObject, { uniqueIdentifier }))).toBe('NotExtractable');
    });

    const parameterSets: readonly (readonly [string, CryptographicParameters])[] = [
      ['GCM', { blockCipherMode: Mode.GCM, tagLengthBytes: 16, randomIV: true }],
      ['GCM with a short tag', { blockCipherMode: Mode.GCM, tagLengthBytes: 12, randomIV: true }],
      ['CBC', { blockCipherMode: Mode.CBC, paddingMethod: PaddingMethod.PKCS5, randomIV: true }],
      ['CTR', { blockCipherMode: Mode.CTR, randomIV: true }],
      ['ECB', { blockCipherMode: Mode.ECB, paddingMethod: PaddingMethod.ANSIX9_23 }],
    ];
    test.each(parameterSets)('it encrypts and decrypts in %s', async (_, cryptographicParameters) => {
      const uniqueIdentifier = await makeActive(client);
      const sealed = await client.call(encrypt, {
        uniqueIdentifier,
        cryptographicParameters,
        data: SecretBytes.copyOf(TEXT),
      });
      const data = sealed.data ?? Buffer.alloc(0);
      expect(data.includes(TEXT)).toBe(false);
      const { ivCounterNonce, authenticatedEncryptionTag } = sealed;
      const request = {
        uniqueIdentifier,
        cryptographicParameters,
        data,
        ivCounterNonce,
        authenticatedEncryptionTag,
      };
      const opened = await client.call(decrypt, request);
      expect(opened.data?.reveal()).toEqual(TEXT);
      if (authenticatedEncryptionTag === undefined) return;
      const altered = Buffer.from(data);
      altered[0] = (altered[0] ?? 0) ^ 1;
      expect(await outcomeOf(client.call(decrypt, { ...request, data: altered }))).toBe(
        'CryptographicFailure',
      );
    });

    test('one request asks for it by attribute, or by storage masks in their order', async () => {
      const { Hardware, Software } = ProtectionStorageMask;
      const asked = await make(other, IN_HSM);
      expect((await attributesOf(other, asked)).get('ProtectionStorageMask')).toBe(Hardware);
      for (const [masks, storage] of [
        [[Hardware, Software], Hardware],
        [[Software, Hardware], Software],
        [[ProtectionStorageMask.Hypervisor, Hardware], Hardware],
      ] as const) {
        const { uniqueIdentifier } = await other.call(create, {
          objectType: ObjectType.SymmetricKey,
          newAttributes: { templateNames: [], attributes: AES },
          protectionStorageMasks: { protectionStorageMasks: [...masks] },
        });
        expect((await attributesOf(other, uniqueIdentifier)).get('ProtectionStorageMask')).toBe(storage);
      }
      const outside = client.call(create, {
        objectType: ObjectType.SymmetricKey,
        newAttributes: { templateNames: [], attributes: AES },
        protectionStorageMasks: { protectionStorageMasks: [Software] },
      });
      expect(await outcomeOf(outside)).toBe('ProtectionStorageUnavailable');
      const leaving = make(client, { key: 'Extractable', value: true });
      expect(await outcomeOf(leaving)).toBe('InvalidAttributeValue');
    });

    test('Re-key makes its successor there too; Destroy takes the key away there', async () => {
      const before = inToken();
      const uniqueIdentifier = await makeActive(client);
      const { uniqueIdentifier: successor } = await client.call(reKey, {
        uniqueIdentifier,
        newAttributes: { templateNames: [], attributes: [] },
      });
      expect(inToken()).toBe(before + 2);
      expect((await attributesOf(client, successor)).get('ProtectionStorageMask')).toBe(
        ProtectionStorageMask.Hardware,
      );
      await client.call(revoke, {
        uniqueIdentifier,
        revocationReason: { revocationReasonCode: RevocationReasonCode.CessationOfOperation },
      });
      await client.call(destroy, { uniqueIdentifier });
      await until(() => inToken() === before + 1, 'the key is gone from the token');
      expect(await outcomeOf(client.call(get, { uniqueIdentifier }))).toBe('KeyValueNotPresent');
    });

    test('what is asked and comes to nothing leaves nothing there for long', async () => {
      expect(existsSync(hsm.tokenFolder)).toBe(true);
      const database = await openDatabase(dataDir);
      const before = inToken();
      const name: Attribute = { key: 'Name', value: { nameValue: 'taken', nameType: 1 } };
      await make(client, name);
      expect(await outcomeOf(make(client, name))).toBe('NonUniqueNameAttribute');
      expect(inToken()).toBe(before + 2);
      await until(() => inToken() === before + 1, 'the key that nobody has is gone');
      await until(
        async () => (await database.sql(`SELECT FROM hsm_key WHERE stage <> 'held'`)).length === 0,
        'nothing is left to do',
      );
      await database.close();
    });
  },
);
