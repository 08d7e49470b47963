import type { OperationDefinition } from '@holdfast/core';
import type { Dialect } from '@holdfast/kmip';
import { withClient } from '../connect';
import { plainListing, print, type OutputFlags, type PlainRecord } from '../output';
import { plainStructure } from '../plain';
import type { ConnectionFlags } from '../settings';

export type CommonFlags = ConnectionFlags & OutputFlags;

/** Asks for one operation and prints its response: as JSON, or as `forPeople` has it. */
export async function perform<Request, Response extends object>(
  operation: OperationDefinition<Request, Response>,
  request: Request,
  flags: CommonFlags,
  forPeople?: (value: PlainRecord) => string,
): Promise<void> {
  await performIn(operation, () => request, flags, forPeople);
}

/** The same where the request depends on the version that is spoken. */
export async function performIn<Request, Response extends object>(
  operation: OperationDefinition<Request, Response>,
  requestIn: (dialect: Dialect) => Request,
  flags: CommonFlags,
  forPeople: (value: PlainRecord) => string = plainListing,
): Promise<void> {
  const response = await withClient(flags, (client) => client.call(operation, requestIn(client.dialect)));
  const members = response as Readonly<Record<string, unknown>>;
  print(plainStructure(operation.response.fields, members), flags, forPeople);
}
