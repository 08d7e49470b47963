import { Command } from 'commander';
import { HoldfastError } from '@holdfast/ttlv/basics';
import type { ShareOpener, ShareToOpen } from '@holdfast/server';
import { readBytes, readText, writeNewSecret } from './files';
import { asOperator, withDataDir, type CommonOptions } from './options';
import { privateKeyIn } from './private-key';
import { sharePassphrase } from './secret';

interface UnsealOptions extends CommonOptions {
  readonly identity?: string;
}

async function unseal(file: string, options: UnsealOptions): Promise<void> {
  const node = asOperator(options);
  const { isForNode, shareIn, shareForNode } = await import('@holdfast/server');
  const share = shareIn(await readBytes(file));
  const { state, custody } = await node.call('GET /status');
  if (state !== 'sealed' || custody === undefined) {
    process.stdout.write(`Nothing to unseal: the node is ${state}.\n`);
    return;
  }
  const { publicKeyPem } = custody;
  const sealed = isForNode(share, publicKeyPem)
    ? share.share
    : await shareForNode(share, await openerOf(share, options.identity), publicKeyPem);
  const answer = await node.call('POST /unseal', sealed);
  const taken = answer.isNew ? 'was taken' : 'was given before and counts once';
  if (answer.state === 'sealed') {
    process.stdout.write(
      `${capitalised(share.name)} ${taken}: ${answer.given} of ${answer.threshold} are given.\n`,
    );
  } else process.stdout.write(`${capitalised(share.name)} ${taken}. The node is unsealed.\n`);
}

/** What opens a share: its custodian's private key, or the passphrase. @throws HoldfastError Configuration, InvalidField */
async function openerOf(
  { name, wantsPassphrase }: ShareToOpen,
  identity: string | undefined,
): Promise<ShareOpener> {
  if (identity !== undefined) return { privateKey: await privateKeyIn(identity) };
  const passphrase = wantsPassphrase ? await sharePassphrase(name) : undefined;
  if (passphrase !== undefined) return { passphrase };
  throw new HoldfastError(
    'InvalidField',
    `${name} is sealed to its custodian's key: give it with --identity FILE`,
  );
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

interface PassOptions {
  readonly identity?: string;
  readonly for: string;
  readonly out: string;
}

async function passOn(file: string, options: PassOptions): Promise<void> {
  const { encodeShare, shareForNode, shareIn } = await import('@holdfast/server');
  const share = shareIn(await readBytes(file));
  const opener = await openerOf(share, options.identity);
  await writeNewSecret(options.out, async () =>
    encodeShare(await shareForNode(share, opener, await readText(options.for))).toString('utf8'),
  );
  process.stdout.write(
    `${options.out} holds ${share.name} for the node of ${options.for} alone, until that is restarted.\n`,
  );
}

/** A custodian's part from afar: the private key stays where it is. */
export function addPassOnCommand(root: Command): void {
  root
    .command('share <share>')
    .description('seal the share of a custodian to one node, on any machine: holdfast unseal takes it there')
    .option(
      '--identity <file>',
      "the custodian's private key (PEM), unless the share is sealed with a passphrase",
    )
    .requiredOption(
      '--for <file>',
      "the node's public key (PEM): custody.publicKeyPem in holdfast status --json",
    )
    .requiredOption('--out <file>', 'where it goes; never overwritten')
    .addHelpText(
      'after',
      '\nNeeds no server.\n\nExample:\n  holdfast root share share-1-alice.json --identity alice.key --for node-1.pem --out for-node-1.json\n',
    )
    .action(passOn);
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
