import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { HoldfastError, type SecretBytes } from '@holdfast/core';
import type { ShareOpener } from '@holdfast/server';
import { readText } from './files';
import { asOperator, withDataDir, type CommonOptions } from './options';
import { readSecret, SHARE_PASSPHRASE } from './secret';

interface UnsealOptions extends CommonOptions {
  readonly identity?: string;
}

async function unseal(file: string, options: UnsealOptions): Promise<void> {
  const node = asOperator(options);
  const { shareIn, shareForNode } = await import('@holdfast/server');
  const share = shareIn(await readShareFile(file));
  const { state, custody } = await node.call('GET /status');
  if (state !== 'sealed' || custody === undefined) {
    process.stdout.write(`Nothing to unseal: the node is ${state}.\n`);
    return;
  }
  const opener = await openerOf(share.name, share.wantsPassphrase, options.identity);
  const answer = await node.call('POST /unseal', await shareForNode(share, opener, custody.publicKeyPem));
  const taken = answer.isNew ? 'was taken' : 'was given before and counts once';
  if (answer.state === 'sealed') {
    process.stdout.write(
      `${capitalised(share.name)} ${taken}: ${answer.given} of ${answer.threshold} are given.\n`,
    );
  } else process.stdout.write(`${capitalised(share.name)} ${taken}. The node is unsealed.\n`);
}

/** @throws HoldfastError Configuration */
export async function readShareFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new HoldfastError('Configuration', `cannot read ${path}`, { cause });
  }
}

/** What opens a share: its custodian's private key, or the passphrase. @throws HoldfastError Configuration, InvalidField */
async function openerOf(
  name: string,
  wantsPassphrase: boolean,
  identity: string | undefined,
): Promise<ShareOpener> {
  const { privateKeyFrom } = await import('@holdfast/server');
  const passphrase = (): Promise<SecretBytes | undefined> => sharePassphrase(name);
  if (identity !== undefined)
    return { privateKey: await privateKeyFrom(await readText(identity), passphrase) };
  const secret = wantsPassphrase ? await passphrase() : undefined;
  if (secret !== undefined) return { passphrase: secret };
  throw new HoldfastError(
    'InvalidField',
    `${name} is sealed to its custodian's key: give it with --identity FILE`,
  );
}

/** What opens a share or the private key to it. */
export function sharePassphrase(of: string): Promise<SecretBytes | undefined> {
  return readSecret({ ...SHARE_PASSPHRASE, prompt: `Passphrase of ${of}: ` }, true);
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function unsealCommand(): Command {
  return withDataDir(new Command('unseal').argument('<share>', 'file with the share'))
    .description('give the share of one custodian to a sealed node; with enough of them it serves')
    .option(
      '--identity <file>',
      "the custodian's private key (PEM), unless the share is sealed with a passphrase",
    )
    .addHelpText(
      'after',
      `
A passphrase comes from the file that HOLDFAST_SHARE_PASSPHRASE_FILE names, from HOLDFAST_SHARE_PASSPHRASE, or is asked for.
Shares are given in any order. What was given is lost when the node is restarted.

Example:
  holdfast unseal share-2-bob.json --identity bob.key --data-dir /var/lib/holdfast
`,
    )
    .action(unseal);
}

export function sealCommand(): Command {
  return withDataDir(new Command('seal'))
    .description(
      'seal all nodes at once: connections end, keys are zeroed, nothing is served until custodians unseal',
    )
    .action(async (options: CommonOptions) => {
      await asOperator(options).call('POST /seal');
      process.stdout.write('The node is sealed, and all others on its database are told to.\n');
    });
}
