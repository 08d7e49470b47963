import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const MODULES = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib64/pkcs11/libsofthsm2.so',
];
const SO_PIN = '87654321';
/** In the file of a token its label is followed by the type, kind and length of its serial number, and that number. */
const LABEL_BYTES = 32;
const SERIAL_NUMBER_BEHIND_BYTES = 24;

/** The PKCS#11 library of SoftHSM 2 on this machine; undefined where it is not installed. */
export const SOFT_HSM_MODULE = MODULES.find((path) => existsSync(path));

/** A SoftHSM of its own, in a folder that is removed at the end. */
export class SoftHsm {
  /** Is found where it should not be: a number would be in a log by chance. */
  readonly pin = 'pin-of-the-token';
  readonly modulePath = SOFT_HSM_MODULE ?? '';
  readonly #folder: string;
  readonly #tokens: string;

  /** @param folder with a SoftHSM that was made before, or where one is made; default: a new one */
  constructor(folder = mkdtempSync(join(tmpdir(), 'holdfast-softhsm-'))) {
    this.#folder = folder;
    this.#tokens = join(folder, 'tokens');
    mkdirSync(this.#tokens, { recursive: true });
    writeFileSync(
      this.environment.SOFTHSM2_CONF,
      `directories.tokendir = ${this.#tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`,
    );
  }

  /** The same tokens in another folder: what is done to those does not concern these. */
  copyTo(folder: string): SoftHsm {
    const copy = new SoftHsm(folder);
    cpSync(this.#tokens, copy.#tokens, { recursive: true });
    return copy;
  }

  /** Moves the tokens' folder, unless there is one already. */
  moveTo(folder: string): void {
    try {
      renameSync(this.#folder, folder);
    } catch {
      if (!existsSync(folder)) throw new Error(`the token cannot be moved to ${folder}`);
      this.remove();
    }
  }

  /** What a process needs to find these tokens. */
  get environment(): { readonly SOFTHSM2_CONF: string } {
    return { SOFTHSM2_CONF: join(this.#folder, 'softhsm2.conf') };
  }

  /** Makes an empty token. */
  async initToken(label: string): Promise<void> {
    await promisify(execFile)(
      'softhsm2-util',
      ['--init-token', '--free', '--label', label, '--so-pin', SO_PIN, '--pin', this.pin],
      { env: { ...process.env, ...this.environment } },
    );
  }

  /** Makes a clone of a token, with all its keys, beside it. */
  clone(label: string, cloneLabel: string): void {
    const folder = join(this.#tokens, randomUUID());
    cpSync(this.#folderOf(label), folder, { recursive: true });
    const file = join(folder, 'token.object');
    const token = readFileSync(file);
    const at = token.indexOf(label.padEnd(LABEL_BYTES));
    token.write(cloneLabel.padEnd(LABEL_BYTES), at);
    token.write(randomBytes(8).toString('hex'), at + LABEL_BYTES + SERIAL_NUMBER_BEHIND_BYTES);
    writeFileSync(file, token);
  }

  /** Takes one token away from those who use it. @returns what brings it back */
  removeToken(label: string): () => void {
    const folder = this.#folderOf(label);
    const away = join(this.#folder, randomUUID());
    renameSync(folder, away);
    return () => renameSync(away, folder);
  }

  #folderOf(label: string): string {
    const found = readdirSync(this.#tokens)
      .map((name) => join(this.#tokens, name))
      .find((folder) => readFileSync(join(folder, 'token.object')).includes(label.padEnd(LABEL_BYTES)));
    if (found === undefined) throw new Error(`no token is labelled ${label}`);
    return found;
  }

  /** Where the objects of the only token lie, one file each. */
  get tokenFolder(): string {
    const [only] = readdirSync(this.#tokens);
    return join(this.#tokens, only ?? '');
  }

  /** How many objects a token has. */
  objectsIn(label: string): number {
    return readdirSync(this.#folderOf(label)).filter((name) => name.endsWith('.object')).length;
  }

  get isEmpty(): boolean {
    return readdirSync(this.#tokens).length === 0;
  }

  /** Takes all tokens away, as if the device had been unplugged. */
  unplug(): void {
    renameSync(this.#tokens, `${this.#tokens}.away`);
    mkdirSync(this.#tokens);
  }

  plugIn(): void {
    rmSync(this.#tokens, { recursive: true });
    renameSync(`${this.#tokens}.away`, this.#tokens);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
