import type { KmipClient } from '@holdfast/client';
import { getConstraints, query, setConstraints, setDefaults } from '@holdfast/core';
import {
  QueryFunction,
  isKnownAttribute,
  objectTypeEnum,
  type Attribute,
  type ObjectType,
  type ToldAttribute,
} from '@holdfast/kmip';
import { CommandFailure, ExitCode, wrongUse } from '../../exit';
import { withClient } from '../connect';
import { parseAttribute } from '../attribute-arguments';
import { print } from '../output';
import { oneLine } from '../plain';
import { parseMember } from '../values';
import { perform, type CommonFlags } from './perform';

export interface RuleFlags extends CommonFlags {
  readonly type?: readonly string[];
  readonly group?: readonly string[];
  readonly attribute?: readonly string[];
  readonly replace?: boolean;
}

interface Rule {
  readonly objectTypes: { readonly objectTypes: readonly ObjectType[] } | undefined;
  readonly objectGroups: { readonly objectGroups: readonly string[] } | undefined;
  readonly attributes: readonly Attribute[];
}

function ruleOf({ type = [], group = [], attribute = [] }: RuleFlags): Rule {
  const objectTypes = type.map((name) => parseMember(objectTypeEnum, name, 'Object Type') as ObjectType);
  return {
    objectTypes: objectTypes.length === 0 ? undefined : { objectTypes },
    objectGroups: group.length === 0 ? undefined : { objectGroups: group },
    attributes: attribute.map(parseAttribute),
  };
}

/** What the flags add to what there is. @throws CommandFailure wrong use, where they say nothing */
function addedRules(flags: RuleFlags): readonly Rule[] {
  const { attribute, replace, type, group } = flags;
  if (attribute !== undefined) return [ruleOf(flags)];
  if (replace === true && type === undefined && group === undefined) return [];
  throw wrongUse('there is no attribute to set', 'Use --attribute NAME=VALUE; --replace alone removes all.');
}

/** @throws CommandFailure, where some cannot be sent back as they came */
function allKnown(attributes: readonly ToldAttribute[]): readonly Attribute[] {
  const known = attributes.filter(isKnownAttribute);
  if (known.length === attributes.length) return known;
  const names = attributes.flatMap((each) => (isKnownAttribute(each) ? [] : [each.name]));
  throw new CommandFailure(
    ExitCode.Refused,
    `what is not known here would be lost with what is there already: ${names.join(', ')}`,
    { hint: '--replace puts what is given in the place of all of it.' },
  );
}

/** Adds a rule to those that there are, or replaces them all. */
export async function setConstraintsAction(flags: RuleFlags): Promise<void> {
  const added = addedRules(flags);
  await withClient(flags, async (client) => {
    const there =
      flags.replace === true ? [] : (await client.call(getConstraints, {})).constraints.constraints;
    const kept = there.map((each) => ({
      ...each,
      attributes: each.attributes && allKnown(each.attributes),
    }));
    await client.call(setConstraints, { constraints: { constraints: [...kept, ...added] } });
    print({}, flags, () => 'Set.\n');
  });
}

export async function getConstraintsAction(flags: CommonFlags): Promise<void> {
  await perform(getConstraints, {}, flags, ({ constraints }) => {
    const text = oneLine(constraints ?? null);
    return text === '' ? 'Nothing is demanded.\n' : `${text}\n`;
  });
}

async function defaultsThere(client: KmipClient) {
  const queryFunctions = [QueryFunction.QueryDefaultsInformation];
  const { defaultsInformation } = await client.call(query, { queryFunctions });
  return defaultsInformation?.objectDefaults ?? [];
}

/** Adds defaults to those that there are, or replaces them all. */
export async function setDefaultsAction(flags: RuleFlags): Promise<void> {
  const added = addedRules(flags);
  await withClient(flags, async (client) => {
    const there = flags.replace === true ? [] : await defaultsThere(client);
    const kept = there.map((each) => ({ ...each, attributes: allKnown(each.attributes) }));
    const objectDefaults = [...added, ...kept];
    const request = objectDefaults.length === 0 ? {} : { defaultsInformation: { objectDefaults } };
    await client.call(setDefaults, request);
    print({}, flags, () => 'Set.\n');
  });
}
