import type { CryptoPort, HsmKeyCalls, HsmKeys } from '@holdfast/core';
import { CryptographicAlgorithm } from '@holdfast/kmip';
import { HsmRandomness, createCrypto } from '../src';

/** A device that always gives the same: so what it gives can be told from what the system gives. */
function deviceOf(octet: number): HsmKeys {
  return {
    request: <C extends keyof HsmKeyCalls>() =>
      Promise.resolve(Buffer.alloc(64, octet) as HsmKeyCalls[C]['out']),
  };
}
const mixed = (randomness: HsmRandomness, lengthBytes = 100): string =>
  randomness.mixInto(Buffer.alloc(lengthBytes)).toString('hex');

test('what is mixed in depends on the device, and never comes twice', async () => {
  const [one, same, other] = await Promise.all([1, 1, 2].map((octet) => HsmRandomness.draw(deviceOf(octet))));
  if (one === undefined || same === undefined || other === undefined) throw new Error('there are three');
  const first = mixed(one);
  expect(mixed(same)).toBe(first);
  expect(mixed(other)).not.toBe(first);
  expect(mixed(one)).not.toBe(first);
  await same.renew();
  expect(mixed(same)).not.toBe(mixed(one));
  // What the system gave is in it still.
  const again = await HsmRandomness.draw(deviceOf(1));
  expect(again.mixInto(Buffer.from(first, 'hex')).equals(Buffer.alloc(100))).toBe(true);
});

test('keys and secrets that a server makes have it in them', async () => {
  const draw = (): Promise<HsmRandomness> => HsmRandomness.draw(deviceOf(1));
  const untouched = mixed(await draw());
  for (const make of [
    (crypto: CryptoPort) => crypto.generateSymmetricKey(CryptographicAlgorithm.AES, 256),
    (crypto: CryptoPort) => crypto.generateSymmetricKey(CryptographicAlgorithm.HMAC_SHA256, 256),
    (crypto: CryptoPort) => crypto.randomBytes(16),
  ]) {
    const randomness = await draw();
    make(createCrypto(false, undefined, randomness));
    // What the device gave was drawn on: no other bytes of it would be the next ones.
    expect(mixed(randomness)).not.toBe(untouched);
  }
});
