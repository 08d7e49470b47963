import type { Command } from 'commander';
import { delegatedLoginAction, loginAction, logoutAction } from './actions/tickets';
import { operationCommand } from './operation-command';
import { repeatable } from './options';

/** Tickets, by which later requests prove who makes them. */

function withLimits(command: Command): Command {
  return command
    .option('--lease <span>', 'how long the ticket is good for, such as 8h')
    .option('--requests <count>', 'how many requests may be made with it')
    .option('--operations <count>', 'how many operations may be done with it')
    .option('--out <file>', 'write the ticket to a new file that you alone can read')
    .option('--force', 'replace the file');
}

function loginCommand(): Command {
  return withLimits(
    operationCommand(
      'login',
      'Get a ticket, to be used in place of a user and password (since KMIP 2.0).',
      'login --username alice --password-file alice.txt --lease 8h --out ticket',
      'locate --ticket ticket',
    ),
  ).action(loginAction);
}

function delegatedLoginCommand(): Command {
  return withLimits(
    operationCommand(
      'delegated-login',
      'Get a ticket for somebody else, who may do with it what its rights say and nothing more (since KMIP 2.0).',
      'delegated-login --right "operations=Get,GetAttributes objects=7f6c…" --requests 10 --out ticket',
      'delegated-login --right "operations=Encrypt groups=tapes uses=1000" --right operations=Query --out ticket',
    ),
  )
    .requiredOption(
      '--right <right>',
      'operations=…, objects=…, groups=… and uses=…, with spaces between (repeatable)',
      repeatable,
    )
    .action(delegatedLoginAction);
}

function logoutCommand(): Command {
  return operationCommand(
    'logout',
    'End a ticket, on every server at once: whoever it speaks for may, by the ticket itself too (since KMIP 2.0).',
    'logout ticket --ticket ticket',
  )
    .argument('<file>', 'file with the ticket')
    .action(logoutAction);
}

export function ticketCommands(): readonly Command[] {
  return [loginCommand(), delegatedLoginCommand(), logoutCommand()];
}
