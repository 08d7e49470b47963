import { Tag } from '@holdfast/kmip';
import { ItemType, type Item } from '@holdfast/ttlv';
import { walk, type Expectation, type LeafItem } from '../src/conformance/expectation';
import { sameValue } from '../src/conformance/memory';
import type { TestCase } from '../src/conformance/test-case';

/** A test case with one expectation that is not true of the recorded answers. */
export interface Mutation {
  readonly kind: 'status' | 'reason' | 'dropped' | 'altered' | 'identifier' | 'date';
  readonly testCase: TestCase;
}

type Path = readonly number[];

/** Puts another expectation, or none, in the place of one. */
function replaced(expectation: Expectation, path: Path, by: Expectation | undefined): Expectation {
  const [index, ...rest] = path;
  if (index === undefined || expectation.kind !== 'structure') throw new Error('the path leads nowhere');
  const children = expectation.children.flatMap((child, at) => {
    if (at !== index) return [child];
    return rest.length > 0 ? [replaced(child, rest, by)] : by === undefined ? [] : [by];
  });
  return { ...expectation, children };
}

function* places(expectation: Expectation, path: Path = []): Generator<readonly [Expectation, Path]> {
  if (path.length > 0) yield [expectation, path];
  if (expectation.kind !== 'structure') return;
  for (const [index, child] of expectation.children.entries()) yield* places(child, [...path, index]);
}

function otherValue(item: LeafItem): LeafItem {
  switch (item.type) {
    case ItemType.Integer:
    case ItemType.Enumeration:
    case ItemType.Interval:
      return { ...item, value: item.value + 1 };
    case ItemType.Boolean:
      return { ...item, value: !item.value };
    case ItemType.TextString:
      return { ...item, value: `${item.value}x` };
    case ItemType.ByteString: {
      const value = Buffer.from(item.value.length === 0 ? [0] : item.value);
      value.writeUInt8(value.readUInt8(value.length - 1) ^ 1, value.length - 1);
      return { ...item, value };
    }
    default:
      return { ...item, value: item.value + 86_400n };
  }
}

/** What the answer does not hold although it conforms is an example: the server makes such values. */
function isExample(item: LeafItem, answer: Item): boolean {
  return ![...walk(answer)].some(
    (found) =>
      found.type !== ItemType.Structure && found.tag === item.tag && sameValue(found.value, item.value),
  );
}

const DAY_SECONDS = 86_400;

function alteration(
  expectation: Expectation,
  answer: Item,
): readonly [kind: Mutation['kind'], Expectation] | undefined {
  switch (expectation.kind) {
    case 'structure':
      return undefined;
    case 'moment':
      return ['date', { ...expectation, offsetSeconds: expectation.offsetSeconds + DAY_SECONDS }];
    case 'variable':
      return ['identifier', { ...expectation, name: 'UNIQUE_IDENTIFIER_4711' }];
    case 'literal': {
      const { tag, item } = expectation;
      if (isExample(item, answer)) return undefined;
      const kind = tag === Tag.ResultStatus ? 'status' : tag === Tag.ResultReason ? 'reason' : 'altered';
      return [kind, { ...expectation, item: otherValue(item) }];
    }
  }
}

/** Every expectation of a case changed, and every part of a payload dropped, one at a time. */
export function* mutationsOf(testCase: TestCase, answers: readonly Item[]): Generator<Mutation> {
  for (const [index, exchange] of testCase.exchanges.entries()) {
    const answer = answers[index];
    if (answer === undefined) return;
    const mutated = (path: Path, by: Expectation | undefined): TestCase => {
      const response = replaced(exchange.response, path, by);
      if (response.kind !== 'structure') throw new Error('a response is a structure');
      return { ...testCase, exchanges: testCase.exchanges.with(index, { ...exchange, response }) };
    };
    for (const [expectation, path] of places(exchange.response)) {
      const altered = alteration(expectation, answer);
      if (altered !== undefined) yield { kind: altered[0], testCase: mutated(path, altered[1]) };
      const isInPayload = path.length > 2;
      if (isInPayload && expectation.tag !== Tag.ResultMessage && expectation.kind !== 'moment') {
        yield { kind: 'dropped', testCase: mutated(path, undefined) };
      }
    }
  }
}
