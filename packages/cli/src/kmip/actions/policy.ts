import { getConstraints, query, setConstraints, setDefaults } from '@holdfast/core';
import { QueryFunction, objectTypeEnum, type Attribute, type ObjectType } from '@holdfast/kmip';
import { wrongUse } from '../../exit';
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

/** Adds a rule to those that there are, or replaces them all. */
export async function setConstraintsAction(flags: RuleFlags): Promise<void> {
  const added = addedRules(flags);
  await withClient(flags, async (client) => {
    const kept =
      flags.replace === true ? [] : (await client.call(getConstraints, {})).constraints.constraints;
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

/** Adds defaults to those that there are, or replaces them all. */
export async function setDefaultsAction(flags: RuleFlags): Promise<void> {
  const added = addedRules(flags);
  await withClient(flags, async (client) => {
    const { defaultsInformation } = await client.call(query, {
      queryFunctions: [QueryFunction.QueryDefaultsInformation],
    });
    const kept = flags.replace === true ? [] : (defaultsInformation?.objectDefaults ?? []);
    const objectDefaults = [...added, ...kept];
    const request = objectDefaults.length === 0 ? {} : { defaultsInformation: { objectDefaults } };
    await client.call(setDefaults, request);
    print({}, flags, () => 'Set.\n');
  });
}
