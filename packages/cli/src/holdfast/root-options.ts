import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { HoldfastError, type SecretBytes } from '@holdfast/ttlv/basics';
import type { RootConfig } from '@holdfast/server';
import { DEFAULT_ROOT_KEY_LABEL } from '@holdfast/server/admin';
import { HSM_PIN, NEW_PASSPHRASE, PASSPHRASE, readSecret, type SecretSource } from './secret';
import type { Warn } from './secret-file';

/** The software root of trust, in the data folder. */
export const ROOT_KEY_FILE = 'root.key';

export interface RootOptions {
  readonly root: string;
  readonly pkcs11Module?: string;
  readonly pkcs11Token?: readonly string[];
  readonly pkcs11Key: string;
  readonly passphrase?: boolean;
}

const collect = (value: string, earlier: readonly string[] = []): readonly string[] => [...earlier, value];

/** Adds what says where the root key is. */
export function withRootOptions(command: Command): Command {
  return withRootLocation(
    command.addOption(
      new Option(
        '--root <kind>',
        'root of trust: a software key in the data folder, a key in an HSM, or a key whose shares custodians hold',
      )
        .choices(['software', 'pkcs11', 'shares'])
        .env('HOLDFAST_ROOT')
        .default('software'),
    ),
  );
}

/** Adds what says where in an HSM it is. */
export function withRootLocation(command: Command): Command {
  return command
    .addOption(
      new Option('--pkcs11-module <path>', "the HSM vendor's PKCS#11 library").env('HOLDFAST_PKCS11_MODULE'),
    )
    .option(
      '--pkcs11-token <label>',
      'label of the token (repeatable: tokens that hold the same root key, in order of preference)',
      collect,
    )
    .option('--pkcs11-key <label>', 'label of the root key in the token', DEFAULT_ROOT_KEY_LABEL)
    .option('--passphrase', 'ask for the passphrase of the software root, or the PIN of the HSM');
}

/** Where the secrets of a root of trust come from. */
export interface RootSecrets {
  readonly software: SecretSource;
  readonly pkcs11: SecretSource;
}

/** Those of a node: its software root key is made where its data folder has none. */
export function secretsOfNode(dataDir: string): RootSecrets {
  const isThere = existsSync(join(dataDir, ROOT_KEY_FILE));
  return { software: isThere ? PASSPHRASE : NEW_PASSPHRASE, pkcs11: HSM_PIN };
}

/**
 * What the options say of the root of trust, with the secret that opens it.
 * @param warn is told where others can read the file of the secret
 * @throws HoldfastError Configuration
 */
export async function readRoot(
  options: RootOptions,
  secrets: RootSecrets,
  warn?: Warn,
): Promise<{ readonly root: RootConfig; readonly secret: SecretBytes | undefined }> {
  const ask = options.passphrase === true;
  if (options.root !== 'pkcs11' && options.pkcs11Token !== undefined) {
    throw new HoldfastError(
      'Configuration',
      'a token of an HSM is named, and the root of trust is another: --pkcs11-token goes with --root pkcs11',
    );
  }
  if (options.root === 'software')
    return { root: { kind: 'software' }, secret: await readSecret(secrets.software, ask, warn) };
  if (options.root === 'shares') return { root: { kind: 'shares' }, secret: undefined };
  const { pkcs11Module: modulePath, pkcs11Token: tokens = [], pkcs11Key: keyLabel } = options;
  if (modulePath === undefined || tokens.length === 0) {
    throw new HoldfastError('Configuration', 'an HSM needs --pkcs11-module PATH and --pkcs11-token LABEL');
  }
  const targets = tokens.map((tokenLabel) => ({ modulePath, tokenLabel }));
  const secret = await readSecret(secrets.pkcs11, ask || process.stdin.isTTY, warn);
  if (secret === undefined) {
    const { variable } = secrets.pkcs11;
    throw new HoldfastError('Configuration', `the HSM wants a PIN: set ${variable}_FILE or ${variable}`);
  }
  return { root: { kind: 'pkcs11', targets, keyLabel }, secret };
}
