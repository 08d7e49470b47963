import type { Command } from 'commander';
import { adjustAttributeAction } from './actions/attributes';
import { archiveAction, getUsageAllocationAction, obtainLeaseAction, recoverAction } from './actions/govern';
import type { CommonFlags } from './actions/perform';
import { getConstraintsAction, setConstraintsAction, setDefaultsAction } from './actions/policy';
import { reProvisionAction } from './actions/re-provision';
import { interopAction, logAction, pingAction, pkcs11Action } from './actions/server';
import { setEndpointRoleAction } from './actions/told';
import { objectCommand, operationCommand } from './operation-command';
import { repeatable } from './options';

/** The operations around objects and about the server itself, as commands. */

function adjustAttributeCommand(): Command {
  return objectCommand(
    'adjust-attribute',
    'Count an attribute up or down, or turn it into its opposite (since KMIP 2.0).',
    'adjust-attribute 7f6c… ProtectionPeriod increment 30d',
    'adjust-attribute 7f6c… Sensitive negate',
  )
    .argument('<name>', 'attribute')
    .argument('<how>', 'increment, decrement or negate')
    .argument('[amount]', 'by how much: 1 where left out')
    .action(adjustAttributeAction);
}

function archiveCommand(): Command {
  return objectCommand('archive', 'Take an object off-line, until it is recovered.', 'archive 7f6c…').action(
    archiveAction,
  );
}

function recoverCommand(): Command {
  return objectCommand('recover', 'Bring an archived object back on-line.', 'recover 7f6c…').action(
    recoverAction,
  );
}

function obtainLeaseCommand(): Command {
  return objectCommand(
    'obtain-lease',
    'Ask how long a fetched object may be used, and when it changed last.',
    'obtain-lease 7f6c…',
  ).action(obtainLeaseAction);
}

function getUsageAllocationCommand(): Command {
  return objectCommand(
    'get-usage-allocation',
    'Take units off the usage limits of a key, to protect data with it on this side.',
    'get-usage-allocation 7f6c… 1000',
  )
    .argument('<count>', 'how many units')
    .action(getUsageAllocationAction);
}

function ruleCommand(name: string, description: string, ...examples: readonly string[]): Command {
  return operationCommand(name, description, ...examples)
    .option('--type <type>', 'object types that it is for', repeatable)
    .option('--group <name>', 'object groups that it is for (default: all objects)', repeatable)
    .option('--attribute <name=value>', 'attribute and value', repeatable)
    .option('--replace', 'instead of all that there are; without --attribute it removes all');
}

function setDefaultsCommand(): Command {
  return ruleCommand(
    'set-defaults',
    'Set the values that new objects of the domain get where a request leaves them out (KMIP 2.1).',
    'set-defaults --type symmetric-key --group tapes --attribute "Contact Information=tape team"',
  ).action(setDefaultsAction);
}

function setConstraintsCommand(): Command {
  return ruleCommand(
    'set-constraints',
    'Demand of new objects of the domain that they have these values (KMIP 2.1).',
    'set-constraints --type symmetric-key --attribute CryptographicLength=256',
    'set-constraints --replace',
  ).action(setConstraintsAction);
}

function getConstraintsCommand(): Command {
  return operationCommand(
    'get-constraints',
    'Show what is demanded of new objects of the domain (KMIP 2.1).',
    'get-constraints --json',
  ).action(getConstraintsAction);
}

function reProvisionCommand(): Command {
  return operationCommand(
    're-provision',
    'Replace the certificate that this client is known by; it is invalid afterwards (since KMIP 2.0).',
    're-provision --csr new.csr --out new.pem',
    're-provision --out new.pem --key-out new-key.pem',
    're-provision --certificate new.pem',
  )
    .option(
      '--csr <file>',
      'certificate request (PKCS#10) to be signed; without it, the server makes a key pair',
    )
    .option('--certificate <file>', 'certificate to be known by from now on, which the client has already')
    .option('--out <file>', 'where the new certificate goes')
    .option('--key-out <file>', 'where the private key goes that the server makes (mode 0600)')
    .option('--force', 'replace the files')
    .action(reProvisionAction);
}

function pkcs11Command(): Command {
  return operationCommand(
    'pkcs11',
    'Call a function of PKCS#11, by its place in CK_FUNCTION_LIST_3_0 (since KMIP 2.0).',
    'pkcs11 1 --input 01',
    'pkcs11 3 --correlation 6f0c…',
  )
    .argument('<function>', '1 for C_Initialize, 3 for C_GetInfo, ...')
    .option('--correlation <hex>', 'Correlation Value that C_Initialize answered')
    .option('--input <hex>', 'input parameters, as KMIP Profiles 2.1 section 5.18 lays them out')
    .action(pkcs11Action);
}

function pingCommand(): Command {
  return operationCommand('ping', 'Ask whether the server answers (since KMIP 2.1).', 'ping').action(
    pingAction,
  );
}

function logCommand(): Command {
  return operationCommand(
    'log',
    'Have the server write a line into its log (since KMIP 2.0).',
    'log "rotation of the tape keys begins"',
  )
    .argument('<message>', 'what to write')
    .action(logAction);
}

function setEndpointRoleCommand(): Command {
  return operationCommand(
    'set-endpoint-role',
    'Have the server tell what changes in the domain, until either side ends the connection (since KMIP 2.0).',
    'set-endpoint-role',
    'set-endpoint-role --json --max 1',
  )
    .option('--max <count>', 'end after so many')
    .addHelpText('after', '\nKeys that the server puts are answered for and forgotten; they are not shown.\n')
    .action(setEndpointRoleAction);
}

function interopCommand(): Command {
  return operationCommand(
    'interop',
    'Begin or end a case of a test run, or empty the domain: on a server in test mode (since KMIP 2.0).',
    'interop begin --case TC-SETATTR-1-20',
    'interop reset',
  )
    .argument('<function>', 'begin, end or reset')
    .option('--case <identifier>', 'the test case', '')
    .action((name: string, flags: CommonFlags & { readonly case: string }) =>
      interopAction(name, flags.case, flags),
    );
}

export function controlCommands(): readonly Command[] {
  return [
    adjustAttributeCommand(),
    obtainLeaseCommand(),
    getUsageAllocationCommand(),
    archiveCommand(),
    recoverCommand(),
    setDefaultsCommand(),
    setConstraintsCommand(),
    getConstraintsCommand(),
    reProvisionCommand(),
    pkcs11Command(),
    pingCommand(),
    logCommand(),
    setEndpointRoleCommand(),
    interopCommand(),
  ];
}
