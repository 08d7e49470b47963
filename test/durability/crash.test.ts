import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { locate } from '@holdfast/core';
import { asFirstOfficer, holdfastResult, startServerProcess, type ServerProcess } from '@holdfast/testkit';
import { connectFirstClient } from '../support/client';
import { openDatabase, postmasterPid } from '../support/database';
import { ON_DISK } from '../support/disk';
import { groupsBelow, killGroups } from '../support/processes';
import { until } from '../support/until';
import { KeyStream, type AcknowledgedKey } from './key-stream';
import { opens, verifyRecords, verifyRows, verifyStream, type Faults } from './verify';

/**
 * Nothing that was acknowledged is lost, nothing half-made is left behind, and every change and every read that was answered
 * has its record, whatever process is killed while keys and key pairs are being created and read. HOLDFAST_TEST_CRASHES sets how often each is tried.
 */
const CRASHES = Number(process.env['HOLDFAST_TEST_CRASHES'] ?? 20);
const TIMEOUT_MS = 120_000 + CRASHES * 30_000;
/** A kill comes at a random moment of the stream's first so many milliseconds. */
const MAX_STREAM_MS = 400;

/** First starts that are killed, each at a random moment of its first so many milliseconds. */
const FIRST_STARTS = 8;
const MAX_FIRST_START_MS = 2_000;
const HOLDFAST = resolve(__dirname, '../../packages/cli/bin/holdfast.js');

/** One folder that servers run on, one after the other, and what is known of its keys. */
class Trial {
  readonly #faults: Faults = [];
  readonly #known: AcknowledgedKey[] = [];
  #acknowledged = 0;
  #reads = 0;
  #server: ServerProcess | undefined;

  private constructor(readonly dataDir: string) {}

  /** The trials wait for processes most of the time: they run side by side, each on a folder of its own. */
  static async run(work: (trial: Trial) => Promise<void>): Promise<void> {
    const dataDir = await mkdtemp(ON_DISK);
    const trial = new Trial(dataDir);
    try {
      await work(trial);
    } finally {
      await trial.#server?.kill();
      await rm(dataDir, { recursive: true, force: true });
    }
  }

  async start(): Promise<ServerProcess> {
    // Killed while it logs in, SoftHSM loses its token.
    const root = 'software';
    const options = { dataDir: this.dataDir, logLevel: 'fatal', ownProcessGroup: true, root } as const;
    return (this.#server = await startServerProcess(options));
  }

  /** A server that nobody waits for. */
  spawn(): ChildProcess {
    const options = ['--data-dir', this.dataDir, '--listen', '127.0.0.1:0'];
    return spawn(process.execPath, [HOLDFAST, 'serve', ...options], { stdio: 'ignore', detached: true });
  }

  /**
   * Processes are killed here, not the machine: what they wrote is with the system, and recovery need not begin by
   * syncing every file of the cluster, which takes a second or more each time.
   */
  async recoverQuickly(): Promise<void> {
    if (process.platform !== 'linux') return;
    const settings = join(this.dataDir, 'postgres', 'data', 'postgresql.conf');
    await appendFile(settings, 'recovery_init_sync_method = syncfs\n');
  }

  /** Checks what the stream left, and that nothing else is there. */
  async verify(server: ServerProcess, stream: KeyStream): Promise<void> {
    const database = await openDatabase(this.dataDir);
    await verifyRecords(database, stream, this.#faults);
    const client = await connectFirstClient(server);
    this.#known.push(...(await verifyStream(client, stream, this.#faults)));
    this.#acknowledged += stream.acknowledged.length;
    this.#reads += [...stream.reads.values()].reduce((sum, { answered }) => sum + answered, 0);
    await client.close();
    await verifyRows(database, this.#known.length, this.#faults);
    await database.close();
  }

  /** At the end: every key of all rounds still opens. */
  async conclude(server: ServerProcess, name: string): Promise<void> {
    const client = await connectFirstClient(server);
    for (const key of this.#known) {
      if (!(await opens(client, key))) this.#faults.push(`${key.name} does not open any more`);
    }
    await client.close();
    // Every record of a change is in the chain, and agrees with the checkpoints that were kept before the kills.
    const audit = await holdfastResult(['audit', 'verify', '--json', '--data-dir', this.dataDir]);
    if (audit.code !== 0) this.#faults.push(`the audit log: ${audit.stdout}`);
    await server.stop();
    expect(this.#faults).toEqual([]);
    // For whoever watches: how many keys were promised, and how many are there.
    process.stderr.write(
      `${name}: ${CRASHES} times, ${this.#acknowledged} keys acknowledged, ${this.#known.length} found, ${this.#reads} reads answered\n`,
    );
  }
}

async function streamForAWhile(server: ServerProcess, round: number): Promise<KeyStream> {
  const stream = new KeyStream(server, `round-${round}`);
  await until(() => stream.acknowledged.length > 0, 'a key is created');
  await delay(Math.random() * MAX_STREAM_MS);
  return stream;
}

/** Whether a connection that comes now is answered. */
async function serves(server: ServerProcess): Promise<boolean> {
  const client = await connectFirstClient(server);
  try {
    await client.call(locate, { maximumItems: 1, attributes: [] });
    return true;
  } catch {
    return false;
  } finally {
    await client.close();
  }
}

const KILLS: readonly (readonly [string, (server: ServerProcess) => Promise<void>])[] = [
  ['the server is killed', (server) => server.kill()],
  [
    'the server and all its processes are killed at once',
    async ({ pid }) => killGroups(await groupsBelow(pid)),
  ],
];

for (const [name, kill] of KILLS) {
  test.concurrent(
    name,
    () =>
      Trial.run(async (trial) => {
        let server = await trial.start();
        await trial.recoverQuickly();
        for (let round = 0; round < CRASHES; round++) {
          const stream = await streamForAWhile(server, round);
          const stopped = stream.stop();
          await kill(server);
          await server.exited;
          await stopped;
          server = await trial.start();
          await trial.verify(server, stream);
        }
        await trial.conclude(server, name);
      }),
    TIMEOUT_MS,
  );
}

const DATABASE_KILLED = 'the main process of PostgreSQL is killed, and the server goes on by itself';
test.concurrent(
  DATABASE_KILLED,
  () =>
    Trial.run(async (trial) => {
      const server = await trial.start();
      await trial.recoverQuickly();
      for (let round = 0; round < CRASHES; round++) {
        const stream = await streamForAWhile(server, round);
        const killed = await postmasterPid(trial.dataDir);
        process.kill(killed, 'SIGKILL');
        const isAnother = (pid: number): boolean => pid !== killed;
        const look = (): Promise<boolean> => postmasterPid(trial.dataDir).then(isAnother, () => false);
        // Requests may fail meanwhile, or be answered once it is known what became of them.
        await until(look, 'PostgreSQL is started again');
        const { length: atFailure } = stream.acknowledged;
        await until(() => stream.acknowledged.length > atFailure + 8, 'keys are created again');
        await stream.stop();
        await until(() => serves(server), 'new connections are served again');
        await trial.verify(server, stream);
      }
      await trial.conclude(server, DATABASE_KILLED);
    }),
  TIMEOUT_MS,
);

test.concurrent(
  'a first start that is killed, however often, is taken up by the next',
  () =>
    Trial.run(async (trial) => {
      for (let round = 0; round < FIRST_STARTS; round++) {
        const starting = trial.spawn();
        await delay(Math.random() * MAX_FIRST_START_MS);
        killGroups(await groupsBelow(starting.pid ?? 0));
        if (starting.exitCode === null && starting.signalCode === null) await once(starting, 'exit');
      }
      const server = await trial.start();
      const stream = await streamForAWhile(server, 0);
      await stream.stop();
      expect(await (await asFirstOfficer(server)).call('GET /clients')).toHaveLength(1);
      await trial.verify(server, stream);
      await trial.conclude(server, 'first starts');
    }),
  TIMEOUT_MS,
);
