import type { KmipClient } from '@holdfast/client';
import { delegatedLogin, login, logout } from '@holdfast/core';
import {
  TicketType,
  UsageLimitsUnit,
  operationEnum,
  type Operation,
  type Right,
  type Ticket,
  type UsageLimits,
} from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import { wrongUse } from '../../exit';
import { keyDestination } from '../../key-output';
import { readTicket, withClient } from '../connect';
import { parseDuration } from '../times';
import { parseInteger, parseLongInteger, parseMember } from '../values';
import { deliver } from './deliver';
import { perform, type CommonFlags } from './perform';

export interface LoginFlags extends CommonFlags {
  readonly lease?: string;
  readonly requests?: string;
  readonly operations?: string;
  readonly out?: string;
  readonly force?: boolean;
}
export interface DelegatedLoginFlags extends LoginFlags {
  readonly right?: readonly string[];
}

function usageLimits(count: string | undefined): UsageLimits | undefined {
  if (count === undefined) return undefined;
  const total = parseLongInteger(count, 'the number of operations');
  return { usageLimitsTotal: total, usageLimitsCount: total, usageLimitsUnit: UsageLimitsUnit.Object };
}

function limits({ lease, requests, operations }: LoginFlags) {
  return {
    lease: lease === undefined ? undefined : { seconds: parseDuration(lease) },
    requestCount: requests === undefined ? undefined : parseInteger(requests, '--requests'),
    usageLimits: usageLimits(operations),
  };
}

/** `operations=Get,Locate objects=7f6c… groups=tapes uses=10`; what is left out is not restricted. */
export function parseRight(text: string): Right {
  const parts: Record<string, readonly string[]> = {};
  for (const part of text.split(/\s+/).filter((each) => each !== '')) {
    const [, name = '', values = ''] = /^(operations|objects|groups|uses)=(.+)$/.exec(part) ?? [];
    if (name === '' || parts[name] !== undefined) {
      throw wrongUse(
        `${JSON.stringify(text)} is no right`,
        'For example: "operations=Get,GetAttributes objects=7f6c… groups=tapes uses=10".',
      );
    }
    parts[name] = values.split(',');
  }
  const { operations, objects, groups, uses } = parts;
  return {
    usageLimits: usageLimits(uses?.join(',')),
    operations:
      operations === undefined
        ? undefined
        : {
            operations: operations.map((name) => parseMember(operationEnum, name, 'Operation') as Operation),
          },
    objects: objects === undefined ? undefined : { uniqueIdentifiers: objects },
    objectGroups: groups === undefined ? undefined : { objectGroups: groups },
  };
}

/** A ticket is a secret: it goes to a file of the user's own, or to standard output where no file is named. */
async function obtain(
  flags: LoginFlags,
  ask: (client: KmipClient) => Promise<{ readonly ticket: Ticket }>,
): Promise<void> {
  const destination = await keyDestination({ ...flags, format: 'hex' });
  const { ticket } = await withClient(flags, ask);
  const key = { bytes: new SecretBytes(ticket.ticketValue), pemLabel: undefined };
  if (destination !== undefined) await deliver(key, destination, {}, flags);
}

export async function loginAction(flags: LoginFlags): Promise<void> {
  const request = limits(flags);
  await obtain(flags, (client) => client.call(login, request));
}

export async function delegatedLoginAction(flags: DelegatedLoginFlags): Promise<void> {
  const request = { ...limits(flags), rights: { rights: (flags.right ?? []).map(parseRight) } };
  await obtain(flags, (client) => client.call(delegatedLogin, request));
}

export async function logoutAction(path: string, flags: CommonFlags): Promise<void> {
  const ticket = { ticketType: TicketType.Login, ticketValue: await readTicket(path) };
  await perform(logout, { ticket }, flags, () => 'The ticket is at an end.\n');
}
