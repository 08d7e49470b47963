import { SecretBytes } from '@holdfast/core';
import { createHash } from 'node:crypto';
import { decodeRootKey } from '../src/root-key-format';

/** A file with a right checksum, as somebody would make it who wants to be believed. */
function forge(line: string, body: Buffer): Buffer {
  const contents = Buffer.concat([Buffer.from(line), body]);
  return Buffer.concat([contents, createHash('sha256').update(contents).digest()]);
}

const sealed = {
  format: 1,
  kind: 'software-passphrase',
  kdf: 'scrypt',
  cost: 131_072,
  blockSize: 8,
  parallelization: 1,
  salt: 'ab'.repeat(32),
  nonce: 'cd'.repeat(12),
};
const NAME = 'root.key.next';
const passphrase = SecretBytes.copyOf(Buffer.from('x'));
const body = Buffer.alloc(48);

test.each([
  ['a cost that would take all memory', { ...sealed, cost: 2 ** 30 }],
  ['a cost that protects nothing', { ...sealed, cost: 2 }],
  ['a cost that is no power of two', { ...sealed, cost: 131_073 }],
  ['another block size', { ...sealed, blockSize: 1024 }],
  ['parallelization', { ...sealed, parallelization: 2 }],
  ['a short salt', { ...sealed, salt: 'ab' }],
  ['a nonce in capitals', { ...sealed, nonce: 'CD'.repeat(12) }],
  ['another derivation', { ...sealed, kdf: 'none' }],
  ['one more field', { ...sealed, comment: '' }],
  ['another order', Object.fromEntries(Object.entries(sealed).reverse())],
  ['a newer format', { ...sealed, format: 2 }],
  ['no kind', { format: 1 }],
  ['something else', []],
])('a forged header with %s is refused', async (_, header) => {
  const file = forge(`${JSON.stringify(header)}\n`, body);
  await expect(decodeRootKey(file, passphrase, NAME)).rejects.toMatchObject({ code: 'Configuration' });
});

test.each([
  ['null', 'null\n'],
  ['no line', ''],
  ['spaces', `{ "format":1,"kind":"software-file"}\n`],
])('a first line of %s is refused', async (_, line) => {
  await expect(decodeRootKey(forge(line, Buffer.alloc(32)), undefined, NAME)).rejects.toMatchObject({
    code: 'Configuration',
  });
});

test('a body of another length is refused', async () => {
  const file = forge('{"format":1,"kind":"software-file"}\n', Buffer.alloc(31));
  await expect(decodeRootKey(file, undefined, NAME)).rejects.toMatchObject({
    code: 'Configuration',
    message: 'root.key.next is damaged (its length is wrong): restore it from a backup',
  });
});

test('the file of format 1 stays readable', async () => {
  const key = Buffer.from(Array.from({ length: 32 }, (_, index) => index));
  const { kind, rootKey } = await decodeRootKey(
    forge('{"format":1,"kind":"software-file"}\n', key),
    undefined,
    NAME,
  );
  expect(kind).toBe('software-file');
  expect(rootKey.reveal()).toEqual(key);
});
