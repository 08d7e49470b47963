import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import { Command } from 'commander';
import { HoldfastError } from '@holdfast/ttlv/basics';
import type { EscrowPackage, PackageEntry } from '@holdfast/server';
import type { AdminClient, ComparedAnswer, CustodyCopyAnswer, ImportAnswer } from '@holdfast/server/admin';
import { ExitCode } from '../exit';
import { counted, listing, printable } from '../table';
import {
  addShareCommand,
  collect,
  holdersText,
  notInIt,
  mustBeReadable,
  mustNotExist,
  readHolders,
  readOpener,
  wholeNumber,
  withOpener,
  writeWhole,
  type HolderOptions,
  type OpenerOptions,
} from './holders';
import { readText } from './files';
import { asOfficer, withOfficer, type OfficerOptions } from './options';
import { print, printDone } from './print';

type Opener = Awaited<ReturnType<typeof readOpener>>;

interface CreateOptions extends OfficerOptions, HolderOptions {
  readonly threshold: number;
  readonly out: string;
  readonly domain: string;
  readonly object?: readonly string[];
  readonly name?: readonly string[];
  readonly all?: boolean;
}

const COPY_COLUMNS = {
  Kind: ({ kind }: CustodyCopyAnswer) => kind,
  Created: ({ createdAt }: CustodyCopyAnswer) => createdAt,
  Domain: ({ domain }: CustodyCopyAnswer) => domain,
  Objects: ({ kind, objects }: CustodyCopyAnswer) => (kind === 'backup' ? 'all' : String(objects)),
  Custodians: ({ custodians, threshold }: CustodyCopyAnswer) =>
    threshold === undefined ? custodians.join(', ') : `any ${threshold} of ${custodians.join(', ')}`,
  'SHA-256': ({ sha256 }: CustodyCopyAnswer) => sha256,
};

async function create(options: CreateOptions): Promise<void> {
  await mustNotExist(options.out);
  const officer = await asOfficer(options);
  const id = randomUUID();
  const content = await officer.stream('POST /escrow', {
    ...(await readHolders(options)),
    id,
    domain: options.domain,
    ...(options.object === undefined ? {} : { identifiers: options.object }),
    ...(options.name === undefined ? {} : { names: options.name }),
    ...(options.all === undefined ? {} : { all: options.all }),
  });
  const sha256 = await writeWhole(options.out, 'escrow package', content);
  const copy = await officer.call('POST /copies/:name/confirm', { sha256 }, { name: id });
  if (options.json === true) print(copy, true, {}, '');
  else {
    process.stdout.write(
      `${options.out} holds ${counted(copy.objects, 'object')}, for ${holdersText(options)}.\n${notInIt(copy)}`,
    );
  }
}

interface VerifyOptions extends OfficerOptions {
  readonly identity?: readonly string[];
  readonly share?: readonly string[];
  readonly live?: boolean;
}

const COMPARED_AT_ONCE = 500;

/** What of a package can be told without opening it; with enough identities also that it opens. */
async function verify(file: string, options: VerifyOptions): Promise<void> {
  await mustBeReadable(file);
  const { readPackage } = await import('@holdfast/server');
  const found = await readPackage(file);
  const { identity = [], share } = options;
  const isOpened = identity.length > 0;
  if (isOpened) {
    await readToEnd(found, await readOpener({ identity, ...(share === undefined ? {} : { share }) }));
  }
  const officer = options.live === true ? await asOfficer(options) : undefined;
  const isListed =
    officer === undefined
      ? undefined
      : (await officer.call('GET /copies')).some(({ sha256 }) => sha256 === found.sha256);
  const compared = officer === undefined ? undefined : await compareLive(officer, found);
  if (isListed === false || (compared?.different ?? 0) > 0) process.exitCode = ExitCode.Refused;
  report(found, { isOpened, isListed, compared }, options.json);
}

interface Verified {
  readonly isOpened: boolean;
  readonly isListed: boolean | undefined;
  readonly compared: ComparedAnswer | undefined;
}

function report(found: EscrowPackage, verified: Verified, json: boolean | undefined): void {
  const { manifest, sha256, custodians, threshold } = found;
  const facts = { createdAt: manifest.createdAt, objects: manifest.objects.length, sha256 };
  if (json === true) {
    print({ ...facts, custodians, threshold, ...verified }, true, {}, '');
    return;
  }
  const { isOpened, isListed, compared } = verified;
  const names = custodians.join(', ');
  process.stdout.write(
    listing([
      ['Created', facts.createdAt],
      ['Objects', String(facts.objects)],
      ['SHA-256', sha256],
      ['Custodians', threshold === undefined ? names : `any ${threshold} of ${names}`],
      ['Form', 'whole; its digest is right, its shares belong together'],
      ['Opened', isOpened ? 'to its end: every tag is right, and all is as its manifest says' : undefined],
      ['Server', isListed === undefined ? undefined : isListed ? 'made it' : 'KNOWS NO SUCH FILE'],
      ['Now', compared === undefined ? undefined : comparedText(compared)],
    ]),
  );
}

function comparedText(counts: ComparedAnswer): string {
  const { same, changedSince, valueReplaced, destroyed, gone, different } = counts;
  return (
    `${same} the same, ${changedSince} with changed attributes, ${valueReplaced} whose value was replaced (by Import or a recovery), ` +
    `${destroyed} destroyed, ${gone} gone, ${different} different though no change was recorded`
  );
}

async function compareLive(officer: AdminClient, { manifest }: EscrowPackage): Promise<ComparedAnswer> {
  const sums: Record<string, number> = {};
  for (let start = 0; start < manifest.objects.length; start += COMPARED_AT_ONCE) {
    const objects = manifest.objects.slice(start, start + COMPARED_AT_ONCE);
    const counts = await officer.call('POST /escrow/compare', { objects });
    for (const [what, count] of Object.entries(counts)) sums[what] = (sums[what] ?? 0) + (count as number);
  }
  return sums as unknown as ComparedAnswer;
}

async function readToEnd(found: EscrowPackage, opener: Opener): Promise<void> {
  const entries = await opened(found, opener);
  while ((await entries.next()).done !== true);
}

async function opened(found: EscrowPackage, opener: Opener): Promise<AsyncGenerator<PackageEntry>> {
  const { openPackage } = await import('@holdfast/server');
  return openPackage(found, opener);
}

interface RecoverOptions extends OfficerOptions, OpenerOptions {
  readonly out?: string;
  readonly for?: string;
  readonly clear?: boolean;
  readonly offline?: boolean;
  readonly domain?: string;
  readonly replaceDestroyed?: boolean;
  readonly foreign?: boolean;
}

/** The whole package is opened and checked before anything is done with it. */
async function recover(file: string, options: RecoverOptions): Promise<void> {
  const { out, for: recipient, clear } = options;
  if ((recipient !== undefined || clear === true) !== (out !== undefined) || (recipient && clear)) {
    throw new HoldfastError(
      'InvalidField',
      'a file takes --out with either --for or --clear; without --out objects go back into the store',
    );
  }
  if (out === undefined && options.offline === true) {
    throw new HoldfastError('InvalidField', '--offline is for --out: the store is on the server');
  }
  if (out !== undefined) await mustNotExist(out);
  await mustBeReadable(file);
  const { readPackage } = await import('@holdfast/server');
  const found = await readPackage(file);
  // Once: what is under a passphrase asks for it.
  const opener = await readOpener(options);
  await readToEnd(found, opener);
  const recovery = await begin(found, opener, options);
  if (out === undefined) await intoStore(found, opener, options, recovery);
  else {
    const content = recipient === undefined ? clearText : sealedFor(recipient);
    const sha256 = await writeWhole(out, 'file', await content(await opened(found, opener)));
    const objects = found.manifest.objects.length;
    printDone(
      { file: out, objects, sha256 },
      options.json,
      `${out} holds ${counted(objects, 'object')}, ${recipient === undefined ? 'IN CLEAR TEXT' : `for ${recipient}`}.\n`,
    );
  }
}

/** The server records who recovers what before it is done. */
async function begin(found: EscrowPackage, opener: Opener, options: RecoverOptions) {
  if (options.offline === true) return undefined;
  const officer = await asOfficer(options);
  const { domain, replaceDestroyed, foreign } = options;
  const { recovery } = await officer.call('POST /escrow/recover', {
    sha256: found.sha256,
    objects: found.manifest.objects.length,
    custodians: found.openedBy(opener),
    into: options.out === undefined ? 'store' : 'file',
    ...(domain === undefined ? {} : { domain }),
    ...(replaceDestroyed === true ? { replacesDestroyed: true } : {}),
    ...(foreign === true ? { takesForeign: true } : {}),
  });
  return { officer, recovery };
}

async function intoStore(
  found: EscrowPackage,
  opener: Opener,
  options: RecoverOptions,
  begun: Awaited<ReturnType<typeof begin>>,
): Promise<void> {
  if (begun === undefined) return;
  const { officer, recovery } = begun;
  const counts = new Map<ImportAnswer['outcome'], number>();
  const refused: string[] = [];
  for await (const { record, object } of await opened(found, opener)) {
    const { keyVersion, mac } = object;
    const request = { recovery, record: record.toString('base64'), keyVersion, mac };
    try {
      const { outcome } = await officer.call('POST /escrow/import', request);
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    } catch (error) {
      // The others do not wait until this one can be had.
      if (!(error instanceof HoldfastError) || error.code !== 'NonUniqueNameAttribute') throw error;
      refused.push(`${object.uniqueIdentifier}: ${error.message}`);
    }
  }
  const outcomes = ['restored', 'replaced', 'there already', 'destroyed'] as const;
  const facts = { ...Object.fromEntries(counts), ...(refused.length > 0 ? { refused: refused.length } : {}) };
  if (options.json === true) process.stdout.write(`${JSON.stringify(facts)}\n`);
  else {
    const texts = outcomes.flatMap((outcome) =>
      counts.has(outcome) ? [`${counts.get(outcome) ?? 0} ${outcome}`] : [],
    );
    const all = [...texts, ...(refused.length > 0 ? [`${refused.length} refused`] : [])];
    process.stdout.write(`Of ${counted(found.manifest.objects.length, 'object')}: ${all.join(', ')}.\n`);
  }
  if (refused.length === 0) return;
  for (const each of refused) process.stderr.write(`${printable(each)}\n`);
  process.exitCode = ExitCode.Refused;
}

function sealedFor(recipient: string) {
  return async (entries: AsyncGenerator<PackageEntry>): Promise<AsyncIterable<Buffer>> => {
    const { recipientFrom, sealPackage } = await import('@holdfast/server');
    const holder = recipientFrom(basename(recipient), await readText(recipient));
    return sealPackage({ recipients: [holder] }, entries);
  };
}

/** One JSON text a line for each object. */
async function clearText(entries: AsyncGenerator<PackageEntry>): Promise<AsyncIterable<Buffer>> {
  const { clearTextOf } = await import('@holdfast/server');
  return (async function* () {
    for await (const { record } of entries) yield Buffer.from(`${clearTextOf(record)}\n`);
  })();
}

export function escrowCommand(): Command {
  const command = new Command('escrow').description(
    'packages of chosen objects that several custodians open together',
  );
  withOfficer(command.command('create'))
    .description('escrow objects of a domain to custodians, any so many of whom can recover them')
    .requiredOption('--out <file>', 'where to; never overwritten')
    .requiredOption('--to <file>', 'certificate or public key (PEM) of a custodian (repeatable)', collect)
    .requiredOption('--threshold <number>', 'how many of them it takes', wholeNumber)
    .option('--domain <name>', 'the domain of the objects', 'default')
    .option('--object <identifier>', 'an object by its unique identifier (repeatable)', collect)
    .option('--name <name>', 'objects by their name (repeatable)', collect)
    .option('--all', 'all objects of the domain that have a value')
    .addHelpText(
      'after',
      '\nExample:\n  holdfast escrow create --name my-key --threshold 2 --to alice.pem --to bob.pem --to carol.pem --out my-key.escrow\n',
    )
    .action(create);
  withOfficer(command.command('list'))
    .description('list the escrow packages and backups that were made')
    .action(async (options: OfficerOptions) => {
      const copies = await (await asOfficer(options)).call('GET /copies');
      print(copies, options.json, COPY_COLUMNS, 'There is neither an escrow package nor a backup.');
    });
  withOfficer(command.command('verify <file>'))
    .description('check a package without recovering anything')
    .option('--live', 'compare with the objects of the running server too (needs an officer)')
    .option('--identity <file>', 'private keys of enough custodians: opens it to its end', collect)
    .option('--share <file>', 'a share that its custodian took out for the --identity (repeatable)', collect)
    .action(verify);
  withOfficer(withOpener(command.command('recover <file>')))
    .description('give objects back: into the store where they are missing, or to a file')
    .option('--domain <name>', 'into this domain instead of that which the objects were in')
    .option('--replace-destroyed', 'bring objects back that were destroyed here')
    .option('--foreign', 'take objects that another installation escrowed')
    .option('--out <file>', 'write them to a file instead; never overwritten')
    .option('--for <file>', 'seal that file to this certificate or public key (PEM)')
    .option('--clear', 'leave that file (mode 0600) in clear text: JSON, one line for each object')
    .option('--offline', 'do without the server, which then records nothing')
    .addHelpText(
      'after',
      '\nThe server records the recovery before it is done.\n\nExample:\n  holdfast escrow recover my-key.escrow --identity alice.key --identity carol.key\n',
    )
    .action(recover);
  addShareCommand(command, 'escrow');
  return command;
}
