import type { Command } from 'commander';
import { certifyAction, reCertifyAction, validateAction } from './actions/certificates';
import { objectCommand, operationCommand } from './operation-command';
import { repeatable, withAttributeOptions } from './options';

/** The operations on certificates, as commands. */

function withRequest(command: Command): Command {
  return command
    .option('--request <file>', 'certificate request: PKCS#10, PEM or DER')
    .option('--crmf', 'the request is one of RFC 4211 (CRMF), DER');
}

function certifyCommand(): Command {
  return withRequest(
    operationCommand(
      'certify',
      'Have the server’s KMIP authority issue a certificate, for a public key or by a request.',
      'certify 7f6c… --attribute CertificateSubjectCN=array-7 --attribute CertificateSubjectO=Example',
      'certify --request array.csr --name array-7-certificate',
    ).argument('[id]', 'unique identifier of the public key, or of a Certificate Request (since KMIP 2.0)'),
  ).action(certifyAction);
}

function reCertifyCommand(): Command {
  return withRequest(
    objectCommand(
      're-certify',
      'Have a new certificate issued for the key of an existing one; it takes over the name.',
      're-certify 7f6c…',
      're-certify 7f6c… --offset 30d --request array.csr',
    ),
  )
    .option('--request-id <id>', 'unique identifier of a Certificate Request (since KMIP 2.0)')
    .option('--offset <span>', 'how long after now the new certificate becomes Active, such as 30d')
    .action(reCertifyAction);
}

function validateCommand(): Command {
  return operationCommand(
    'validate',
    'Tell whether certificates form a chain up to a trusted authority. Exits with 1 unless they do.',
    'validate 7f6c… 9a01…',
    'validate --file leaf.pem --file issuing-ca.pem --at 2030-01-01T00:00:00Z',
  )
    .argument('[ids...]', 'unique identifiers of certificates')
    .option('--file <file>', 'a certificate, PEM or DER', repeatable)
    .option('--at <date>', 'when the chain is to be valid (default: now)')
    .action(validateAction);
}

export function certificateCommands(): readonly Command[] {
  return [...[certifyCommand(), reCertifyCommand()].map(withAttributeOptions), validateCommand()];
}
