import { SecretBytes, type Directory } from '@holdfast/core';
import { ticketKeys } from '../src/tls-identity';

const DAY = 86_400;

/** Secrets of all nodes, in memory. */
function secrets(initial?: Buffer): Pick<Directory, 'serverSecret' | 'changeServerSecret'> {
  let stored = initial && new SecretBytes(initial);
  return {
    serverSecret: async (name, create) => ({ name, value: (stored ??= new SecretBytes(await create())) }),
    changeServerSecret: (_name, next) => {
      stored = next(stored);
      return Promise.resolve();
    },
  };
}

test('ticket keys are the same for all processes for a day, and then others', async () => {
  const clock = { seconds: 1_000_000, nowSeconds: () => clock.seconds };
  const directory = secrets();
  const first = await ticketKeys(directory, clock);
  expect(first).toHaveLength(48);
  clock.seconds += DAY - 1;
  expect(await ticketKeys(directory, clock)).toEqual(first);
  clock.seconds += 1;
  const [one, other] = await Promise.all([ticketKeys(directory, clock), ticketKeys(directory, clock)]);
  expect(one).not.toEqual(first);
  expect(other).toEqual(one);
});

test('ticket keys of an earlier release, which have no date, are replaced', async () => {
  const before = Buffer.alloc(48, 7);
  const keys = await ticketKeys(secrets(Buffer.from(before)), { nowSeconds: () => 1_000_000 });
  expect(keys).toHaveLength(48);
  expect(keys).not.toEqual(before);
});
