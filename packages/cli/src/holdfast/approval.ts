import { Command, InvalidArgumentError } from 'commander';
import type { ApprovalAnswer, ApprovalRuleAnswer } from '@holdfast/server/admin';
import { asOfficer, withOfficer, type OfficerOptions } from './options';
import { print } from './print';

const COLUMNS = {
  Number: ({ number }: ApprovalAnswer) => String(number),
  State: ({ state }: ApprovalAnswer) => state,
  'Asked by': ({ requester }: ApprovalAnswer) => requester,
  Operation: ({ operation }: ApprovalAnswer) => operation,
  Subject: ({ subject }: ApprovalAnswer) => subject,
  Domain: ({ domain }: ApprovalAnswer) => domain,
  Needs: ({ needed }: ApprovalAnswer) => String(needed),
  Given: ({ votes }: ApprovalAnswer) => votes.join(', '),
  Expires: ({ expiresAt }: ApprovalAnswer) => expiresAt,
};
const RULE_COLUMNS = {
  Action: ({ action }: ApprovalRuleAnswer) => action,
  Domain: ({ domain }: ApprovalRuleAnswer) => domain,
  Officers: ({ officers }: ApprovalRuleAnswer) => String(officers),
};
const NO_RULE = 'Every officer, and every client that may, acts alone.';

interface RuleOptions extends OfficerOptions {
  readonly officers: number;
  readonly domain?: string;
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('give a whole number.');
  return value;
}

async function setRule(action: string, officers: number, options: OfficerOptions & { domain?: string }) {
  const { domain } = options;
  const rules = await (
    await asOfficer(options)
  ).call('POST /approval-rules', { action, officers, ...(domain === undefined ? {} : { domain }) });
  print(rules, options.json, RULE_COLUMNS, NO_RULE);
}

async function vote(number: string, what: 'approve' | 'deny', options: OfficerOptions): Promise<void> {
  const officer = await asOfficer(options);
  const answer = await officer.call(`POST /approvals/:name/${what}`, undefined, { name: number });
  print(answer, options.json, COLUMNS, '');
}

export function approvalCommand(): Command {
  const command = new Command('approval').description(
    'dual control: what needs several officers, and what waits for them',
  );
  withOfficer(command.command('require <action>'))
    .description('have so many officers approve: destroy, export, copy, recovery, ca, root or policy')
    .requiredOption('--officers <number>', 'how many; who asks as an officer is the first', count)
    .option('--domain <name>', 'of destroy and export: for the objects of this domain alone')
    .addHelpText('after', '\nExample:\n  holdfast approval require destroy --officers 2 --domain storage\n')
    .action((action: string, options: RuleOptions) => setRule(action, options.officers, options));
  withOfficer(command.command('waive <action>'))
    .description('take such a rule back; needs as many officers as any rule does')
    .option('--domain <name>', 'the rule for this domain')
    .action((action: string, options: OfficerOptions & { domain?: string }) => setRule(action, 0, options));
  withOfficer(command.command('rules'))
    .description('list what needs how many officers')
    .action(async (options: OfficerOptions) => {
      const rules = await (await asOfficer(options)).call('GET /approval-rules');
      print(rules, options.json, RULE_COLUMNS, NO_RULE);
    });
  withOfficer(command.command('list'))
    .description('list what was asked for, newest first')
    .action(async (options: OfficerOptions) => {
      const approvals = await (await asOfficer(options)).call('GET /approvals');
      print(approvals, options.json, COLUMNS, 'Nothing waits for approval.');
    });
  withOfficer(command.command('approve <number>'))
    .description('approve one request: it succeeds once when it is asked for again')
    .action((number: string, options: OfficerOptions) => vote(number, 'approve', options));
  withOfficer(command.command('deny <number>'))
    .description('deny a request')
    .action((number: string, options: OfficerOptions) => vote(number, 'deny', options));
  return command;
}
