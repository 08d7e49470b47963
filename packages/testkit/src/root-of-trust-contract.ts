/// <reference types="jest" />
import { type RootOfTrust, SecretBytes } from '@holdfast/core';

/**
 * The suite that every adapter of the RootOfTrust port passes.
 * @param name shown as the title
 * @param open opens the root with this label; the same label is the same root key each time, another label another key
 */
export function rootOfTrustContract(name: string, open: (label: string) => Promise<RootOfTrust>): void {
  const bytes = Buffer.from('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 'hex');
  const aad = Buffer.from('domain 7, version 1');
  const refused = { code: 'IntegrityViolation' };

  describe(name, () => {
    let root: RootOfTrust;
    let wrapped: Buffer;
    beforeAll(async () => {
      root = await open('first');
      wrapped = await root.wrap(SecretBytes.copyOf(bytes), aad);
    });
    afterAll(() => root.close());

    it.each([1, 16, 32, 138, 4096])('wraps and unwraps a key of %d bytes', async (length) => {
      const key = SecretBytes.copyOf(Buffer.alloc(length, 0xa5));
      const again = await root.unwrap(await root.wrap(key, aad), aad);
      expect(again.equals(key)).toBe(true);
    });

    it('does not show the key in what it wraps', () => {
      expect(wrapped.includes(bytes.subarray(0, 8))).toBe(false);
    });

    it('wraps the same key differently each time', async () => {
      expect(await root.wrap(SecretBytes.copyOf(bytes), aad)).not.toEqual(wrapped);
    });

    it('leaves the key to its owner', async () => {
      const key = SecretBytes.copyOf(bytes);
      await root.wrap(key, aad);
      expect(key.reveal()).toEqual(bytes);
    });

    it('refuses to wrap nothing, and what is too long', async () => {
      for (const length of [0, 65_537]) {
        const wrapping = root.wrap(new SecretBytes(Buffer.alloc(length)), aad);
        await expect(wrapping).rejects.toMatchObject({ code: 'InvalidField' });
      }
    });

    it('refuses another aad', async () => {
      for (const other of [
        Buffer.alloc(0),
        Buffer.from('domain 8, version 1'),
        Buffer.concat([aad, Buffer.of(0)]),
      ]) {
        await expect(root.unwrap(wrapped, other)).rejects.toMatchObject(refused);
      }
    });

    it('takes an empty aad', async () => {
      const empty = Buffer.alloc(0);
      const again = await root.unwrap(await root.wrap(SecretBytes.copyOf(bytes), empty), empty);
      expect(again.reveal()).toEqual(bytes);
    });

    it('refuses a wrapped key with any byte changed', async () => {
      for (let index = 0; index < wrapped.length; index += 1) {
        const changed = Buffer.from(wrapped);
        changed[index] = (changed[index] ?? 0) ^ (1 << (index % 8));
        await expect(root.unwrap(changed, aad)).rejects.toMatchObject(refused);
      }
    });

    it('refuses a wrapped key that is cut or has more bytes', async () => {
      for (let length = 0; length < wrapped.length; length += 1) {
        await expect(root.unwrap(wrapped.subarray(0, length), aad)).rejects.toMatchObject(refused);
      }
      await expect(root.unwrap(Buffer.concat([wrapped, Buffer.of(0)]), aad)).rejects.toMatchObject(refused);
    });

    it('is the same root after reopening', async () => {
      const again = await open('first');
      expect(await again.keyCheckValue()).toBe(await root.keyCheckValue());
      expect((await again.unwrap(wrapped, aad)).reveal()).toEqual(bytes);
      expect(again.kind).toBe(root.kind);
      await again.close();
    });

    it('is told from another root by its check value', async () => {
      const other = await open('second');
      expect(await root.keyCheckValue()).toMatch(/^[0-9a-f]{32}$/);
      expect(await other.keyCheckValue()).not.toBe(await root.keyCheckValue());
      await expect(other.unwrap(wrapped, aad)).rejects.toMatchObject(refused);
      await other.close();
    });

    it('does nothing after it is closed', async () => {
      const closed = await open('first');
      await closed.close();
      await closed.close();
      const unavailable = { code: 'RootOfTrustUnavailable' };
      await expect(closed.keyCheckValue()).rejects.toMatchObject(unavailable);
      await expect(closed.wrap(SecretBytes.copyOf(bytes), aad)).rejects.toMatchObject(unavailable);
      await expect(closed.unwrap(wrapped, aad)).rejects.toMatchObject(unavailable);
    });
  });
}
