import { toldByServer, type Told } from '@holdfast/client';
import { objectTypeEnum, putFunctionEnum } from '@holdfast/kmip';
import { wrongUse } from '../../exit';
import { printable } from '../../table';
import { clientOptions } from '../connect';
import { print, type PlainRecord } from '../output';
import { oneLine, plainAttribute, referenceName } from '../plain';
import { connectionSettings } from '../settings';
import { parseInteger } from '../values';
import type { CommonFlags } from './perform';

export interface ToldFlags extends CommonFlags {
  readonly max?: string;
}

/** Prints what the server tells, each on a line, without the key of what is put. */
export async function setEndpointRoleAction(flags: ToldFlags): Promise<void> {
  let left = flags.max === undefined ? Infinity : parseInteger(flags.max, '--max');
  if (left < 1) throw wrongUse('--max is at least 1');
  const told = await toldByServer(await clientOptions(await connectionSettings(flags, process.env)));
  process.stderr.write('The server tells what changes in the domain. Ctrl-C ends it.\n');
  for await (const one of told) {
    print(plainTold(one), flags, () => `${printable(lineOf(one))}\n`);
    if (--left <= 0) break;
  }
}

function lineOf(told: Told): string {
  const { operation, uniqueIdentifier, putFunction, objectType } = plainTold(told);
  if (told.operation === 'Put')
    return [operation, uniqueIdentifier, putFunction, objectType]
      .map((word) => oneLine(word ?? ''))
      .join(' ');
  const { changed, deleted } = told.request.attributes;
  const changes = changed
    .map(plainAttribute)
    .map(({ name, value }) => `${oneLine(name ?? '')}=${oneLine(value ?? '')}`);
  const losses = deleted.map((reference) => `without ${referenceName(reference)}`);
  return `${told.operation} ${told.request.uniqueIdentifier} ${[...changes, ...losses].join(', ')}`;
}

function plainTold({ operation, request }: Told): PlainRecord {
  const { uniqueIdentifier } = request;
  if (operation === 'Notify') {
    const { changed, deleted } = request.attributes;
    return {
      operation,
      uniqueIdentifier,
      changed: changed.map(plainAttribute),
      deleted: deleted.map(referenceName),
    };
  }
  const { replacedUniqueIdentifier: replaced, object, attributes } = request;
  return {
    operation,
    uniqueIdentifier,
    putFunction: putFunctionEnum.byValue.get(request.putFunction)?.key ?? '',
    ...(replaced === undefined ? {} : { replacedUniqueIdentifier: replaced }),
    objectType: objectTypeEnum.byValue.get(object.objectType)?.key ?? '',
    attributes: attributes.map(plainAttribute),
  };
}
