import { Command } from 'commander';
import { operations, type OperationDefinition } from '@holdfast/core';
import {
  DIALECTS,
  attributeDefinitions,
  objectTypeEnum,
  operationEnum,
  stateEnum,
  tagName,
  type AnyAttributeDefinition,
  type Codec,
  type Field,
  type Window,
} from '@holdfast/kmip';
import { ItemType } from '@holdfast/ttlv';
import { buildProgram as buildHoldfast } from '../../packages/cli/src/holdfast/program';
import { buildProgram as buildKmip } from '../../packages/cli/src/kmip/program';

/** The reference pages, made of the registry that the server runs on. */

const HELP_WIDTH = 110;
const MADE = '<!-- Made by "npm run reference" from the sources: do not edit. -->';

const FIRST = DIALECTS[0]?.name ?? '';
const LAST = DIALECTS[DIALECTS.length - 1]?.name ?? '';

function versionsOf(names: readonly string[]): string {
  const indexes = names.map((name) => DIALECTS.findIndex((dialect) => dialect.name === name));
  const [from = '', to = ''] = [names[0], names[names.length - 1]];
  const isRun = indexes.every((index, at) => at === 0 || index === (indexes[at - 1] ?? 0) + 1);
  if (!isRun) return names.join(', ');
  if (from === to) return from;
  return from === FIRST && to === LAST ? 'all' : to === LAST ? `since ${from}` : `${from} to ${to}`;
}

function versionsIn(window: Window): string {
  return versionsOf(DIALECTS.filter((dialect) => dialect.knows(window)).map(({ name }) => name));
}

function sectionText({ v1, v2 }: { readonly v1?: string; readonly v2?: string }): string {
  return [v1 === undefined ? '' : `KMIP 1.4 section ${v1}`, v2 === undefined ? '' : `KMIP 2.1 section ${v2}`]
    .filter((text) => text !== '')
    .join(', ');
}

function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Empty where it is not always the same. */
function typeText(codec: Codec<unknown> | undefined): string {
  const { type, table: names } = codec ?? {};
  const name = Object.entries(ItemType).find(([, value]) => value === type)?.[0] ?? '';
  const spaced = name.replace(/([a-z])([A-Z])/g, '$1 $2');
  return names === undefined ? spaced : `${spaced} (${names.name})`;
}

/** A field's rows: one for each tag that it has in some version. */
function fieldRows(field: Field<unknown>, window: Window): string[][] {
  const byTag = new Map<number, string[]>();
  for (const dialect of DIALECTS.filter((each) => each.knows(window))) {
    for (const tag of field.tagsIn(dialect)) byTag.set(tag, [...(byTag.get(tag) ?? []), dialect.name]);
  }
  const occurs = field.isRepeated ? 'any number' : field.isOptional ? 'optional' : 'required';
  return [...byTag].map(([tag, names]) => [
    tagName(tag),
    tag === field.tag ? typeText(field.codec) : 'Structure',
    field.mayBeEmpty === true && occurs === 'required' ? 'optional' : occurs,
    versionsOf(names),
  ]);
}

function payloadText(fields: Readonly<Record<string, Field<unknown>>>, window: Window): string {
  const rows = Object.values(fields).flatMap((field) => fieldRows(field, window));
  return rows.length === 0 ? 'Nothing.' : table(['item', 'type', 'occurs', 'versions'], rows);
}

const names = (
  values: readonly number[] | undefined,
  of: typeof objectTypeEnum | typeof stateEnum,
): string =>
  values === undefined
    ? 'any'
    : values.map((value) => of.byValue.get(value)?.name ?? String(value)).join(', ');

const printedName = ({ code, name }: OperationDefinition): string =>
  operationEnum.byValue.get(code)?.name ?? name;

const byName = (one: OperationDefinition, other: OperationDefinition): number =>
  printedName(one).localeCompare(printedName(other), 'en');

function operationText(operation: OperationDefinition): string {
  const { code, window, section, request, response, access, objectTypes, states, reasons } = operation;
  const facts = table(
    ['', ''],
    [
      ['code', `0x${code.toString(16).padStart(8, '0')}`],
      ['versions', versionsIn(window)],
      ['specified in', sectionText(section)],
      ['access', access ?? 'touches no object'],
      ['object types', access === undefined ? '' : names(objectTypes, objectTypeEnum)],
      ['states', access === undefined ? '' : names(states, stateEnum)],
      ['reasons of refusal', [...reasons].sort().join(', ')],
    ].filter(([, text]) => text !== ''),
  );
  return `## ${printedName(operation)}

${facts}

Request:

${payloadText(request.fields, window)}

Response:

${payloadText(response.fields, window)}
`;
}

function operationsPage(): string {
  const sorted = [...operations].sort(byName);
  const rows = sorted.map((operation) => [
    `[${printedName(operation)}](#${printedName(operation)
      .toLowerCase()
      .replaceAll(' ', '-')
      .replace(/[^a-z0-9-]/g, '')})`,
    versionsIn(operation.window),
    operation.access ?? '',
  ]);
  return `${MADE}

# Operations

What the server has. Reasons stand under their names of KMIP 2.1; earlier versions get the one that they list.

${table(['operation', 'versions', 'access'], rows)}

${sorted.map(operationText).join('\n')}`;
}

function attributeRow(definition: AnyAttributeDefinition): string[] {
  const { name, tag, codec, multiple, setBy, modifiableByClient, deletableByClient, appliesTo } = definition;
  const setters = [...(setBy.client ? ['client'] : []), ...(setBy.server ? ['server'] : [])].join(', ');
  return [
    name,
    tag.toString(16),
    typeText(codec),
    versionsIn(definition),
    multiple ? 'several' : 'one',
    definition.statedOnCreation && !setBy.client ? `${setters} (stated on creation)` : setters,
    modifiableByClient,
    deletableByClient,
    appliesTo.length === objectTypeEnum.byValue.size ? 'all' : names(appliesTo, objectTypeEnum),
    [definition.section.v1, definition.section.v2].filter(Boolean).join(' / '),
  ];
}

function attributesPage(): string {
  return `${MADE}

# Attributes

Changing and deleting is meant by clients. Sections are of KMIP 1.4 and of 2.1.

${table(
  [
    'attribute',
    'tag',
    'type',
    'versions',
    'values',
    'set by',
    'modified',
    'deleted',
    'object types',
    'sections',
  ],
  [...attributeDefinitions].map(attributeRow),
)}
`;
}

function commandTexts(command: Command, path: string): string[] {
  if (command.commands.length > 0) {
    return command.commands.flatMap((child) => commandTexts(child, `${path} ${child.name()}`));
  }
  const text: string[] = [];
  command.configureOutput({
    writeOut: (part) => void text.push(part),
    getOutHelpWidth: () => HELP_WIDTH,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return [`## ${path}\n\n\`\`\`\n${text.join('').trim()}\n\`\`\`\n`];
}

/** The options that say where to connect to, which most commands of `kmip` have. */
const CONNECTION = /^Connection:\n(?: .*\n)+\n?/m;

function commandPage(program: Command): string {
  const name = program.name();
  const commands = program.commands.filter((command) => command.name() !== 'help');
  const texts = commands.flatMap((command) => commandTexts(command, `${name} ${command.name()}`));
  const connection = texts.map((text) => CONNECTION.exec(text)?.[0]).find(Boolean);
  return `${MADE}

# ${name}

${program.description()}
${connection === undefined ? '' : `\nEvery command that talks to a server has these options:\n\n\`\`\`\n${connection.trim()}\n\`\`\`\n`}
${texts.map((text) => text.replace(CONNECTION, '')).join('\n')}`;
}

function indexPage(): string {
  return `${MADE}

# Reference

- [Operations](operations.md): payloads, versions, states, reasons
- [Attributes](attributes.md): types, versions, who may set and change them
- [holdfast](holdfast.md): the commands that run and administer a node
- [kmip](kmip.md): the commands that talk KMIP
`;
}

/** The text of each page, by the name of its file. */
export function referencePages(): Readonly<Record<string, string>> {
  return {
    'README.md': indexPage(),
    'operations.md': operationsPage(),
    'attributes.md': attributesPage(),
    'holdfast.md': commandPage(buildHoldfast()),
    'kmip.md': commandPage(buildKmip()),
  };
}
