import { generateKeyPairSync } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  holdfastResult,
  fillToken,
  startServerProcess,
  TOKEN_LABEL,
  type CommandResult,
} from '../server-process';
import { SOFT_HSM_MODULE, SoftHsm } from '../soft-hsm';
import { contentsOf } from './contents';
import { PeakMemory } from './memory';
import { Node } from './node';
import { mebibytes, say, seconds } from './say';

const CUSTODIANS = ['alice', 'bob', 'carol'];
const THRESHOLD = 2;
const DAMAGED_PLACES = 8;
/** What the process that makes a backup may take at most. */
const MAX_BACKUP_BYTES = 200 << 20;

/** A server, and all objects in it. */
export interface BackupSite {
  readonly node: Node;
  readonly identifiers: readonly string[];
  /** Which of them were registered by number. */
  readonly known: ReadonlyMap<string, number>;
}

/**
 * Backs the store up to custodians, restores it into an empty folder under a new root of trust (an HSM where SoftHSM is
 * installed), and compares every object. @throws Error where anything is not as it was, or as it has to be
 */
export async function backUpAndRestore({ node, identifiers, known }: BackupSite): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-scale-'));
  try {
    const files = new BackupFiles(folder);
    const before = await contentsOf(node.connection(node), identifiers, known);
    say(`backup: ${before.size} objects read through the server before it`);
    await node.stop();
    await node.start();
    await create(node, files);
    await expectRefusals(files);
    await drill(node, files);
    await restore(node, files, before, known);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

class BackupFiles {
  readonly backup: string;
  readonly empty: string;

  constructor(readonly folder: string) {
    this.backup = this.path('backup');
    this.empty = this.path('restored');
    for (const name of [...CUSTODIANS, 'stranger']) {
      const { publicKey, privateKey } = generateKeyPairSync('x25519');
      writeFileSync(this.path(`${name}.pub`), publicKey.export({ type: 'spki', format: 'pem' }));
      writeFileSync(this.path(`${name}.key`), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    }
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  identities(names: readonly string[]): readonly string[] {
    return names.flatMap((name) => ['--identity', this.path(`${name}.key`)]);
  }

  restore(
    file: string,
    custodians: readonly string[],
    root: readonly string[] = [],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<CommandResult> {
    const args = [...this.identities(custodians), '--data-dir', this.empty, ...root];
    return holdfastResult(['backup', 'restore', file, ...args], environment);
  }
}

async function create(node: Node, files: BackupFiles): Promise<void> {
  const to = CUSTODIANS.flatMap((name) => ['--to', files.path(`${name}.pub`)]);
  const args = ['--threshold', String(THRESHOLD), ...to, '--out', files.backup, '--data-dir', node.dataDir];
  const server = new PeakMemory(() => [node.server.pid]);
  const writer = PeakMemory.ofCommand('backup');
  const startedAt = performance.now();
  const { code, stderr } = await holdfastResult(['backup', 'create', ...args]);
  const elapsed = performance.now() - startedAt;
  if (code !== 0) throw new Error(`no backup was made: ${stderr}`);
  const [made, written] = [server.stop(), writer.stop()];
  const { size } = statSync(files.backup);
  say(`backup: ${mebibytes(size)} in ${seconds(elapsed)}, ${mebibytes((size * 1000) / elapsed)} a second`);
  say(
    `backup: peak memory of the server that makes it ${mebibytes(made)} (${mebibytes(server.before)} before), of the command that writes it ${mebibytes(written)}`,
  );
  if (Math.max(made, written) >= MAX_BACKUP_BYTES) throw new Error('that is too much memory');
}

/** Too few custodians, strangers, and damaged files: each is refused before anything is written. */
async function expectRefusals(files: BackupFiles): Promise<void> {
  const expectRefusal = async (what: string, result: Promise<CommandResult>): Promise<void> => {
    const { code, stdout } = await result;
    if (code === 0 || stdout !== '' || existsSync(files.empty)) throw new Error(`${what} was not refused`);
  };
  for (const who of [...CUSTODIANS.map((name) => [name]), ['alice', 'alice'], ['alice', 'stranger']]) {
    await expectRefusal(who.join(' with '), files.restore(files.backup, who));
  }
  const bytes = readFileSync(files.backup);
  const damaged = files.path('damaged');
  for (let index = 0; index < DAMAGED_PLACES; index++) {
    const place = Math.floor(((index + Math.random()) * bytes.length) / DAMAGED_PLACES);
    const was = bytes[place] ?? 0;
    bytes[place] = was ^ (1 << Math.floor(Math.random() * 8));
    writeFileSync(damaged, bytes);
    bytes[place] = was;
    await expectRefusal(`a backup altered at byte ${place}`, files.restore(damaged, CUSTODIANS));
    writeFileSync(damaged, bytes.subarray(0, place));
    await expectRefusal(`a backup cut at byte ${place}`, files.restore(damaged, CUSTODIANS));
  }
  rmSync(damaged);
  say(
    `backup: refused to ${THRESHOLD - 1} of ${THRESHOLD} custodians, to one who comes twice and to a stranger; refused altered and cut at ${DAMAGED_PLACES} places each; nothing was written`,
  );
}

/** The drill of the product itself, which compares every row and every object with the running server. */
async function drill(node: Node, files: BackupFiles): Promise<void> {
  const startedAt = performance.now();
  const args = [
    ...files.identities(['bob', 'carol']),
    '--scratch',
    files.folder,
    '--live',
    '--data-dir',
    node.dataDir,
  ];
  const { code, stdout, stderr } = await holdfastResult(['backup', 'drill', files.backup, ...args]);
  if (code !== 0) throw new Error(`the drill has failed: ${stdout}${stderr}`);
  say(`backup: holdfast backup drill --live has passed: ${seconds(performance.now() - startedAt)}`);
}

async function restore(
  node: Node,
  files: BackupFiles,
  before: ReadonlyMap<string, string>,
  known: ReadonlyMap<string, number>,
): Promise<void> {
  const hsm = SOFT_HSM_MODULE === undefined ? undefined : await fillToken(new SoftHsm());
  const inHsm =
    hsm === undefined
      ? []
      : ['--root', 'pkcs11', '--pkcs11-module', hsm.modulePath, '--pkcs11-token', TOKEN_LABEL];
  const environment = hsm === undefined ? {} : { ...hsm.environment, HOLDFAST_HSM_PIN: hsm.pin };
  try {
    const memory = PeakMemory.ofCommand('restore');
    const startedAt = performance.now();
    const { code, stderr } = await files.restore(files.backup, ['carol', 'alice'], inHsm, environment);
    if (code !== 0) throw new Error(`the backup was not restored: ${stderr}`);
    say(
      `restore: ${before.size} objects in ${seconds(performance.now() - startedAt)} under ${hsm === undefined ? 'a new software root' : 'the root key of a new HSM'}; peak memory ${mebibytes(memory.stop())}`,
    );
    for (const name of ['client', 'officer.json']) {
      cpSync(join(node.dataDir, name), join(files.empty, name), { recursive: true });
    }
    await compare(node, files.empty, hsm, before, known);
  } finally {
    hsm?.remove();
  }
}

async function compare(
  node: Node,
  dataDir: string,
  softHsm: SoftHsm | undefined,
  before: ReadonlyMap<string, string>,
  known: ReadonlyMap<string, number>,
): Promise<void> {
  const root = softHsm === undefined ? { root: 'software' as const } : { softHsm };
  const server = await startServerProcess({ dataDir, logLevel: 'error', ...root });
  try {
    const after = await contentsOf(
      { ...node.connection(node), port: server.port },
      [...before.keys()],
      known,
    );
    const differing = [...before].filter(([identifier, digest]) => after.get(identifier) !== digest);
    if (differing.length > 0) throw new Error(`${differing.length} objects are not as they were`);
    const startedAt = performance.now();
    const { code, stdout } = await holdfastResult(['verify', '--data-dir', dataDir]);
    if (code !== 0) throw new Error(`the restored store is not as it has to be: ${stdout}`);
    say(
      `restore: key bytes, attributes and identifiers of ${after.size} objects are the same to the byte; holdfast verify: ${seconds(performance.now() - startedAt)}`,
    );
  } finally {
    await server.stop();
  }
}
