import { spawn, execFile, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { HoldfastError } from '@holdfast/core';
import { AdminClient, type StatusAnswer } from '@holdfast/server/admin';
import { layCluster } from './cluster';
import { SoftHsm } from './soft-hsm';

const ROOT = resolve(__dirname, '../../..');
const HOLDFAST = join(ROOT, 'packages/cli/bin/holdfast.js');
const READY_SECONDS = 120;
const POLL_EVERY_MS = 20;

export interface ServerProcessOptions {
  /** Default: a new folder, removed at the end. One that does not exist is made by the server, with everything in it. */
  readonly dataDir?: string;
  readonly logLevel?: string;
  /** Further arguments of `holdfast serve`. */
  readonly arguments?: readonly string[];
  /** Arguments of node itself, e.g. --cpu-prof. */
  readonly nodeArguments?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Of tests that are about the software root, whatever root the suite runs with. */
  readonly root?: 'software' | undefined;
  /** A SoftHSM whose token holds the root key; one with the default label is made where there is none. */
  readonly softHsm?: SoftHsm;
  /** Whether it leads a process group of its own, as from a terminal or a service manager. */
  readonly ownProcessGroup?: boolean;
}

/** A real server: `holdfast serve` in a process of its own, with its embedded database. */
export interface ServerProcess {
  readonly host: string;
  readonly port: number;
  /** Where it serves HTTPS, if told to (--https-listen). */
  readonly https: { readonly host: string; readonly port: number } | undefined;
  readonly pid: number;
  readonly dataDir: string;
  /** Paths of the first client's files. */
  readonly clientFiles: { readonly cert: string; readonly key: string; readonly ca: string };
  /** What it has logged so far. */
  log(): string;
  /** Resolves with the exit code once it has ended, and all that it logged is there. */
  readonly exited: Promise<number | null>;
  /** Ends it in order (SIGTERM) and removes the folder that was made for it. */
  stop(): Promise<void>;
  /** Ends it at once (SIGKILL); the folder stays. */
  kill(): Promise<void>;
}

/** Runs the built `holdfast` command. @returns its standard output; rejects where it fails */
export async function holdfast(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [HOLDFAST, ...args]);
  return stdout;
}

/** How a command ended. */
export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built `holdfast` command to its end, whatever that is; `input` is what it reads. */
export async function holdfastResult(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  input?: string | Buffer,
): Promise<CommandResult> {
  const child = spawn(process.execPath, [HOLDFAST, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  child.stdin.on('error', () => undefined).end(input);
  const read = async (stream: Readable): Promise<string> => {
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString('utf8');
  };
  const [code, stdout, stderr] = await Promise.all([ended(child), read(child.stdout), read(child.stderr)]);
  return { code, stdout, stderr };
}

/** Where the test environment finds what the servers of a test file have logged (test/support/environment.ts). */
const LOGS = Symbol.for('holdfast.logs');

/** Has the log of a server shown with a test that fails: nothing else is left of it then. */
export function keepLog(log: () => string): void {
  const holder = globalThis as { [LOGS]?: Set<() => string> | undefined };
  const logs = holder[LOGS] ?? new Set();
  holder[LOGS] = logs.add(log);
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolveEnded) => child.once('exit', (code) => resolveEnded(code)));
}

/** What a server is told of its root of trust. */
interface RootSetting {
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  remove(): void;
}

export const TOKEN_LABEL = 'holdfast';

/** Makes a token with a root key. */
export async function fillToken(hsm: SoftHsm): Promise<SoftHsm> {
  await hsm.initToken(TOKEN_LABEL);
  const token = ['--module', hsm.modulePath, '--token', TOKEN_LABEL];
  const environment = { ...hsm.environment, HOLDFAST_HSM_PIN: hsm.pin };
  const { code, stderr } = await holdfastResult(['hsm', 'init', ...token], environment);
  if (code !== 0) throw new Error(`no root key could be made: ${stderr}`);
  return hsm;
}

/**
 * HOLDFAST_TEST_ROOT=pkcs11 gives each data folder a token of its own, beside it. All are copies of the one in
 * HOLDFAST_TEST_TOKEN, where that is set: making one takes longer than anything else that a start does.
 */
async function tokenFor(dataDir: string): Promise<SoftHsm> {
  const folder = `${dataDir}.softhsm`;
  const original = process.env['HOLDFAST_TEST_TOKEN'];
  if (existsSync(folder) || original === undefined) return new SoftHsm(folder);
  // It is made beside its place: where other folders are may be another file system.
  if (!existsSync(original)) (await fillToken(new SoftHsm(mkdtempSync(`${original}-`)))).moveTo(original);
  return new SoftHsm(original).copyTo(folder);
}

async function rootOf(dataDir: string, options: ServerProcessOptions): Promise<RootSetting> {
  const { root, softHsm } = options;
  const isChosen = root === 'software' || options.arguments?.includes('--root') === true;
  if (softHsm === undefined && (isChosen || process.env['HOLDFAST_TEST_ROOT'] !== 'pkcs11')) {
    return { arguments: [], environment: {}, remove: () => undefined };
  }
  const hsm = softHsm ?? (await tokenFor(dataDir));
  const environment = { ...hsm.environment, HOLDFAST_HSM_PIN: hsm.pin };
  if (hsm.isEmpty) await fillToken(hsm);
  return {
    arguments: ['--root', 'pkcs11', '--pkcs11-module', hsm.modulePath, '--pkcs11-token', TOKEN_LABEL],
    environment,
    remove: () => {
      if (softHsm === undefined) hsm.remove();
    },
  };
}

/** Asks until the server of a data folder serves. */
async function serving(
  dataDir: string,
  child: ChildProcess,
): Promise<StatusAnswer & Required<Pick<StatusAnswer, 'kmip'>>> {
  const operator = new AdminClient(dataDir);
  const untilMs = Date.now() + READY_SECONDS * 1000;
  for (;;) {
    try {
      const { kmip, ...answer } = await operator.call('GET /status');
      if (answer.state !== 'sealed' && kmip !== undefined) return { ...answer, kmip };
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== 'StoreUnavailable') throw error;
    }
    if (Date.now() > untilMs) throw new Error('the server does not serve');
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('the server has ended');
    await delay(POLL_EVERY_MS);
  }
}

export async function startServerProcess(options: ServerProcessOptions = {}): Promise<ServerProcess> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'holdfast-test-'));
  const usesEmbedded = options.arguments?.includes('--database-url') !== true;
  if (usesEmbedded && existsSync(dataDir)) await layCluster(dataDir);
  const root = await rootOf(dataDir, options);
  const child = spawn(
    process.execPath,
    [
      ...(options.nodeArguments ?? []),
      HOLDFAST,
      'serve',
      ...['--data-dir', dataDir, '--listen', '127.0.0.1:0', '--log-level', options.logLevel ?? 'warn'],
      ...root.arguments,
      ...(options.arguments ?? []),
    ],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...root.environment, ...options.environment },
      detached: options.ownProcessGroup === true,
    },
  );
  const log: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => log.push(chunk));
  const hasEnded = ended(child);
  const logged = new Promise((resolveLogged) => child.stderr.once('close', resolveLogged));
  const exited = logged.then(() => hasEnded);
  const text = (): string => Buffer.concat(log).toString('utf8');
  keepLog(text);
  const early = exited.then((code) => {
    throw new Error(`the server ended with code ${code ?? 'none'}:\n${text()}`);
  });
  early.catch(() => undefined);
  const { kmip, https, pid } = await Promise.race([serving(dataDir, child), early]);
  const file = (name: string): string => join(dataDir, 'client', name);
  return {
    ...kmip,
    https,
    pid,
    dataDir,
    clientFiles: { cert: file('cert.pem'), key: file('key.pem'), ca: file('ca.pem') },
    log: text,
    exited,
    async stop() {
      child.kill('SIGTERM');
      await exited;
      if (options.dataDir !== undefined) return;
      rmSync(dataDir, { recursive: true, force: true });
      root.remove();
    },
    async kill() {
      child.kill('SIGKILL');
      await hasEnded;
    },
  };
}
