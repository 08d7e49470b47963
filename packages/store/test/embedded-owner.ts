import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { until } from '../../../test/support/until';

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (process.platform !== 'linux') return true;
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== ''; // a zombie has none
  } catch {
    return false;
  }
}

export function serverPid(dataDir: string): number {
  return Number.parseInt(readFileSync(join(dataDir, 'postgres/data/postmaster.pid'), 'utf8'), 10);
}

/** Runs in a process of its own, from the built package: starts, reports, then inserts rows and reports each once acknowledged. */
const PROGRAM = `
const [, built, dataDir, uid] = process.argv;
const { startEmbeddedPostgres } = require(built);
const { Client } = require('pg');
if (uid !== undefined) { process.setgroups([]); process.setgid(Number(uid)); process.setuid(Number(uid)); }
const say = (event, value) => process.stdout.write(JSON.stringify({ event, value }) + '\\n');
(async () => {
  const server = await startEmbeddedPostgres({ dataDir, log: () => undefined });
  const client = new Client(server.connection);
  client.on('error', () => undefined);
  void server.exited.then(({ reason }) => say('exited', reason));
  process.on('SIGTERM', () => void server.stop().then(() => process.exit(0)));
  await client.connect();
  await client.query('create table if not exists kept (id bigserial primary key, filling text)');
  say('ready', server.version);
  for (;;) {
    const { rows } = await client.query("insert into kept (filling) values (repeat('x', 300)) returning id");
    say('kept', rows[0].id);
  }
})().catch((error) => say('failed', error.code + ': ' + error.message));
`;

/** Another process that owns an embedded PostgreSQL. */
export class OwnerProcess {
  readonly acknowledged: string[] = [];
  exitReason: string | undefined;
  failure: string | undefined;
  isReady = false;
  private readonly child: ChildProcess;

  /** @param uid the user that the process becomes before it starts the server */
  constructor(dataDir: string, uid?: number) {
    const built = join(__dirname, '../dist/embedded');
    const args = ['-e', PROGRAM, '--', built, dataDir, ...(uid === undefined ? [] : [String(uid)])];
    this.child = spawn(process.execPath, args, {
      cwd: __dirname,
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      const { event, value } = JSON.parse(line) as { event: string; value: string };
      if (event === 'ready') this.isReady = true;
      if (event === 'kept') this.acknowledged.push(value);
      if (event === 'exited') this.exitReason = value;
      if (event === 'failed') this.failure = value;
    });
  }

  /** Resolves when it has had `count` rows acknowledged. */
  async keeps(count: number): Promise<void> {
    await until(
      () => this.failure !== undefined || this.acknowledged.length >= count,
      `${count} rows are acknowledged`,
    );
    if (this.failure !== undefined) throw new Error(this.failure);
  }

  async end(signal: NodeJS.Signals, target: 'process' | 'group' = 'process'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const closed = once(this.child, 'close');
    process.kill(target === 'group' ? -this.child.pid! : this.child.pid!, signal);
    await closed;
  }
}
