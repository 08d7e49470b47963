import type { HsmKeyCalls, HsmKeys } from '@holdfast/core';
import { HsmRandomness } from '../src';

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
