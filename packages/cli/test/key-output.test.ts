import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SecretBytes } from '@holdfast/ttlv';
import { mustNotExist, writeWhole } from '../src/holdfast/holders';
import { formatKey, keyDestination, writeKey } from '../src/key-output';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-keys-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const wrongUse = { name: 'CommandFailure', exitCode: 2 };
const key = (text = 'sixteen bytes ok', pemLabel?: string) => ({
  bytes: new SecretBytes(Buffer.from(text)),
  pemLabel,
});

test('bytes have four forms', () => {
  expect(formatKey(key('\u0001z'), 'hex')).toBe('017a');
  expect(formatKey(key('\u0001z'), 'base64')).toBe('AXo=');
  expect(formatKey(key('\u0001z'), 'raw')).toEqual(Buffer.from([1, 0x7a]));
  expect(() => formatKey(key(), 'pem')).toThrow(expect.objectContaining(wrongUse) as Error);
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const der = privateKey.export({ type: 'pkcs8', format: 'der' });
  expect(`${formatKey({ bytes: new SecretBytes(der), pemLabel: 'PRIVATE KEY' }, 'pem').toString()}\n`).toBe(
    privateKey.export({ type: 'pkcs8', format: 'pem' }),
  );
});

test('a file is new and the user’s alone', async () => {
  const path = join(folder, 'key');
  const destination = { format: undefined, path, overwrite: false };
  await writeKey(key(), destination);
  expect(readFileSync(path, 'utf8')).toBe('sixteen bytes ok');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  await expect(writeKey(key('other'), destination)).rejects.toMatchObject(wrongUse);
  await expect(keyDestination({ out: path })).rejects.toMatchObject(wrongUse);
  expect(readFileSync(path, 'utf8')).toBe('sixteen bytes ok');
});

test('a file that is replaced on demand does not keep its mode, nor does a link lead elsewhere', async () => {
  const path = join(folder, 'key');
  const other = join(folder, 'other');
  writeFileSync(other, 'untouched');
  chmodSync(other, 0o644);
  symlinkSync(other, path);
  await writeKey(key(), { format: 'hex', path, overwrite: true });
  expect(readFileSync(path, 'utf8')).toBe(`${Buffer.from('sixteen bytes ok').toString('hex')}\n`);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readFileSync(other, 'utf8')).toBe('untouched');
  expect(readdirSync(folder).sort()).toEqual(['key', 'other']);
});

test('a file that cannot be written is wrong use', async () => {
  const path = join(folder, 'none', 'key');
  await expect(writeKey(key(), { format: 'hex', path, overwrite: false })).rejects.toMatchObject(wrongUse);
  await expect(writeKey(key(), { format: 'hex', path, overwrite: true })).rejects.toMatchObject(wrongUse);
});

test('what is no file is not replaced by one', async () => {
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  for (const path of [pipe, folder]) {
    await expect(writeKey(key(), { format: 'hex', path, overwrite: true })).rejects.toMatchObject({
      ...wrongUse,
      message: `${path} is there, and is no file`,
    });
    expect(statSync(path).isFile()).toBe(false);
  }
});

test('where nothing can be written is known before any key is fetched, with and without --force', async () => {
  for (const force of [false, true]) {
    for (const path of ['/dev/null', folder]) {
      await expect(keyDestination({ out: path, force })).rejects.toMatchObject({
        ...wrongUse,
        message: `${path} is there, and is no file`,
        hint: expect.stringContaining('standard output') as string,
      });
    }
    const path = join(folder, 'none', 'key');
    await expect(keyDestination({ out: path, force })).rejects.toMatchObject(wrongUse);
  }
});

test('a link that leads nowhere is there, and nothing is fetched for it', async () => {
  const path = join(folder, 'link');
  symlinkSync(join(folder, 'none'), path);
  await expect(keyDestination({ out: path })).rejects.toMatchObject(wrongUse);
  await expect(mustNotExist(path)).rejects.toMatchObject({ code: 'Configuration' });
});

describe('a file that is written piece by piece', () => {
  const pieces = (meanwhile: () => void = () => undefined) =>
    (function* () {
      yield Buffer.from('one ');
      meanwhile();
      yield Buffer.from('two');
    })();

  test('has its name once it is whole', async () => {
    const path = join(folder, 'whole');
    await writeWhole(path, 'file', pieces());
    expect([readFileSync(path, 'utf8'), statSync(path).mode & 0o777]).toEqual(['one two', 0o600]);
    expect(readdirSync(folder)).toEqual(['whole']);
  });

  test('takes no other file’s name, and leaves nothing of what it was to hold', async () => {
    const path = join(folder, 'whole');
    const other = () => writeFileSync(path, 'other');
    await expect(writeWhole(path, 'file', pieces(other))).rejects.toMatchObject({
      code: 'Configuration',
      message: `${path} is there already`,
    });
    expect(readFileSync(path, 'utf8')).toBe('other');
    expect(readdirSync(folder)).toEqual(['whole']);
  });

  test('leaves alone what another one is writing', async () => {
    const path = join(folder, 'whole');
    writeFileSync(`${path}.part`, 'begun');
    await expect(writeWhole(path, 'file', pieces())).rejects.toThrow('is being written, or one was cut off');
    expect(readFileSync(`${path}.part`, 'utf8')).toBe('begun');
  });
});

test('bytes go nowhere unless asked for', async () => {
  expect(await keyDestination({})).toBeUndefined();
  expect(await keyDestination({ force: true })).toBeUndefined();
  await expect(keyDestination({ format: 'der' })).rejects.toMatchObject(wrongUse);
});

test('raw bytes do not go to a terminal by accident', async () => {
  const before = process.stdout.isTTY;
  process.stdout.isTTY = true;
  try {
    await expect(keyDestination({ format: 'raw' })).rejects.toMatchObject(wrongUse);
    expect(await keyDestination({ format: 'raw', force: true })).toMatchObject({ format: 'raw' });
    expect(await keyDestination({ format: 'raw', out: join(folder, 'key') })).toMatchObject({
      format: 'raw',
    });
  } finally {
    process.stdout.isTTY = before;
  }
});
