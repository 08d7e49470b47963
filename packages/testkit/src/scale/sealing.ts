import { randomBytes, randomUUID } from 'node:crypto';
import { SecretBytes, type SealBinding, type SealedValue } from '@holdfast/core';
import { createKeyring, type ManagedKeyring } from '@holdfast/crypto';
import { LoadGenerator, type Load } from '../bench/load';
import { createLoad, getLoad } from '../bench/requests';
import type { Node } from './node';
import { say } from './say';

const OBJECTS = 10_000;
const ROUNDS = 9;
const KEY_LENGTH_BYTES = 32;
const ROW_LENGTH_BYTES = 400;
const LOAD_MS = 3000;
const CONNECTIONS = [1, 16];

/** How many a second, the median of some rounds over `OBJECTS`. */
function rate(work: (number: number) => void): string {
  const rates = Array.from({ length: ROUNDS }, () => {
    const startedAt = performance.now();
    for (let number = 0; number < OBJECTS; number++) work(number);
    return (OBJECTS * 1000) / (performance.now() - startedAt);
  });
  return (rates.sort((one, other) => one - other)[ROUNDS >> 1] ?? NaN).toFixed(0);
}

/** How many objects one thread seals and opens, apart from everything else. */
export async function sealAndOpen(): Promise<void> {
  const domainId = randomUUID();
  const key = SecretBytes.copyOf(randomBytes(KEY_LENGTH_BYTES));
  const keyring: ManagedKeyring = createKeyring({
    load: () => Promise.resolve([{ version: 1, key, current: true }]),
  });
  await keyring.ensure(domainId);
  const value = SecretBytes.copyOf(randomBytes(KEY_LENGTH_BYTES));
  const row = randomBytes(ROW_LENGTH_BYTES);
  const bindings = Array.from({ length: OBJECTS }, (): SealBinding => ({
    domainId,
    internalId: randomUUID(),
    generation: 1,
    keyVersion: 1,
  }));
  const sealed: SealedValue[] = [];
  const at = <T>(list: readonly T[], number: number): T => {
    const found = list[number];
    if (found === undefined) throw new Error('there is no such object');
    return found;
  };
  const sealing = rate((number) => (sealed[number] = keyring.seal(at(bindings, number), value)));
  const opening = rate((number) => {
    keyring.open(at(bindings, number), at(sealed, number)).destroy();
  });
  const mac = keyring.mac(domainId, 1, 'object-row', row);
  const checking = rate(() => {
    if (!keyring.verifyMac(domainId, 1, 'object-row', row, mac)) throw new Error('the MAC is wrong');
  });
  say(`one thread, keys of ${KEY_LENGTH_BYTES * 8} bits: ${sealing} sealed, ${opening} opened a second`);
  say(`one thread, rows of ${ROW_LENGTH_BYTES} bytes: ${checking} MACs verified a second`);
}

/** How many keys a server makes and gives out, audited, over connections with one request in flight each. */
export async function createAndGet(node: Node, identifiers: readonly string[]): Promise<void> {
  const loads: readonly (readonly [string, Load])[] = [
    ['Create', createLoad(`made-${Date.now()}`)],
    ['Get', getLoad(identifiers)],
  ];
  for (const connections of CONNECTIONS) {
    const generator = await LoadGenerator.connect(node.connection(node), connections);
    for (const [what, load] of loads) {
      const { perSecond } = await generator.run(load, LOAD_MS);
      say(`${what}, ${connections} connections: ${perSecond.toFixed(0)} a second`);
    }
    generator.close();
  }
}
