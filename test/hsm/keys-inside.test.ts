import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KmipClient } from '@holdfast/client';
import {
  activate,
  create,
  createKeyPair,
  decrypt,
  deriveKey,
  destroy,
  encrypt,
  exportObject,
  get,
  getAttributes,
  mac,
  macVerify,
  reKey,
  reKeyKeyPair,
  register,
  revoke,
  sign,
  signatureVerify,
} from '@holdfast/core';
import {
  BlockCipherMode as Mode,
  CryptographicAlgorithm as Algorithm,
  CryptographicUsageMask as Use,
  DerivationMethod,
  EncodingOption,
  HashingAlgorithm,
  KeyFormatType,
  KeyWrapType,
  ObjectType,
  Operation,
  PaddingMethod,
  ProtectionStorageMask,
  RecommendedCurve,
  RevocationReasonCode,
  SecretDataType,
  Tag,
  ValidityIndicator,
  WrappingMethod,
  type Attribute,
  type CryptographicParameters,
  type ManagedObjectValue,
} from '@holdfast/kmip';
import { ItemType, SecretBytes } from '@holdfast/ttlv';
import {
  Peer,
  SOFT_HSM_MODULE,
  SoftHsm,
  asFirstOfficer,
  attribute,
  boolean,
  enumeration,
  holdfastResult,
  integer,
  keyBytesOf,
  startServerProcess,
  structure,
  textAt,
  tlsOptions,
  uniqueIdentifier as named,
  type ServerProcess,
} from '@holdfast/testkit';
import { newClient, outcomeOf, whileTampered } from '../custody/site';
import { openDatabase } from '../support/database';
import { chainOf, endChain, rotatedEvery } from '../server/rotated';
import { until } from '../support/until';

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
      server = await startServerProcess({ softHsm: hsm, dataDir, arguments: ['--hsm-random'] });
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

    test('random bytes of the HSM are drawn for keys', async () => {
      const { root } = await (await asFirstOfficer(server)).call('GET /status');
      expect(root.requests?.['random']).toBeGreaterThan(0);
    });

    const make = async (by: KmipClient, ...stated: readonly Attribute[]): Promise<string> => {
      const usual = AES.filter(({ key }) => stated.every((each) => each.key !== key));
      const newAttributes = { templateNames: [], attributes: [...usual, ...stated] };
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
    const inToken = (): number => namesInToken().length;
    const namesInToken = (): readonly string[] =>
      readdirSync(hsm.tokenFolder).filter((name) => name.endsWith('.object'));

    /** Where the token has a key that is no object's: for how long is looked at in the end. */
    let nobodys: string;
    test('what comes to nothing after the key was made', async () => {
      const name: Attribute = { key: 'Name', value: { nameValue: 'taken', nameType: 1 } };
      await make(client, name);
      const before = namesInToken();
      expect(await outcomeOf(make(client, name))).toBe('NonUniqueNameAttribute');
      const added = namesInToken().filter((each) => !before.includes(each));
      expect(added).toHaveLength(1);
      [nobodys] = added as [string];
    });

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

    test('HMAC and CMAC keys make MACs there, and know them again', async () => {
      const attributes: readonly Attribute[] = [
        { key: 'CryptographicAlgorithm', value: Algorithm.HMAC_SHA256 },
        { key: 'CryptographicUsageMask', value: Use.MACGenerate | Use.MACVerify },
      ];
      const { uniqueIdentifier: hmac } = await client.call(create, {
        objectType: ObjectType.SymmetricKey,
        newAttributes: { templateNames: [], attributes },
      });
      await client.call(activate, { uniqueIdentifier: hmac });
      const cmac = await makeActive(client, {
        key: 'CryptographicUsageMask',
        value: Use.MACGenerate | Use.MACVerify,
      });
      const data = SecretBytes.copyOf(TEXT);
      for (const [uniqueIdentifier, cryptographicParameters] of [
        [hmac, {}],
        [cmac, { blockCipherMode: Mode.CMAC }],
      ] as const) {
        const request = { uniqueIdentifier, cryptographicParameters, data };
        const { macData = Buffer.alloc(0) } = await client.call(mac, request);
        const verify = async (claimed: Buffer) =>
          (await client.call(macVerify, { ...request, macData: claimed })).validityIndicator;
        expect(await verify(macData)).toBe(ValidityIndicator.Valid);
        macData[0] = (macData[0] ?? 0) ^ 1;
        expect(await verify(macData)).toBe(ValidityIndicator.Invalid);
      }
    });

    const makePair = async (attributes: readonly Attribute[]) => {
      const none = { templateNames: [], attributes: [] };
      const usage = (value: number) => ({
        templateNames: [],
        attributes: [{ key: 'CryptographicUsageMask', value } as const],
      });
      const pair = await client.call(createKeyPair, {
        commonAttributes: { ...none, attributes },
        privateKeyAttributes: usage(Use.Sign | Use.Decrypt | Use.UnwrapKey),
        publicKeyAttributes: usage(Use.Verify | Use.Encrypt | Use.WrapKey),
      });
      const { privateKeyUniqueIdentifier: privateKey, publicKeyUniqueIdentifier: publicKey } = pair;
      for (const uniqueIdentifier of [privateKey, publicKey])
        await client.call(activate, { uniqueIdentifier });
      return { privateKey, publicKey };
    };
    const rsa = (lengthBits: number): readonly Attribute[] => [
      { key: 'CryptographicAlgorithm', value: Algorithm.RSA },
      { key: 'CryptographicLength', value: lengthBits },
    ];
    const ecdsa = (recommendedCurve: RecommendedCurve): readonly Attribute[] => [
      { key: 'CryptographicAlgorithm', value: Algorithm.ECDSA },
      { key: 'CryptographicDomainParameters', value: { recommendedCurve } },
    ];
    const { SHA_256, SHA_384 } = HashingAlgorithm;
    const signatures: readonly (readonly [string, readonly Attribute[], CryptographicParameters])[] = [
      ['RSA, PSS', rsa(2048), { paddingMethod: PaddingMethod.PSS, hashingAlgorithm: SHA_256 }],
      ['RSA, PKCS #1', rsa(3072), { paddingMethod: PaddingMethod.PKCS1V1_5, hashingAlgorithm: SHA_384 }],
      ['P-256', ecdsa(RecommendedCurve.P_256), { hashingAlgorithm: SHA_384 }],
      ['P-384', ecdsa(RecommendedCurve.P_384), { hashingAlgorithm: SHA_256 }],
      ['P-521', ecdsa(RecommendedCurve.P_521), { hashingAlgorithm: SHA_256 }],
    ];
    test.each(signatures)('a pair of %s signs there', async (_, attributes, cryptographicParameters) => {
      const { privateKey, publicKey } = await makePair(attributes);
      const data = SecretBytes.copyOf(TEXT);
      const { signatureData } = await client.call(sign, {
        uniqueIdentifier: privateKey,
        cryptographicParameters,
        data,
      });
      const { validityIndicator } = await client.call(signatureVerify, {
        uniqueIdentifier: publicKey,
        cryptographicParameters,
        data,
        signatureData,
      });
      expect(validityIndicator).toBe(ValidityIndicator.Valid);
      expect(await outcomeOf(client.call(get, { uniqueIdentifier: privateKey }))).toBe('NotExtractable');
      expect(await outcomeOf(client.call(get, { uniqueIdentifier: publicKey }))).toBe('done');
      expect((await attributesOf(client, privateKey)).get('ProtectionStorageMask')).toBe(
        ProtectionStorageMask.Hardware,
      );
    });

    test('a pair of RSA decrypts there', async () => {
      const { privateKey, publicKey } = await makePair(rsa(2048));
      const cryptographicParameters = {
        paddingMethod: PaddingMethod.OAEP,
        hashingAlgorithm: HashingAlgorithm.SHA_256,
      };
      const { data = Buffer.alloc(0) } = await client.call(encrypt, {
        uniqueIdentifier: publicKey,
        cryptographicParameters,
        data: SecretBytes.copyOf(TEXT),
      });
      const request = { uniqueIdentifier: privateKey, cryptographicParameters, data };
      expect((await client.call(decrypt, request)).data?.reveal()).toEqual(TEXT);
      const pair = await client.call(reKeyKeyPair, {
        privateKeyUniqueIdentifier: privateKey,
        commonAttributes: { templateNames: [], attributes: [] },
        privateKeyAttributes: { templateNames: [], attributes: [] },
        publicKeyAttributes: { templateNames: [], attributes: [] },
      });
      expect((await attributesOf(client, pair.privateKeyUniqueIdentifier)).get('ProtectionStorageMask')).toBe(
        ProtectionStorageMask.Hardware,
      );
    });

    test('a key there wraps others, and opens what it wrapped', async () => {
      const wrapping = await makeActive(other, IN_HSM, {
        key: 'CryptographicUsageMask',
        value: Use.WrapKey | Use.UnwrapKey,
      });
      const plain = await make(other);
      const { object: inClear } = await other.call(get, { uniqueIdentifier: plain });
      for (const encodingOption of [EncodingOption.NoEncoding, EncodingOption.TTLVEncoding]) {
        const { object } = await other.call(get, {
          uniqueIdentifier: plain,
          keyWrappingSpecification: {
            wrappingMethod: WrappingMethod.Encrypt,
            encryptionKeyInformation: { uniqueIdentifier: wrapping },
            attributeNames: [],
            encodingOption,
          },
        });
        const { uniqueIdentifier } = await other.call(register, {
          objectType: ObjectType.SymmetricKey,
          newAttributes: { templateNames: [], attributes: AES },
          object,
        });
        const opened = await other.call(get, { uniqueIdentifier, keyWrapType: KeyWrapType.NotWrapped });
        expect(opened.object).toEqual(inClear);
      }
    });

    test('a key there wraps with padding, and opens that; what the token pads otherwise is refused', async () => {
      const blockCipherMode = Mode.AESKeyWrapPadding;
      const wrapping = await makeActive(other, IN_HSM, {
        key: 'CryptographicUsageMask',
        value: Use.WrapKey | Use.UnwrapKey,
      });
      const attributes: readonly Attribute[] = [{ key: 'CryptographicUsageMask', value: Use.DeriveKey }];
      const newAttributes = { templateNames: [], attributes };
      const registered = (value: ManagedObjectValue) =>
        other.call(register, { objectType: ObjectType.SecretData, newAttributes, object: value });
      const secret = (lengthBytes: number): ManagedObjectValue => ({
        objectType: ObjectType.SecretData,
        secretDataType: SecretDataType.Seed,
        keyBlock: {
          keyFormatType: KeyFormatType.Opaque,
          keyValue: { keyMaterial: SecretBytes.copyOf(Buffer.alloc(lengthBytes, 0x5a)), attributes: [] },
        },
      });
      const wrapped = (uniqueIdentifier: string) =>
        other.call(get, {
          uniqueIdentifier,
          keyWrappingSpecification: {
            wrappingMethod: WrappingMethod.Encrypt,
            encryptionKeyInformation: {
              uniqueIdentifier: wrapping,
              cryptographicParameters: { blockCipherMode },
            },
            attributeNames: [],
            encodingOption: EncodingOption.NoEncoding,
          },
        });
      const { uniqueIdentifier: plain } = await registered(secret(32));
      const { uniqueIdentifier } = await registered((await wrapped(plain)).object);
      const opened = await other.call(get, { uniqueIdentifier, keyWrapType: KeyWrapType.NotWrapped });
      expect(opened.object).toEqual((await other.call(get, { uniqueIdentifier: plain })).object);
      // SoftHSM fills up with zero bytes, and counts them.
      const { uniqueIdentifier: odd } = await registered(secret(29));
      expect(await outcomeOf(wrapped(odd))).toBe('UnsupportedCryptographicParameters');
    });

    test('other keys are derived from one there, where PKCS#11 computes that', async () => {
      const base = await makeActive(
        other,
        IN_HSM,
        { key: 'CryptographicAlgorithm', value: Algorithm.HMAC_SHA256 },
        { key: 'CryptographicUsageMask', value: Use.DeriveKey | Use.MACGenerate },
      );
      const derived = (derivationMethod: DerivationMethod, more: object = {}) =>
        other.call(deriveKey, {
          objectType: ObjectType.SymmetricKey,
          uniqueIdentifiers: [base],
          derivationMethod,
          derivationParameters: { derivationData: [SecretBytes.copyOf(TEXT)], ...more },
          newAttributes: { templateNames: [], attributes: AES },
        });
      const { uniqueIdentifier } = await derived(DerivationMethod.HMAC);
      const { object } = await other.call(get, { uniqueIdentifier });
      const { macData } = await other.call(mac, {
        uniqueIdentifier: base,
        data: SecretBytes.copyOf(TEXT),
      });
      expect(keyBytesOf(object)).toEqual(macData);
      const counted = await derived(DerivationMethod.NIST800_108_C);
      expect((await attributesOf(other, counted.uniqueIdentifier)).get('ProtectionStorageMask')).toBe(
        ProtectionStorageMask.Software,
      );
      const cryptographicParameters = { hashingAlgorithm: HashingAlgorithm.SHA_256 };
      const hash = { derivationData: [], cryptographicParameters };
      expect(await outcomeOf(derived(DerivationMethod.HASH, hash))).toBe('KeyValueNotPresent');
    });

    test('a request of KMIP 1.4 asks by its custom attribute; officers by flags of the domain', async () => {
      const holdfast = (...args: readonly string[]) => holdfastResult([...args, '--data-dir', dataDir]);
      expect((await holdfast('domain', 'add', 'flagged', '--keys-in-hsm')).stdout).toContain('in the HSM');
      const { host, port } = server;
      const { cert, key, ca } = await newClient(server, 'flagged');
      const older = await KmipClient.connect({ host, port, cert, key, ca, version: '1.4' });
      const isInside = async (uniqueIdentifier: string): Promise<boolean> =>
        (await outcomeOf(older.call(get, { uniqueIdentifier }))) !== 'done';
      expect(await isInside(await make(older))).toBe(true);
      expect((await holdfast('domain', 'set', 'flagged', '--no-keys-in-hsm')).stdout).toContain('sealed');
      expect(await isInside(await make(older))).toBe(false);
      expect(await isInside(await make(older, IN_HSM))).toBe(true);
      await older.close();
      const peer = await Peer.connect(tlsOptions(server, { cert, key, ca }), '1.4');
      const asking = (value: boolean) => [
        enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
        structure(
          Tag.TemplateAttribute,
          attribute('Cryptographic Algorithm', enumeration(Tag.AttributeValue, Algorithm.AES)),
          attribute('Cryptographic Length', integer(Tag.AttributeValue, 256)),
          attribute('Cryptographic Usage Mask', integer(Tag.AttributeValue, Use.Encrypt)),
          attribute('x-KeyInHSM', boolean(Tag.AttributeValue, value)),
        ),
      ];
      const made = textAt(await peer.call(Operation.Create, asking(true)), Tag.UniqueIdentifier);
      expect(await peer.refused(Operation.Get, [named(made)])).not.toBe('');
      expect(await peer.refused(Operation.Create, asking(false))).toBe('InvalidField');
      // Nothing could cover it.
      expect((await holdfast('domain', 'set', 'flagged', '--require-escrow')).code).toBe(0);
      expect(await peer.refused(Operation.Create, asking(true))).toBe('PermissionDenied');
      await peer.close();
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

    test('what the server rotates by itself gets its successor there too', async () => {
      const before = inToken();
      const key = await makeActive(client, ...rotatedEvery(1));
      const [, successor = ''] = await chainOf(client, key, 2);
      expect((await attributesOf(client, successor)).get('ProtectionStorageMask')).toBe(
        ProtectionStorageMask.Hardware,
      );
      await endChain(client, successor);
      expect(inToken()).toBeGreaterThanOrEqual(before + 2);
    });

    test('a backup, and an escrow of all, tell how many keys are not in them', async () => {
      const holdfast = (...args: readonly string[]) => holdfastResult([...args, '--data-dir', dataDir]);
      const to = ['alice', 'bob'].flatMap((name) => {
        const pem = generateKeyPairSync('x25519').publicKey.export({ type: 'spki', format: 'pem' });
        writeFileSync(join(dataDir, name), pem);
        return ['--to', join(dataDir, name)];
      });
      const file = (name: string) => ['--out', join(dataDir, name)];
      const mixed = await (await newClient(server, 'mixed')).connect();
      const kept = await make(mixed);
      await make(mixed, IN_HSM);
      const escrow = ['escrow', 'create', '--domain', 'mixed', '--threshold', '2', ...to];
      expect((await holdfast(...escrow, '--all', ...file('all'))).stdout).toMatch(
        /holds 1 object, .*\nNot in it: the key of 1 object inside the HSM/,
      );
      expect((await holdfast(...escrow, '--object', kept, ...file('one'))).stdout).not.toContain('Not in it');
      expect((await holdfast('backup', 'create', ...to, ...file('backup'))).stdout).toMatch(
        /\nNot in it: the keys of \d+ objects inside the HSM/,
      );
      await mixed.close();
    });

    test('holdfast verify tells of keys that the HSM has lost, and of those that nobody here knows', async () => {
      const database = await openDatabase(dataDir);
      const before = namesInToken();
      const [lost, unknown] = [await make(client), await make(client)];
      const added = namesInToken().filter((name) => !before.includes(name));
      expect(added).toHaveLength(2);
      const found = async () => {
        const { code, stdout } = await holdfastResult(['verify', '--json', '--data-dir', dataDir]);
        const { findings } = JSON.parse(stdout) as { findings: readonly Record<string, string>[] };
        return { code, found: findings.filter(({ table }) => table === 'hsm_key') };
      };
      expect(await found()).toEqual({ code: 0, found: [] });
      const [{ id }] = (await database.sql('SELECT id FROM hsm_key WHERE unique_identifier = $1', [
        unknown,
      ])) as [{ id: string }];
      const forget = `DELETE FROM hsm_key WHERE id = '${id}'`;
      const unrecorded = await whileTampered(database, 'hsm_key', forget, found);
      expect(unrecorded.found).toContainEqual(
        expect.objectContaining({
          severity: 'notice',
          problem: expect.stringContaining(id.replaceAll('-', '')) as string,
        }),
      );
      // Which of the two files is which only the token knows: the other object is lost as well.
      for (const name of added) renameSync(join(hsm.tokenFolder, name), join(dataDir, name));
      const fault = (row: string) => expect.objectContaining({ row, severity: 'fault' }) as unknown;
      expect(await found()).toEqual({
        code: 1,
        found: expect.arrayContaining([fault(lost), fault(unknown)]) as unknown,
      });
      for (const name of added) renameSync(join(dataDir, name), join(hsm.tokenFolder, name));
      await database.close();
    });

    test('what is asked and comes to nothing leaves nothing there for long', async () => {
      const database = await openDatabase(dataDir);
      await until(() => !namesInToken().includes(nobodys), 'the key that nobody has is gone');
      await until(
        async () => (await database.sql(`SELECT FROM hsm_key WHERE stage <> 'held'`)).length === 0,
        'nothing is left to do',
      );
      await database.close();
    });
  },
);
