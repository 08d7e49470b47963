import { execFile } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ClientConfig } from 'pg';

const run = promisify(execFile);
const VERSIONS = '/usr/lib/postgresql';
const PROGRAMS = ['initdb', 'pg_ctl', 'pg_dump'];
const MAX_DUMP_BYTES = 256 << 20;

/** Where the programs of the system's PostgreSQL lie (Debian, Ubuntu); undefined where it is not installed. */
export const SYSTEM_POSTGRES: string | undefined = (existsSync(VERSIONS) ? readdirSync(VERSIONS) : [])
  .sort((one, other) => Number(other) - Number(one))
  .map((version) => join(VERSIONS, version, 'bin'))
  .find((folder) => PROGRAMS.every((program) => existsSync(join(folder, program))));

interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

/** PostgreSQL does not run as root: there it runs as the user that its package made. */
async function accountOfPostgres(): Promise<Account> {
  if (process.getuid?.() !== 0) return {};
  const id = async (what: string): Promise<number> => Number((await run('id', [what, 'postgres'])).stdout);
  return { uid: await id('-u'), gid: await id('-g') };
}

/** A throwaway cluster of the system's PostgreSQL, which has a pg_dump of its own version. */
export class SystemPostgres {
  readonly connection: ClientConfig;

  private constructor(
    private readonly folder: string,
    private readonly account: Account,
  ) {
    this.connection = { host: folder, user: 'holdfast', password: '', database: 'postgres' };
  }

  static async start(): Promise<SystemPostgres> {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-postgres-'));
    const account = await accountOfPostgres();
    if (account.uid !== undefined && account.gid !== undefined) chownSync(folder, account.uid, account.gid);
    const postgres = new SystemPostgres(folder, account);
    await postgres.#run(
      'initdb',
      '-D',
      postgres.data,
      '-U',
      'holdfast',
      '-A',
      'trust',
      '-E',
      'UTF8',
      '--no-sync',
    );
    const options = `-k ${folder} -c listen_addresses=''`;
    await postgres.#run(
      'pg_ctl',
      '-D',
      postgres.data,
      '-l',
      join(folder, 'log'),
      '-o',
      options,
      '-w',
      'start',
    );
    return postgres;
  }

  /** The folder of the cluster. */
  get data(): string {
    return join(this.folder, 'data');
  }

  /** All of the database as SQL text. */
  async dump(): Promise<string> {
    const { stdout } = await this.#run('pg_dump', '-h', this.folder, '-U', 'holdfast', 'postgres');
    return stdout;
  }

  async stop(): Promise<void> {
    await this.#run('pg_ctl', '-D', this.data, '-m', 'immediate', 'stop');
    rmSync(this.folder, { recursive: true });
  }

  #run(program: string, ...args: readonly string[]): Promise<{ readonly stdout: string }> {
    const options = {
      ...this.account,
      cwd: this.folder,
      maxBuffer: MAX_DUMP_BYTES,
      env: { ...process.env, LC_ALL: 'C' },
    };
    return run(join(SYSTEM_POSTGRES ?? '', program), [...args], options);
  }
}
