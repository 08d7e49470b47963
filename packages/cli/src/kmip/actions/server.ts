import { discoverVersions, interop, log, ping, pkcs11, query } from '@holdfast/core';
import {
  QueryFunction,
  interopFunctionEnum,
  queryFunctionEnum,
  type Dialect,
  type InteropFunction,
} from '@holdfast/kmip';
import { wrongUse } from '../../exit';
import { withClient } from '../connect';
import { label, print, type PlainRecord } from '../output';
import { oneLine, plainStructure, type Plain } from '../plain';
import { parseHexBytes, parseInteger, parseMember } from '../values';
import { perform, type CommonFlags } from './perform';
import { table } from '../../table';

function isList(value: Plain): value is readonly Plain[] {
  return Array.isArray(value);
}

function versionsTable({ protocolVersions }: PlainRecord): string {
  const versions = isList(protocolVersions ?? null) ? (protocolVersions as readonly Plain[]) : [];
  const numbers = versions.map((version) => {
    const { protocolVersionMajor, protocolVersionMinor } = version as PlainRecord;
    return [`${oneLine(protocolVersionMajor ?? '')}.${oneLine(protocolVersionMinor ?? '')}`];
  });
  return table(['VERSION'], numbers);
}

export async function discoverVersionsAction(flags: CommonFlags): Promise<void> {
  await perform(discoverVersions, { protocolVersions: [] }, flags, versionsTable);
}

export interface QueryFlags extends CommonFlags {
  readonly function?: readonly string[];
  readonly all?: boolean;
}

const USUAL = [
  QueryFunction.QueryServerInformation,
  QueryFunction.QueryOperations,
  QueryFunction.QueryObjects,
] as const;

/** A heading for each list, its values indented below; single values beside their label. */
function sections(value: PlainRecord): string {
  const rows = Object.entries(value).flatMap(([member, content]) => {
    const lines = (isList(content) ? content : [content]).map(oneLine).filter((line) => line !== '');
    return lines.map((line, index) => [index === 0 ? label(member) : '', line]);
  });
  return table(['WHAT', 'VALUE'], rows);
}

export async function queryAction(flags: QueryFlags): Promise<void> {
  const named = (flags.function ?? []).map((name) => functionNamed(name));
  await withClient(flags, async (client) => {
    const known = [...queryFunctionEnum.byValue.values()].filter((entry) => client.dialect.knows(entry));
    refuseLaterFunctions(named, client.dialect);
    const asked = flags.all === true ? known.map(({ value }) => value) : named.length > 0 ? named : USUAL;
    const response = await client.call(query, { queryFunctions: asked });
    print(plainStructure(query.response.fields, response), flags, sections);
  });
}

/** Servers answer functions of later versions with nothing. @throws CommandFailure wrong use */
function refuseLaterFunctions(named: readonly number[], dialect: Dialect): void {
  for (const value of named) {
    const entry = queryFunctionEnum.byValue.get(value);
    if (entry === undefined || dialect.knows(entry)) continue;
    throw wrongUse(
      `there is no ${entry.name} in KMIP ${dialect.name}`,
      'Another --kmip-version may have it.',
    );
  }
}

/** With or without the "Query" that all their names begin with. */
function functionNamed(name: string): number {
  return parseMember(queryFunctionEnum, /^query/i.test(name) ? name : `Query${name}`, 'Query Function');
}

export async function interopAction(
  interopFunction: string,
  interopIdentifier: string,
  flags: CommonFlags,
): Promise<void> {
  await perform(
    interop,
    {
      interopFunction: parseMember(
        interopFunctionEnum,
        interopFunction,
        'Interop Function',
      ) as InteropFunction,
      interopIdentifier,
    },
    flags,
  );
}

export async function pingAction(flags: CommonFlags): Promise<void> {
  await perform(ping, {}, flags, () => 'The server answers.\n');
}

export async function logAction(logMessage: string, flags: CommonFlags): Promise<void> {
  await perform(log, { logMessage }, flags, () => 'Logged.\n');
}

export interface Pkcs11Flags extends CommonFlags {
  readonly correlation?: string;
  readonly input?: string;
}

export async function pkcs11Action(number: string, flags: Pkcs11Flags): Promise<void> {
  const { correlation, input } = flags;
  const request = {
    pkcs11Function: parseInteger(number, 'the function'),
    correlationValue: correlation === undefined ? undefined : parseHexBytes(correlation, '--correlation'),
    inputParameters: input === undefined ? undefined : parseHexBytes(input, '--input'),
  };
  await perform(pkcs11, request, flags);
}
