import { inspect } from 'node:util';
import { SecretBytes } from '../src/secret';

describe('SecretBytes', () => {
  const bytes = Buffer.from('correct horse battery staple');

  test('shows its bytes to nothing that prints or serialises', () => {
    const secret = SecretBytes.copyOf(bytes);
    const shown = [
      String(secret),
      secret.toString(),
      JSON.stringify({ secret }),
      inspect(secret),
      inspect({ secret }, { showHidden: true, depth: 9 }),
      JSON.stringify(Object.entries(secret)),
      JSON.stringify(structuredClone({ secret })),
    ].join('\n');
    expect(shown).toContain('[redacted]');
    for (const form of [bytes.toString(), bytes.toString('hex'), bytes.toString('base64')]) {
      expect(shown).not.toContain(form);
    }
  });

  test('compares by value', () => {
    const secret = SecretBytes.copyOf(bytes);
    expect(secret.equals(SecretBytes.copyOf(bytes))).toBe(true);
    expect(secret.equals(SecretBytes.copyOf(bytes.subarray(1)))).toBe(false);
    const other = Buffer.from(bytes);
    other[0] = 0;
    expect(secret.equals(new SecretBytes(other))).toBe(false);
    expect(secret.length).toBe(bytes.length);
  });

  test('takes a buffer over, or copies it', () => {
    const owned = Buffer.from(bytes);
    expect(new SecretBytes(owned).reveal()).toBe(owned);
    const copy = SecretBytes.copyOf(owned);
    owned.fill(0);
    expect(copy.reveal()).toEqual(bytes);
  });

  test('destroy zeroes the bytes and ends all use', () => {
    const owned = Buffer.from(bytes);
    const secret = new SecretBytes(owned);
    secret.destroy();
    secret.destroy();
    expect(owned.every((byte) => byte === 0)).toBe(true);
    expect(() => secret.reveal()).toThrow('the secret was destroyed');
    expect(String(secret)).toBe('[redacted]');
  });
});
