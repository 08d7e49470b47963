import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError, SecretBytes, type RootOfTrust } from '@holdfast/core';
import { createKeyring, type EnvelopeOpener } from '@holdfast/crypto';
import { createSoftwareRoot } from '@holdfast/hsm';
import { State } from '@holdfast/kmip';
import {
  compareObjects,
  contentsOfBackup,
  contentsOfDatabase,
  createScratchSchema,
  openStore,
  statesOf,
  type BackupFacts,
  type Finding,
  type ObjectComparison,
  type StateCount,
  type Store,
  type StoreOptions,
} from '@holdfast/store';
import { backupContent, loadBackup } from './backup';
import { keyringSource } from './domain-keys';
import { EmbeddedDatabase } from './embedded-database';
import { createLogger, type Logger } from './log';
import { RootKeys } from './root-keys';

export interface DrillOptions {
  readonly path: string;
  readonly opener: EnvelopeOpener;
  /** A folder in which the scratch database and its root key are made; without a database elsewhere, with room for it. */
  readonly scratchFolder: string;
  /** A PostgreSQL in which a scratch schema is made; undefined: an embedded one in the scratch folder. */
  readonly databaseUrl: string | undefined;
  /** What the running server says of its objects (`GET /objects/digests`), where that is to be compared too. */
  readonly live: (() => Promise<AsyncIterable<Buffer>>) | undefined;
  /** Ends the drill before its time; what was made is removed all the same. */
  readonly signal: AbortSignal;
}

export interface DrilledTable {
  readonly name: string;
  readonly rowsInFile: number;
  readonly rowsRestored: number;
  readonly isSame: boolean;
}

export interface DrillReport {
  readonly backup: BackupFacts;
  /** Each table of the file beside the restored one: every row, to the byte. */
  readonly tables: readonly DrilledTable[];
  readonly states: readonly StateCount[];
  /** Rows that were looked at, and what is wrong with them: MACs, sealed values, records, names, links. */
  readonly verified: { readonly rows: number; readonly findings: readonly Finding[] };
  readonly live?: ObjectComparison;
  readonly hasPassed: boolean;
}

/** The name of a State, as a report counts them. */
export function nameOfState(state: number): string | undefined {
  return Object.entries(State).find(([, value]) => value === state)?.[0];
}

/**
 * Restores a backup into a scratch database under a root key made for this alone, compares what came of it with the file
 * and, where wanted, with the running server, opens every sealed value, and removes everything again.
 * @throws HoldfastError as restoreBackup
 */
export async function drillBackup(options: DrillOptions): Promise<DrillReport> {
  const undo: (() => Promise<unknown>)[] = [];
  const errors: unknown[] = [];
  const failed = (error: unknown): undefined => {
    errors.push(error);
    return undefined;
  };
  const report = await drill(options, undo).catch(failed);
  // A step that cannot be taken back leaves the others to be: the scratch folder goes even where the schema stays.
  for (const step of undo.reverse()) await step().catch(failed);
  if (report === undefined || errors.length > 0) throw errors[0];
  return report;
}

async function drill(options: DrillOptions, undo: (() => Promise<unknown>)[]): Promise<DrillReport> {
  const { path, opener, signal } = options;
  const content = (): AsyncIterable<Buffer> => untilAborted(backupContent(path, opener), signal);
  const { facts, tables: inFile } = await contentsOfBackup(content());
  const log = createLogger('silent');
  const { connection, root } = await scratchPlace(options, log, undo);
  await loadBackup(connection, root, content());
  const restored = await contentsOfDatabase(connection, inFile);
  const tables = inFile.map(({ name, rows, sha256Sum }, index): DrilledTable => {
    const other = restored[index];
    return {
      name,
      rowsInFile: rows,
      rowsRestored: other?.rows ?? 0,
      isSame: rows === other?.rows && sha256Sum === other.sha256Sum,
    };
  });
  const { store, verified } = await verify(connection, root, log, undo, signal);
  const live =
    options.live === undefined
      ? undefined
      : await compareObjects(untilAborted(store.objectDigests(), signal), await options.live());
  const hasPassed =
    tables.every(({ isSame }) => isSame) &&
    verified.findings.every(({ severity }) => severity === 'notice') &&
    (live === undefined || live.gone + live.different === 0);
  return {
    backup: facts,
    tables,
    states: await statesOf(connection),
    verified,
    ...(live === undefined ? {} : { live }),
    hasPassed,
  };
}

/** The root key lies in its file under a passphrase that nobody knows but this process. */
async function scratchPlace(
  { scratchFolder, databaseUrl }: DrillOptions,
  log: Logger,
  undo: (() => Promise<unknown>)[],
): Promise<{ readonly connection: StoreOptions['connection']; readonly root: RootOfTrust }> {
  const dataDir = await makeFolder(scratchFolder);
  undo.push(() => rm(dataDir, { recursive: true, force: true }));
  const passphrase = new SecretBytes(Buffer.from(randomBytes(32).toString('hex')));
  const root = await createSoftwareRoot({ dataDir, passphrase });
  passphrase.destroy();
  undo.push(() => root.close());
  if (databaseUrl === undefined) {
    const postgres = await EmbeddedDatabase.start(dataDir, log).catch((cause: unknown) => {
      throw noScratch('database', scratchFolder, cause);
    });
    undo.push(() => postgres.stop());
    return { connection: postgres.connection, root };
  }
  const schema = await createScratchSchema(databaseUrl);
  undo.push(() => schema.remove());
  return { connection: schema.connection, root };
}

async function makeFolder(parent: string): Promise<string> {
  try {
    return await mkdtemp(join(parent, 'holdfast-drill-'));
  } catch (cause) {
    throw noScratch('folder', parent, cause);
  }
}

function noScratch(what: string, folder: string, cause: unknown): HoldfastError {
  const reason = cause instanceof HoldfastError ? cause.message : (cause as NodeJS.ErrnoException).code;
  return new HoldfastError(
    'Configuration',
    `no scratch ${what} can be made in ${folder} (${reason ?? 'unknown'}): name another folder with --scratch`,
    { cause },
  );
}

async function verify(
  connection: StoreOptions['connection'],
  root: RootOfTrust,
  log: Logger,
  undo: (() => Promise<unknown>)[],
  signal: AbortSignal,
): Promise<{ readonly store: Store; readonly verified: DrillReport['verified'] }> {
  const opened = { store: undefined as Store | undefined };
  const keys = new RootKeys(root);
  const keyring = createKeyring(
    keyringSource(
      () => {
        if (opened.store === undefined) throw new HoldfastError('StoreUnavailable', 'the store is not open');
        return opened.store.domainKeys;
      },
      () => keys,
    ),
  );
  undo.push(() => {
    keyring.close();
    return Promise.resolve();
  });
  const store = (opened.store = await openStore({ connection, keyring, log }));
  undo.push(() => store.close());
  let rows = 0;
  const findings = await store.verify(keyring, [], ({ done }) => {
    throwIfAborted(signal);
    rows = done;
  });
  return { store, verified: { rows, findings } };
}

async function* untilAborted(content: AsyncIterable<Buffer>, signal: AbortSignal): AsyncGenerator<Buffer> {
  for await (const part of content) {
    throwIfAborted(signal);
    yield part;
  }
}

function throwIfAborted({ aborted }: AbortSignal): void {
  if (aborted) throw new HoldfastError('OperationCanceledByRequester', 'the drill was ended before its time');
}
