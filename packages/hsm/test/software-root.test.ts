import { HoldfastError, SecretBytes } from '@holdfast/core';
import { rootOfTrustContract } from '@holdfast/testkit';
import { createCipheriv, createHmac } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import {
  createSoftwareRoot,
  openSharedRootKey,
  openSoftwareRoot,
  SOFTWARE_ROOT_FILE,
  SOFTWARE_ROOT_WARNING,
} from '../src';

let base: string;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'holdfast-root-'));
});
afterAll(() => rm(base, { recursive: true }));

let folders = 0;
async function newFolder(): Promise<string> {
  folders += 1;
  const folder = join(base, String(folders));
  await mkdir(folder);
  return folder;
}

const passphrase = SecretBytes.copyOf(Buffer.from('correct horse battery staple'));
const fileOf = (dataDir: string): string => join(dataDir, SOFTWARE_ROOT_FILE);

async function refusal(opening: Promise<unknown>): Promise<{ code: string; message: string }> {
  const error: unknown = await opening.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof HoldfastError)) throw new Error(`not refused: ${inspect(error)}`);
  return error;
}

/** Opens the root of a label, in a folder of its own that is made at the first call. */
function opener(secret?: SecretBytes) {
  const dataDirs = new Map<string, string>();
  return async (label: string) => {
    const known = dataDirs.get(label);
    if (known !== undefined) return openSoftwareRoot({ dataDir: known, passphrase: secret });
    const dataDir = await newFolder();
    dataDirs.set(label, dataDir);
    return createSoftwareRoot({ dataDir, passphrase: secret });
  };
}

rootOfTrustContract('the software root in a file', opener());
rootOfTrustContract('the software root under a passphrase', opener(passphrase));

test('a root key is known by the same check value, and opens what was wrapped in format 1, for ever', async () => {
  const key = Buffer.alloc(32, 7);
  const root = openSharedRootKey(SecretBytes.copyOf(key));
  // HKDF of RFC 5869, without a salt; one block is more than is taken.
  const hmac = (by: Buffer, of: Buffer) => createHmac('sha256', by).update(of).digest();
  const block = hmac(hmac(Buffer.alloc(32), key), Buffer.from('holdfast root key check value 1\x01'));
  expect(await root.keyCheckValue()).toBe(block.subarray(0, 16).toString('hex'));
  const [nonce, aad] = [Buffer.alloc(12, 8), Buffer.from('domain and version')];
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.concat([Buffer.of(1), aad]));
  const content = Buffer.concat([cipher.update(Buffer.alloc(32, 9)), cipher.final()]);
  const wrapped = Buffer.concat([Buffer.of(1), nonce, content, cipher.getAuthTag()]);
  expect((await root.unwrap(wrapped, aad)).reveal()).toEqual(Buffer.alloc(32, 9));
  await root.close();
});

describe('root.key', () => {
  test('is private, whole and alone in its folder, and opens again', async () => {
    const dataDir = await newFolder();
    const made = await createSoftwareRoot({ dataDir });
    expect(made.kind).toBe('software-file');
    expect((await stat(fileOf(dataDir))).mode & 0o777).toBe(0o600);
    expect(await readdir(dataDir)).toEqual([SOFTWARE_ROOT_FILE]);
    const opened = await openSoftwareRoot({ dataDir });
    expect(await opened.keyCheckValue()).toBe(await made.keyCheckValue());
  });

  test('under a passphrase holds the key in no form that opens without it', async () => {
    const dataDir = await newFolder();
    const made = await createSoftwareRoot({ dataDir, passphrase });
    expect(made.kind).toBe('software-passphrase');
    expect(await refusal(openSoftwareRoot({ dataDir }))).toMatchObject({
      code: 'Configuration',
      message: expect.stringContaining('HOLDFAST_PASSPHRASE') as string,
    });
    const wrong = SecretBytes.copyOf(Buffer.from('correct horse battery stapler'));
    expect(await refusal(openSoftwareRoot({ dataDir, passphrase: wrong }))).toMatchObject({
      code: 'RootOfTrustMismatch',
      message: expect.stringContaining('the passphrase does not open the root key') as string,
    });
    expect(passphrase.reveal().toString()).toBe('correct horse battery staple');
  });

  test('is never overwritten', async () => {
    const dataDir = await newFolder();
    await createSoftwareRoot({ dataDir });
    const before = await readFile(fileOf(dataDir));
    const attempts = [createSoftwareRoot({ dataDir }), createSoftwareRoot({ dataDir, passphrase })];
    for (const attempt of attempts) expect(await refusal(attempt)).toMatchObject({ code: 'Configuration' });
    expect(await readFile(fileOf(dataDir))).toEqual(before);
    expect(await readdir(dataDir)).toEqual([SOFTWARE_ROOT_FILE]);
  });

  test('made twice at the same time is made once', async () => {
    const dataDir = await newFolder();
    const attempts = await Promise.allSettled(
      Array.from({ length: 4 }, () => createSoftwareRoot({ dataDir })),
    );
    const made = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []));
    expect(made).toHaveLength(1);
    const opened = await openSoftwareRoot({ dataDir });
    expect(await made[0]?.keyCheckValue()).toBe(await opened.keyCheckValue());
  });

  test.each([0o640, 0o604, 0o700, 0o666])('with mode %o is refused, with how to mend it', async (mode) => {
    const dataDir = await newFolder();
    await createSoftwareRoot({ dataDir });
    await chmod(fileOf(dataDir), mode);
    const error = await refusal(openSoftwareRoot({ dataDir }));
    expect(error).toMatchObject({ code: 'Configuration' });
    expect(error.message).toContain('chmod 600');
    expect(error.message).not.toContain(dataDir);
  });

  test('that somebody else owns is refused', async () => {
    const dataDir = await newFolder();
    await createSoftwareRoot({ dataDir });
    const uid = process.getuid?.() ?? 0;
    const asAnother = jest.spyOn(process, 'getuid').mockReturnValue(uid + 1);
    try {
      expect((await refusal(openSoftwareRoot({ dataDir }))).message).toContain(`belongs to uid ${uid}`);
    } finally {
      asAnother.mockRestore();
    }
  });

  test('that is missing, a link or a folder is refused', async () => {
    const missing = await newFolder();
    expect(await refusal(openSoftwareRoot({ dataDir: missing }))).toMatchObject({
      code: 'RootOfTrustUnavailable',
    });
    const real = await newFolder();
    await createSoftwareRoot({ dataDir: real });
    const linked = await newFolder();
    await symlink(fileOf(real), fileOf(linked));
    expect(await refusal(openSoftwareRoot({ dataDir: linked }))).toMatchObject({ code: 'Configuration' });
    const folder = await newFolder();
    await mkdir(fileOf(folder), { mode: 0o600 });
    expect(await refusal(openSoftwareRoot({ dataDir: folder }))).toMatchObject({ code: 'Configuration' });
  });

  test('cannot be made in a folder that is not there', async () => {
    const error = await refusal(createSoftwareRoot({ dataDir: join(base, 'nowhere') }));
    expect(error).toMatchObject({ code: 'Configuration' });
    expect(error.message).toContain('ENOENT');
  });

  test('with any byte changed, cut anywhere or longer is refused', async () => {
    for (const secret of [undefined, passphrase]) {
      const dataDir = await newFolder();
      await createSoftwareRoot({ dataDir, passphrase: secret });
      const whole = await readFile(fileOf(dataDir));
      const broken = [Buffer.concat([whole, Buffer.of(0)]), Buffer.alloc(0), Buffer.alloc(10_000, 0x20)];
      for (let index = 0; index < whole.length; index += 1) {
        const changed = Buffer.from(whole);
        changed[index] = (changed[index] ?? 0) ^ (1 << (index % 8));
        broken.push(changed, whole.subarray(0, index));
      }
      for (const contents of broken) {
        await writeFile(fileOf(dataDir), contents);
        expect(await refusal(openSoftwareRoot({ dataDir, passphrase: secret }))).toMatchObject({
          code: 'Configuration',
        });
      }
    }
  });

  test('that is not sealed is refused where a passphrase is given, and an empty passphrase always', async () => {
    const dataDir = await newFolder();
    await createSoftwareRoot({ dataDir });
    expect((await refusal(openSoftwareRoot({ dataDir, passphrase }))).message).toContain('not sealed');
    const empty = new SecretBytes(Buffer.alloc(0));
    expect((await refusal(openSoftwareRoot({ dataDir, passphrase: empty }))).message).toContain('empty');
    const other = await newFolder();
    expect((await refusal(createSoftwareRoot({ dataDir: other, passphrase: empty }))).message).toContain(
      'empty',
    );
    expect(await readdir(other)).toEqual([]);
  });
});

test('the root shows nothing of its key', async () => {
  const dataDir = await newFolder();
  const root = await createSoftwareRoot({ dataDir });
  const key = (await readFile(fileOf(dataDir))).subarray(-64, -32);
  const shown = inspect(root, { showHidden: true, depth: 9 }) + JSON.stringify(root);
  for (const encoding of ['hex', 'base64', 'latin1'] as const)
    expect(shown).not.toContain(key.toString(encoding));
  expect(shown).toContain('software-file');
});

test('the warning says what it is for', () => {
  expect(SOFTWARE_ROOT_WARNING).toContain('for evaluation');
});
