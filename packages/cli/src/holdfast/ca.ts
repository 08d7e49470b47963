import { rename, writeFile } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { Command } from 'commander';
import type { AuthorityAnswer } from '@holdfast/server/admin';
import { readText } from './files';
import { asOfficer, withOfficer, type OfficerOptions } from './options';
import { print } from './print';

const COLUMNS = {
  Name: (row: AuthorityAnswer) => row.name,
  Kind: (row: AuthorityAnswer) => row.kind,
  Subject: (row: AuthorityAnswer) => row.subject,
  'Valid until': (row: AuthorityAnswer) => row.notAfter,
  Status: (row: AuthorityAnswer) => row.status,
};

export function caCommand(): Command {
  const command = new Command('ca').description(
    'certification authorities whose client certificates are trusted',
  );
  withOfficer(command.command('add <file>'))
    .description(
      'trust a further CA (its certificate, PEM); clients are then recognised by --subject or --san under it',
    )
    .option('--name <name>', 'what to call it (default: the name of the file)')
    .action(async (file: string, options: OfficerOptions & { readonly name?: string }) => {
      const name = options.name ?? basename(file, extname(file));
      const certificatePem = await readText(file);
      const authority = await (await asOfficer(options)).call('POST /authorities', { name, certificatePem });
      print(authority, options.json, COLUMNS, '');
    });
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
      process.stdout.write(`${name} is trusted no longer.\n`);
    });
  withOfficer(command.command('crl'))
    .description(
      'sign a list of revoked client certificates of the built-in CA, to be published at the --crl-url',
    )
    .requiredOption('--out <file>', 'where it goes (replaced if there): .pem for PEM, else DER')
    .action(async (options: OfficerOptions & { readonly out: string }) => {
      const crl = await (await asOfficer(options)).call('GET /crl');
      const bytes = extname(options.out) === '.pem' ? crl.pem : Buffer.from(crl.derBase64, 'base64');
      const temporary = `${options.out}.new`;
      await writeFile(temporary, bytes);
      await rename(temporary, options.out);
      process.stdout.write(`The CRL is in ${options.out}; publish a new one before ${crl.nextUpdate}.\n`);
    });
  return command;
}
