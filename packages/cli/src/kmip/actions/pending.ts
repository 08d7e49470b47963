import { setTimeout as delay } from 'node:timers/promises';
import { cancel, process as processOperation, queryAsynchronousRequests } from '@holdfast/core';
import { operationEnum, type Operation } from '@holdfast/kmip';
import { table } from '../../table';
import { withClient } from '../connect';
import { plainListing, print, type PlainRecord } from '../output';
import { oneLine, plainStructure, type Plain } from '../plain';
import { parseHexBytes, parseMember } from '../values';
import { perform, type CommonFlags } from './perform';

const WAIT_MS = 250;

export interface PollFlags extends CommonFlags {
  readonly wait?: boolean;
}

const valueOf = (text: string): Buffer => parseHexBytes(text, 'the Asynchronous Correlation Value');

export async function pollAction(text: string, flags: PollFlags): Promise<void> {
  const correlationValue = valueOf(text);
  const answer = await withClient(flags, async (client) => {
    for (;;) {
      const polled = await client.poll(correlationValue);
      if (polled.status !== 'pending' || flags.wait !== true) return polled;
      await delay(WAIT_MS);
    }
  });
  if (answer.status === 'pending') print({ status: 'pending' }, flags, plainListing);
  else if (answer.status === 'done') {
    const { fields } = answer.operation.response;
    print(plainStructure(fields, answer.response as Readonly<Record<string, unknown>>), flags, plainListing);
  } else throw answer.refusal;
}

export async function cancelAction(text: string, flags: CommonFlags): Promise<void> {
  await perform(cancel, { asynchronousCorrelationValue: valueOf(text) }, flags);
}

export async function processAction(text: string, flags: CommonFlags): Promise<void> {
  await perform(processOperation, { asynchronousCorrelationValue: valueOf(text) }, flags);
}

export interface AsynchronousRequestsFlags extends CommonFlags {
  readonly operation?: readonly string[];
}

export async function asynchronousRequestsAction(flags: AsynchronousRequestsFlags): Promise<void> {
  const operations = flags.operation?.map(
    (name) => parseMember(operationEnum, name, 'Operation') as Operation,
  );
  const request = operations === undefined ? {} : { operations: { operations } };
  await perform(queryAsynchronousRequests, request, flags, requestsTable);
}

const COLUMNS = ['asynchronousCorrelationValue', 'operation', 'submissionDate', 'processingStage'] as const;

function requestsTable({ asynchronousRequests }: PlainRecord): string {
  const requests = Array.isArray(asynchronousRequests) ? (asynchronousRequests as readonly Plain[]) : [];
  return table(
    ['VALUE', 'OPERATION', 'SUBMITTED', 'STAGE'],
    requests.map((request) => COLUMNS.map((column) => oneLine((request as PlainRecord)[column] ?? ''))),
  );
}
