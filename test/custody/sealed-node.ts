import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { AdminClient, type StatusAnswer, type UnsealAnswer } from '@holdfast/server/admin';
import { privateKeyFrom, shareForNode, shareIn, type ShareOpener } from '@holdfast/server';
import { SecretBytes } from '@holdfast/ttlv';
import { holdfastResult, keepLog } from '@holdfast/testkit';
import { workersOf } from '../support/processes';
import { until } from '../support/until';

/** Nodes whose root key custodians hold, and the custodians. */

const HOLDFAST = resolve(__dirname, '../../packages/cli/bin/holdfast.js');

/** A custodian with the options that name him, and what opens the share. */
export interface TestCustodian {
  readonly name: string;
  readonly options: readonly string[];
  /** Arguments of `holdfast unseal` beside the share, and the environment it wants. */
  readonly unsealing: {
    readonly options: readonly string[];
    readonly environment: Readonly<Record<string, string>>;
  };
  open(): Promise<ShareOpener>;
}

export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), 'holdfast-test-'));
}

/** One with a key pair, whose private key is encrypted where there is a passphrase. */
export function keyHolder(
  folder: string,
  name: string,
  { publicKey, privateKey }: ReturnType<typeof generateKeyPairSync>,
  passphrase?: string,
): TestCustodian {
  const file = (ending: string) => join(folder, `${name}.${ending}`);
  const encryption = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase };
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem', ...encryption }).toString();
  writeFileSync(file('pem'), publicKey.export({ type: 'spki', format: 'pem' }));
  writeFileSync(file('key'), pem, { mode: 0o600 });
  const environment: Readonly<Record<string, string>> =
    passphrase === undefined ? {} : { HOLDFAST_SHARE_PASSPHRASE: passphrase };
  const secret = () =>
    Promise.resolve(passphrase === undefined ? undefined : SecretBytes.copyOf(Buffer.from(passphrase)));
  return {
    name,
    options: ['--custodian', `${name}=${file('pem')}`],
    unsealing: { options: ['--identity', file('key')], environment },
    open: async () => ({ privateKey: await privateKeyFrom(pem, secret) }),
  };
}

export function passphraseHolder(folder: string, name: string, passphrase: string): TestCustodian {
  const file = join(folder, `${name}.passphrase`);
  writeFileSync(file, `${passphrase}\n`, { mode: 0o600 });
  return {
    name,
    options: ['--custodian-passphrase', `${name}=${file}`],
    unsealing: { options: [], environment: { HOLDFAST_SHARE_PASSPHRASE_FILE: file } },
    open: () => Promise.resolve({ passphrase: SecretBytes.copyOf(Buffer.from(passphrase)) }),
  };
}

export class SharedNode {
  readonly admin: AdminClient;

  private constructor(
    readonly dataDir: string,
    readonly pid: number,
    private readonly logged: readonly Buffer[],
    readonly ended: Promise<number | null>,
  ) {
    this.admin = new AdminClient(dataDir);
  }

  /** Starts `holdfast serve --root shares` and waits until it answers, sealed. */
  static async start(
    dataDir: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<SharedNode> {
    const all = ['serve', '--root', 'shares', '--data-dir', dataDir, ...args];
    const child = spawn(process.execPath, [HOLDFAST, ...all], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...environment },
    });
    const logged: Buffer[] = [];
    child.stderr.on('data', (chunk: Buffer) => logged.push(chunk));
    const ended = new Promise<number | null>((resolveEnded) => child.once('exit', resolveEnded));
    const node = new SharedNode(dataDir, child.pid ?? 0, logged, ended);
    keepLog(() => node.log);
    await until(
      () =>
        node.status().then(
          () => true,
          () => child.exitCode !== null,
        ),
      'the node answers',
    );
    return node;
  }

  status(): Promise<StatusAnswer> {
    return this.admin.call('GET /status');
  }

  get log(): string {
    return Buffer.concat(this.logged).toString('utf8');
  }

  /** What `holdfast unseal` does, in this process. */
  async give(file: Buffer, custodian: TestCustodian): Promise<UnsealAnswer> {
    const { custody } = await this.status();
    const share = await shareForNode(shareIn(file), await custodian.open(), custody?.publicKeyPem ?? '');
    return this.admin.call('POST /unseal', share);
  }

  /** `holdfast unseal` itself. */
  unseal(path: string, { unsealing }: Pick<TestCustodian, 'unsealing'>): ReturnType<typeof holdfastResult> {
    const { options, environment } = unsealing;
    return holdfastResult(['unseal', path, ...options, '--data-dir', this.dataDir], environment);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    process.kill(this.pid, signal);
    await this.ended;
  }

  get workers(): readonly number[] {
    return workersOf(this.pid);
  }
}
