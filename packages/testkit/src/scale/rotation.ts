import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { AdminClient, RootAnswer } from '@holdfast/server/admin';
import { Client, type ClientConfig } from 'pg';
import { holdfastResult } from '../server-process';
import { Clients } from './clients';
import type { Node } from './node';
import { say, seconds } from './say';

const LOOK_EVERY_MS = 100;
const DEADLINE_MS = 30 * 60_000;

async function until(isDone: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!(await isDone())) {
    if (performance.now() > deadline) throw new Error(`not in time: ${what}`);
    await delay(LOOK_EVERY_MS);
  }
}

/** The two nodes on one database, and the keys in it. */
export interface RotationSite {
  /** Where rotations are ordered, and the first client and officer come from. */
  readonly first: Node;
  readonly second: Node;
  readonly database: ClientConfig;
  readonly identifiers: readonly string[];
}

/**
 * Rotates the domain key and the root key while clients of two nodes read and write; the node that is about it is killed
 * twice each time. @throws Error where a client saw more of it than its connection breaking with its node, or anything is not
 * as it has to be at the end
 */
export async function rotateUnderLoad(site: RotationSite): Promise<void> {
  const clients = new Clients([site.first, site.second], site.first, site.identifiers);
  const startedAt = performance.now();
  await until(() => Promise.resolve(clients.calls > 0), 'a client is served');
  await rotateDomainKey(site, 2);
  await rotateRootKey(site, 2);
  const { calls, broken, faults } = await clients.stop();
  if (faults.length > 0)
    throw new Error(`clients saw ${faults.length} faults:\n${faults.slice(0, 20).join('\n')}`);
  const elapsed = performance.now() - startedAt;
  say(
    `clients: ${calls} calls in ${seconds(elapsed)}, none refused, none answered wrong; ${broken} connections broke with their node`,
  );
}

/** A look at the node that seals objects anew. */
interface Look {
  readonly node: Node;
  readonly waitingObjects: number;
  readonly atMs: number;
}

async function look({ first, second }: RotationSite): Promise<Look | undefined> {
  for (const node of [first, second]) {
    if (node.isDown()) continue;
    const { progress } = await (await node.officer(first)).call('GET /domain-keys/rotation');
    if (progress !== undefined && progress.total > progress.done) {
      return { node, waitingObjects: progress.total - progress.done, atMs: performance.now() };
    }
  }
  return undefined;
}

/** Waits until no more than so many objects wait; says how fast that went. @returns the node that was seen last */
async function resealedDownTo(limit: number, site: RotationSite): Promise<Node> {
  const looks: Look[] = [];
  await until(async () => {
    const now = await look(site);
    if (now !== undefined) looks.push(now);
    return now === undefined ? limit === 0 && looks.length > 0 : now.waitingObjects <= limit;
  }, 'objects are sealed anew');
  const [begun, ended] = [looks[0], looks.at(-1)];
  if (begun === undefined || ended === undefined) throw new Error('nothing was sealed anew');
  const rate = ((begun.waitingObjects - ended.waitingObjects) * 1000) / (ended.atMs - begun.atMs);
  say(
    `domain key: the ${ended.node.name} node seals ${rate.toFixed(0)} objects a second; ${ended.waitingObjects} wait`,
  );
  return ended.node;
}

/** @param kills how often the node that seals the objects anew is killed, at equal distances */
export async function rotateDomainKey(site: RotationSite, kills: number): Promise<void> {
  const { first, identifiers } = site;
  const officer = (): Promise<AdminClient> => first.officer(first);
  const keys = async () =>
    (await (await officer()).call('GET /domain-keys')).filter(({ domain }) => domain === 'default');
  const version = Math.max(...(await keys()).map((key) => key.version));
  const startedAt = performance.now();
  await (await officer()).call('POST /domain-keys/rotate', { domain: 'default' });
  for (let kill = 1; kill <= kills; kill++) {
    const node = await resealedDownTo(identifiers.length * (1 - kill / (kills + 1)), site);
    await node.kill();
    say(`domain key: the ${node.name} node is killed, and starts again`);
    await node.start();
  }
  await resealedDownTo(0, site);
  await until(
    async () => (await (await officer()).call('GET /domain-keys/rotation')).waiting === 0,
    'the version before is retired',
  );
  const elapsed = performance.now() - startedAt;
  const all = await keys();
  const old = all.find((key) => key.version === version);
  const current = all.find((key) => key.version === version + 1);
  if (old?.state !== 'retired' || old.objects !== 0 || current?.state !== 'current') {
    throw new Error(`the domain key was not rotated: ${JSON.stringify(all)}`);
  }
  say(
    `domain key: version ${version + 1} has ${current.objects} objects, version ${version} is retired, after ${seconds(elapsed)}`,
  );
}

/** Domain keys are few: so that a kill comes in between, their table is locked until the node is gone. */
async function rotateRootKey({ first, second, database }: RotationSite, kills: number): Promise<void> {
  const status = async (): Promise<RootAnswer> => (await first.officer(first)).call('GET /root');
  const before = await status();
  const startedAt = performance.now();
  for (let kill = 0; kill < kills; kill++) {
    const client = new Client(database);
    await client.connect();
    await client.query('BEGIN; LOCK TABLE domain_key_wrapping IN SHARE MODE');
    await (await first.officer(first)).call('POST /root/move', {});
    await first.kill();
    await client.end();
    await first.start();
    const { state } = await status();
    if (state !== 'interrupted') throw new Error(`a killed move of the root key is ${state}`);
    say('root key: the node that moves the domain keys is killed, and starts again');
  }
  await (await first.officer(first)).call('POST /root/move', {});
  await until(async () => (await status()).state === 'moved', 'the domain keys are under the new root key');
  await second.stop();
  copyFileSync(join(first.dataDir, 'root.key'), join(second.dataDir, 'root.key'));
  await second.start();
  const retire = () => holdfastResult(['root', 'retire', '--destroy-file', '--data-dir', first.dataDir]);
  await until(async () => (await retire()).code === 0, 'the root key before is retired');
  const after = await status();
  if (after.state !== 'settled' || after.own === before.own) throw new Error('the root key was not rotated');
  say(
    `root key: another one, the one before retired and destroyed, after ${seconds(performance.now() - startedAt)}`,
  );
}
