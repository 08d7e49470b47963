import { basename, extname } from 'node:path';
import { Command } from 'commander';
import type { AuthorityAnswer } from '@holdfast/server/admin';
import { replaceFile, writeNewFile } from '../output-file';
import { readText } from './files';
import { asOfficer, withOfficer, type OfficerOptions } from './options';
import { print, printDone } from './print';

const COLUMNS = {
  Name: (row: AuthorityAnswer) => row.name,
  Kind: (row: AuthorityAnswer) => row.kind,
  Subject: (row: AuthorityAnswer) => row.subject,
  'Valid until': (row: AuthorityAnswer) => row.notAfter,
  Serves: (row: AuthorityAnswer) => (row.isServing ? 'yes' : ''),
  Status: (row: AuthorityAnswer) => row.status,
};

interface AddOptions extends OfficerOptions {
  readonly name?: string;
}

async function add(file: string, options: AddOptions): Promise<void> {
  const name = options.name ?? basename(file, extname(file));
  const certificatePem = await readText(file);
  const authority = await (await asOfficer(options)).call('POST /authorities', { name, certificatePem });
  print(authority, options.json, COLUMNS, '');
}

interface ExportOptions extends OfficerOptions {
  readonly out?: string;
}

async function exportCertificate(name: string, { out, json, ...options }: ExportOptions): Promise<void> {
  const officer = await asOfficer(options);
  const { certificatePem } = await officer.call('GET /authorities/:name', undefined, { name });
  if (out === undefined) {
    printDone({ name, certificatePem }, json, certificatePem);
    return;
  }
  await writeNewFile(out, certificatePem, 0o644);
  printDone({ name, file: out }, json, '');
}

interface RollOptions extends OfficerOptions {
  readonly keyAlgorithm?: string;
}

async function roll(name: string | undefined, options: RollOptions): Promise<void> {
  const { keyAlgorithm } = options;
  const request = { name: name ?? 'holdfast', ...(keyAlgorithm === undefined ? {} : { keyAlgorithm }) };
  const made = await (await asOfficer(options)).call('POST /authorities/roll', request);
  print(made, options.json, COLUMNS, '');
}

interface CrlOptions extends OfficerOptions {
  readonly out: string;
}

async function crl(name: string | undefined, { out, json, ...options }: CrlOptions): Promise<void> {
  const officer = await asOfficer(options);
  const { pem, derBase64, nextUpdate } =
    name === undefined
      ? await officer.call('GET /crl')
      : await officer.call('GET /authorities/:name/crl', undefined, { name });
  await replaceFile(out, extname(out) === '.pem' ? pem : Buffer.from(derBase64, 'base64'), 0o644);
  printDone(
    { file: out, nextUpdate },
    json,
    `The CRL is in ${out}; publish a new one before ${nextUpdate}.\n`,
  );
}

export function caCommand(): Command {
  const command = new Command('ca').description(
    'certification authorities whose client certificates are trusted',
  );
  withOfficer(command.command('add <file>'))
    .description(
      'trust a further CA (its certificate, PEM); clients are then recognised by --subject or --san under it',
    )
    .option('--name <name>', 'what to call it (default: the name of the file)')
    .action(add);
  withOfficer(command.command('list'))
    .description('list the authorities')
    .action(async (options: OfficerOptions) => {
      print(
        await (await asOfficer(options)).call('GET /authorities'),
        options.json,
        COLUMNS,
        'There is no authority.',
      );
    });
  withOfficer(command.command('revoke <name>'))
    .description('trust a CA no longer')
    .action(async (name: string, options: OfficerOptions) => {
      await (await asOfficer(options)).call('POST /authorities/:name/revoke', undefined, { name });
      printDone({ name, status: 'revoked' }, options.json, `${name} is trusted no longer.\n`);
    });
  withOfficer(command.command('show <name>'))
    .description('show one authority; kmip-ec and kmip-rsa are those that Certify signs with')
    .action(async (name: string, options: OfficerOptions) => {
      const { certificatePem, ...shown } = await (
        await asOfficer(options)
      ).call('GET /authorities/:name', undefined, { name });
      print(options.json === true ? { ...shown, certificatePem } : shown, options.json, COLUMNS, '');
    });
  withOfficer(command.command('export <name>'))
    .description(
      'write the certificate of an authority, PEM; of kmip-ec and kmip-rsa with earlier generations',
    )
    .option('--out <file>', 'where it goes (default: standard output)')
    .action(exportCertificate);
  withOfficer(command.command('roll [name]'))
    .description(
      'make a new CA beside a built-in one (default: holdfast). It certifies new clients; the server certificate comes from it after "ca serve". kmip-ec and kmip-rsa sign with the new one at once',
    )
    .option(
      '--key-algorithm <name>',
      'of the new CA: EC-P256 (default), EC-P384, RSA-2048, RSA-3072, RSA-4096',
    )
    .action(roll);
  withOfficer(command.command('serve <name>'))
    .description('have the server certificate come from this built-in CA, once all clients trust it')
    .action(async (name: string, options: OfficerOptions) => {
      print(
        await (await asOfficer(options)).call('POST /authorities/:name/serve', undefined, { name }),
        options.json,
        COLUMNS,
        '',
      );
    });
  withOfficer(command.command('crl [name]'))
    .description(
      'sign a list of revoked client certificates of a built-in CA (default: that of the server certificate), to be published at the --crl-url',
    )
    .requiredOption('--out <file>', 'where it goes (replaced if there): .pem for PEM, else DER')
    .action(crl);
  return command;
}
