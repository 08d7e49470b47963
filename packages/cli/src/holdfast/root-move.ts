import { Option, type Command } from 'commander';
import { HoldfastError } from '@holdfast/ttlv/basics';
import type { MoveRootRequest, RootAnswer } from '@holdfast/server/admin';
import { CommandFailure, ExitCode } from '../exit';
import { counted } from '../table';
import { asOfficer, withOfficer, type OfficerOptions } from './options';
import { print, printDone } from './print';
import { followed } from './progress';
import type { RootConfig } from '@holdfast/server';
import {
  puttingInForce,
  readCeremony,
  sharesText,
  withCeremonyOptions,
  type CeremonyOptions,
  type PreparedCeremony,
} from './ceremony';
import {
  readRoot,
  secretsOfNode,
  withRootLocation,
  type RootOptions,
  type RootSecrets,
} from './root-options';
import { HSM_PIN, NEW_PASSPHRASE, handOver, readSecret } from './secret';

const COLUMNS = {
  State: ({ state }: RootAnswer) => state,
  Kind: ({ kind }: RootAnswer) => kind,
  'This node': ({ own }: RootAnswer) => own,
  Current: ({ current, nodes }: RootAnswer) => `${current} (${counted(nodes.current, 'node')})`,
  Incoming: ({ incoming, wrapped, domainKeys }: RootAnswer) =>
    incoming === undefined ? '' : `${incoming} (wraps ${wrapped} of ${domainKeys})`,
  Outgoing: ({ outgoing, nodes }: RootAnswer) =>
    outgoing === undefined ? '' : `${outgoing} (${counted(nodes.outgoing, 'node')})`,
  'Domain keys': ({ domainKeys }: RootAnswer) => String(domainKeys),
};

/** The secrets of a root of trust to which domain keys are to go. */
const NEW_SECRETS: RootSecrets = {
  software: { ...NEW_PASSPHRASE, variable: 'HOLDFAST_NEW_PASSPHRASE' },
  pkcs11: { variable: 'HOLDFAST_NEW_HSM_PIN', prompt: "PIN of the new HSM's user: " },
};

interface MoveOptions extends OfficerOptions, CeremonyOptions {
  readonly passphrase?: boolean;
}

async function move(
  options: OfficerOptions,
  request: MoveRootRequest,
  prepared?: PreparedCeremony,
): Promise<void> {
  const officer = await asOfficer(options);
  const order = () => officer.call('POST /root/move', request);
  const begun = await (prepared === undefined ? order() : puttingInForce(prepared, order));
  const answer = await followed(
    () => officer.call('GET /root'),
    ({ state, wrapped, domainKeys }) =>
      state === 'moving' ? { done: wrapped, total: domainKeys, what: 'domain keys' } : undefined,
    begun,
  );
  if (answer.problem !== undefined) {
    throw new CommandFailure(ExitCode.NoConnection, `the move has stopped: ${answer.problem}`, {
      hint:
        'It goes on when the same command is given again; holdfast root cancel gives it up.\n' +
        'Nothing moves without the root key so far: where that is lost for good, restore the newest backup under another (holdfast backup restore).',
    });
  }
  print(answer, options.json, COLUMNS, '');
  if (prepared !== undefined) process.stderr.write(sharesText(prepared));
  if (answer.state === 'moved') process.stderr.write(nextSteps(answer, request));
}

/** What is left to do once a node uses the new root key. */
function nextSteps({ kind }: RootAnswer, { to, secret }: MoveRootRequest): string {
  const steps: string[] = [];
  if (kind.startsWith('software')) {
    steps.push('Copy root.key to the other nodes and to where you keep it: without it no key opens.');
    if (secret !== undefined) steps.push('From the next start on its passphrase is the one just given.');
  }
  if (kind === 'pkcs11') steps.push('Clone the new root key into the other tokens that are given, if any.');
  if (to !== undefined) steps.push(`Have the settings of all nodes say where it is now: root ${to.kind}.`);
  steps.push('Restart the other nodes that run with the one before: holdfast root status counts them.');
  steps.push('Then end the root key before: holdfast root retire.');
  return [
    'The node uses the new root key. What is left to do:',
    ...steps.map((step) => `  ${step}`),
    '',
  ].join('\n');
}

/** Makes a root key that custodians are to hold, and has the node that is asked move to it. */
async function moveToShares(options: MoveOptions, to: MoveRootRequest['to']): Promise<void> {
  const officer = await asOfficer(options);
  const { publicKeyPem, state } = await officer.call('GET /root');
  if (state !== 'settled') {
    throw new HoldfastError(
      'ObjectAlreadyExists',
      state === 'moved'
        ? 'the root key before is not retired yet: holdfast root retire'
        : 'another root key is coming in: holdfast root cancel gives that up',
    );
  }
  const prepared = await readCeremony({ ...options, root: 'shares' });
  if (prepared === undefined) return;
  const { newSharedKey } = await import('@holdfast/server');
  const shared = await newSharedKey(prepared.ceremony, publicKeyPem);
  await move(options, { ...(to === undefined ? {} : { to }), shared }, prepared);
}

async function rotate(options: MoveOptions): Promise<void> {
  const { kind } = await (await asOfficer(options)).call('GET /root');
  if (kind === 'shares') return moveToShares(options, undefined);
  await readCeremony({ ...options, root: kind });
  const ask = options.passphrase === true;
  const secret =
    kind === 'pkcs11'
      ? await readSecret(HSM_PIN, true)
      : await readSecret(NEW_PASSPHRASE, ask || (kind === 'software-passphrase' && process.stdin.isTTY));
  await move(options, handOver(secret));
}

async function migrate(
  options: MoveOptions & RootOptions & { readonly to: RootConfig['kind'] },
): Promise<void> {
  if (options.to === 'shares') return moveToShares(options, { kind: 'shares' });
  await readCeremony({ ...options, root: options.to });
  const { root, secret } = await readRoot({ ...options, root: options.to }, NEW_SECRETS);
  await move(options, { to: root, ...handOver(secret) });
}

async function retire(options: OfficerOptions & { readonly destroyFile?: boolean }): Promise<void> {
  const officer = await asOfficer(options);
  const { destroyFile = false } = options;
  print(await officer.call('POST /root/retire', { destroyFile }), options.json, COLUMNS, '');
}

async function destroy(checkValue: string, options: OfficerOptions & RootOptions): Promise<void> {
  const { root, secret } = await readRoot({ ...options, root: 'pkcs11' }, secretsOfNode(options.dataDir));
  if (root.kind !== 'pkcs11' || secret === undefined) {
    throw new HoldfastError('Configuration', 'the HSM wants a PIN: give it in HOLDFAST_HSM_PIN_FILE');
  }
  const officer = await asOfficer(options);
  await officer.call('POST /root/destroy', { checkValue, at: root, secret: '', ...handOver(secret) });
  printDone(
    { checkValue, status: 'destroyed' },
    options.json,
    `The root key ${checkValue} is destroyed in the token: nothing that it wraps opens any more.\n`,
  );
}

/** Adds what replaces the root key, or moves to another root of trust. */
export function withMoveCommands(command: Command): Command {
  withOfficer(command.command('status'))
    .description('show which root keys wrap the domain keys, and how many nodes run with which')
    .action(async (options: OfficerOptions) => {
      const answer = await (await asOfficer(options)).call('GET /root');
      print(answer, options.json, COLUMNS, '');
      if (answer.unusedFile !== undefined) {
        process.stderr.write(
          `${answer.unusedFile} in the data folder is of a move that never began: nothing is wrapped by it. The next move removes it.\n`,
        );
      }
      if (answer.own === answer.current || answer.state !== 'moved') return;
      process.stderr.write(
        'This node uses the root key before: restart it with the new one, then run "holdfast root retire".\n',
      );
    });
  withCeremonyOptions(withOfficer(command.command('rotate')))
    .description(
      'make a new root key where the current one is, or for custodians who held the one before, and have it wrap all domain keys',
    )
    .option('--passphrase', 'ask for a passphrase for the new software root key')
    .addHelpText(
      'after',
      `
The PIN of the HSM comes from the file that HOLDFAST_HSM_PIN_FILE names, from HOLDFAST_HSM_PIN, or is asked for; the passphrase
that seals a new software root key from HOLDFAST_PASSPHRASE_FILE or HOLDFAST_PASSPHRASE, or with --passphrase.
${NEXT_STEPS}`,
    )
    .action(rotate);
  withCeremonyOptions(withRootLocation(withOfficer(command.command('migrate'))))
    .description('have the root key of another root of trust wrap all domain keys')
    .addOption(
      new Option(
        '--to <kind>',
        'a software key in the data folder, a key in an HSM, or one that custodians hold',
      )
        .choices(['software', 'pkcs11', 'shares'])
        .makeOptionMandatory(),
    )
    .addHelpText(
      'after',
      `
The PIN of the new HSM comes from the file that HOLDFAST_NEW_HSM_PIN_FILE names, from HOLDFAST_NEW_HSM_PIN, or is asked for;
the passphrase of a new software root key from HOLDFAST_NEW_PASSPHRASE_FILE or HOLDFAST_NEW_PASSPHRASE, or with --passphrase.
${NEXT_STEPS}`,
    )
    .action(migrate);
  withOfficer(command.command('retire'))
    .description('remove everything that the root key before wraps, once no node runs with it')
    .option('--destroy-file', 'remove its file in the data folder, too')
    .action(retire);
  withRootLocation(withOfficer(command.command('destroy')))
    .argument('<check value>', 'which root key: holdfast hsm status shows it')
    .description('destroy a root key in its HSM, once it was retired or given up')
    .addHelpText(
      'after',
      `
Copies of the database from before it was retired open no more, but for backups, which have keys of their own. Refused unless this
database has retired the root key, or given it up before it was the current one (root cancel); whether another one uses it is for you to know. Of tokens that are clones, each is done by itself.

Example:
  holdfast root destroy 2f3a90c1e17b5d6688d2c7a4e0b9f513 --pkcs11-module /usr/lib/softhsm/libsofthsm2.so --pkcs11-token holdfast
`,
    )
    .action(destroy);
  withOfficer(command.command('cancel'))
    .description('give up a move to another root key that was not finished')
    .action(async (options: OfficerOptions) => {
      print(await (await asOfficer(options)).call('POST /root/cancel'), options.json, COLUMNS, '');
    });
  return command;
}

const NEXT_STEPS = `
A root key for custodians (--threshold, --custodian or --custodian-passphrase) is split as by holdfast init: its shares are
written before anything moves. The shares of one before unseal nothing any more. A move to it that was cut off is given up
(holdfast root cancel) and made anew: destroy its shares.

Then restart every other node with the new root of trust, change what this one is started with, and run holdfast root retire.
A move that was cut off goes on when the same command is given again.
`;
