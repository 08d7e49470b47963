import { Command } from 'commander';
import {
  BatchErrorContinuationOption,
  ResultStatus,
  Tag,
  encodeRequest,
  operationEnum,
  batchErrorContinuationOptionEnum,
  type Dialect,
} from '@holdfast/kmip';
import { ItemType, type Item, type StructureItem } from '@holdfast/ttlv';
import { itemAt, itemsOf } from '../../conformance/expectation';
import { CommandFailure, ExitCode, wrongUse } from '../../exit';
import { withClient } from '../connect';
import { inputBytes } from '../input';
import { withConnectionOptions } from '../options';
import type { ConnectionFlags } from '../settings';
import { parseMember } from '../values';
import { itemText, parseItems } from './text';

interface BatchFlags extends ConnectionFlags {
  readonly json?: boolean;
  readonly continuation?: string;
}

type RequestParts = Parameters<typeof encodeRequest>[0];

/** A batch item as the file has it. @throws CommandFailure wrong use */
function batchItem(item: Item, index: number, dialect: Dialect): RequestParts['items'][number] {
  const operation = itemAt(item, Tag.Operation);
  if (operation?.type !== ItemType.Enumeration) throw wrongUse(`batch item ${index + 1} has no operation`);
  const payload = itemAt(item, Tag.RequestPayload);
  const id = itemAt(item, Tag.UniqueBatchItemID);
  const ephemeral = itemAt(item, Tag.Ephemeral);
  const isEphemeral = ephemeral?.type === ItemType.Boolean && ephemeral.value;
  if (isEphemeral && !dialect.knows({ since: '2.0' }))
    throw wrongUse(`there is no Ephemeral in KMIP ${dialect.name}`);
  const nothing: StructureItem = { tag: Tag.RequestPayload, type: ItemType.Structure, value: [] };
  return {
    operation: operation.value,
    ephemeral: isEphemeral,
    payload: payload?.type === ItemType.Structure ? payload : nothing,
    uniqueBatchItemID: id?.type === ItemType.ByteString ? id.value : Buffer.from([index >>> 8, index & 0xff]),
  };
}

/** Whole messages as they are, and batch items put together to one. */
function messagesOf(items: readonly Item[], parts: Omit<RequestParts, 'items'>): readonly Item[] {
  const whole = items.filter(({ tag }) => tag === Tag.RequestMessage);
  const single = items.filter(({ tag }) => tag === Tag.BatchItem);
  if (whole.length + single.length === 0) {
    throw wrongUse('there is no RequestMessage in it, and no BatchItem');
  }
  if (single.length === 0) return whole;
  const batch = single.map((item, index) => batchItem(item, index, parts.dialect));
  return [...whole, encodeRequest({ ...parts, items: batch })];
}

const GOOD: readonly number[] = [ResultStatus.Success, ResultStatus.OperationPending];

/** What became of one item of a response; undefined where it succeeded, or is to be carried out later. */
function failureOf(item: Item): string | undefined {
  const status = itemAt(item, Tag.ResultStatus);
  if (status?.type === ItemType.Enumeration && GOOD.includes(status.value)) return undefined;
  const operation = itemAt(item, Tag.Operation);
  const code = operation?.type === ItemType.Enumeration ? operation.value : 0;
  return operationEnum.byValue.get(code)?.name ?? 'the request';
}

async function batch(file: string, flags: BatchFlags): Promise<void> {
  const items = parseItems(await inputBytes({ file }, 'the batch'));
  const continuation =
    flags.continuation === undefined
      ? BatchErrorContinuationOption.Stop
      : (parseMember(
          batchErrorContinuationOptionEnum,
          flags.continuation,
          'Batch Error Continuation Option',
        ) as BatchErrorContinuationOption);
  const failures = await withClient(flags, async (client, { credentials = [], asynchronous }) => {
    const header = {
      credentials,
      asynchronousIndicator: asynchronous ?? 'prohibited',
      batchErrorContinuationOption: continuation,
      batchOrderOption: true,
    };
    const found: string[] = [];
    for (const message of messagesOf(items, { dialect: client.dialect, header })) {
      const answer = await client.exchange(message);
      process.stdout.write(`${itemText(answer, flags.json === true ? 'json' : 'xml')}\n`);
      const results = itemsOf(answer).filter(({ tag }) => tag === Tag.BatchItem);
      found.push(...results.flatMap((item) => failureOf(item) ?? []));
    }
    return found;
  });
  if (failures.length > 0) {
    throw new CommandFailure(ExitCode.Refused, `${failures.join(', ')}: not done`);
  }
}

/** `kmip batch`: sends what a file says, in one message. KMIP 1.4 section 7, KMIP 2.1 section 8. */
export function batchCommand(): Command {
  return withConnectionOptions(
    new Command('batch')
      .description('Send the batch items, or whole messages, of a file, and print the answers.')
      .argument('<file>', 'XML, JSON or TTLV; - for standard input')
      .option('--continuation <option>', 'after an item that fails: stop, continue or undo (default: stop)')
      .option('--json', 'print the answers in JSON instead of XML')
      .addHelpText(
        'after',
        `
Batch items (<BatchItem> within <KMIP>, in JSON an array of them) go out together, under a header with the version that
both sides speak; they can use what earlier ones made through the ID Placeholder. Whole messages (<RequestMessage>) are
sent as they are.

Examples:
  $ kmip batch rotate.xml
  $ kmip batch --continuation undo --json - < make-ten-keys.json
`,
      ),
  ).action(batch);
}
