import { Command } from 'commander';
import { HoldfastError } from '@holdfast/ttlv/basics';
import type { ShareOpener, ShareToOpen } from '@holdfast/server';
import {
  puttingInForce,
  readCeremony,
  sharesText,
  withCeremonyOptions,
  type CeremonyOptions,
} from './ceremony';
import { addPassOnCommand } from './custody';
import { readBytes } from './files';
import { collect } from './holders';
import { asOfficer, withOfficer, type OfficerOptions } from './options';
import { printDone } from './print';
import { privateKeyIn } from './private-key';
import { withMoveCommands } from './root-move';
import { sharePassphrase } from './secret';

interface ReshareOptions extends OfficerOptions, CeremonyOptions {
  readonly share: readonly string[];
  readonly identity?: readonly string[];
}

async function reshareRoot(options: ReshareOptions): Promise<void> {
  const officer = await asOfficer(options);
  const { custody } = await officer.call('GET /status');
  if (custody === undefined) {
    throw new HoldfastError(
      'InvalidField',
      'the root key of this node is not held by custodians (--root shares)',
    );
  }
  const shares = await openersOf(options);
  const prepared = await readCeremony({ ...options, root: 'shares' });
  if (prepared === undefined) return;
  const { reshare } = await import('@holdfast/server');
  const request = await reshare(shares, prepared.ceremony, custody.publicKeyPem);
  await puttingInForce(prepared, () => officer.call('POST /root/reshare', request));
  const { threshold } = prepared.ceremony;
  printDone(
    { threshold, shares: prepared.written },
    options.json,
    `The root key is split anew; the shares so far unseal nothing any more.\n${sharesText(prepared)}`,
  );
}

/** Each share with the private key or passphrase that opens it. */
async function openersOf({
  share: files,
  identity: identities = [],
}: ReshareOptions): Promise<readonly { readonly share: ShareToOpen; readonly opener: ShareOpener }[]> {
  const { isSealedTo, shareIn } = await import('@holdfast/server');
  const keys = [];
  for (const path of identities) keys.push(await privateKeyIn(path));
  const opened = [];
  for (const path of files) {
    const share = shareIn(await readBytes(path));
    const privateKey = keys.find((key) => isSealedTo(share.share, key));
    const passphrase = share.wantsPassphrase ? await sharePassphrase(share.name) : undefined;
    if (passphrase !== undefined) opened.push({ share, opener: { passphrase } });
    else if (privateKey !== undefined) opened.push({ share, opener: { privateKey } });
    else
      throw new HoldfastError(
        'InvalidField',
        `no --identity opens ${share.name}: give its custodian's private key`,
      );
  }
  return opened;
}

export function rootCommand(): Command {
  const command = new Command('root').description(
    'the root key, which wraps the domain keys: replace it, move to another root of trust, share it anew',
  );
  withCeremonyOptions(withOfficer(command.command('reshare')))
    .description('split the same root key anew, e.g. when a custodian leaves (--root shares)')
    .requiredOption(
      '--share <file>',
      'a share of the splitting so far; as many as unseal a node (repeatable)',
      collect,
    )
    .option('--identity <file>', 'the private key (PEM) of a custodian so far (repeatable)', collect)
    .addHelpText(
      'after',
      `
The shares so far unseal nothing any more, but still make the root key: they are to be destroyed.

Example:
  holdfast root reshare --share share-1-alice.json --share share-2-bob.json --identity alice.key --identity bob.key \\
    --threshold 2 --custodian alice=alice.pem --custodian bob=bob.pem --custodian dora=dora.pem --shares-out new-shares
`,
    )
    .action(reshareRoot);
  addPassOnCommand(command);
  return withMoveCommands(command);
}
