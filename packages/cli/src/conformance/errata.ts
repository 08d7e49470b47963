import { ItemType } from '@holdfast/ttlv';
import { Tag } from '@holdfast/kmip';
import type { Expectation } from './expectation';
import type { TestCase } from './test-case';

/** A value that a published test case prints wrongly. */
interface Erratum {
  readonly testCase: string;
  /** Counted from 0. */
  readonly exchange: number;
  /** Tags from the Response Message down. */
  readonly path: readonly number[];
  readonly printed: number;
  readonly meant: number;
  readonly reason: string;
}

/** Slips of the published cases that contradict the specification. */
export const ERRATA: readonly Erratum[] = [
  {
    testCase: 'OMOS-O-1-14',
    exchange: 1,
    path: [Tag.ResponseHeader, Tag.ProtocolVersion, Tag.ProtocolVersionMinor],
    printed: 3,
    meant: 4,
    reason: 'A response has the version of its request (KMIP 1.4 section 6.1).',
  },
];

function mend(expectation: Expectation, [tag, ...rest]: readonly number[], erratum: Erratum): Expectation {
  if (tag !== undefined) {
    if (expectation.kind !== 'structure') return expectation;
    const children = expectation.children.map((child) =>
      child.tag === tag ? mend(child, rest, erratum) : child,
    );
    return { ...expectation, children };
  }
  if (expectation.kind !== 'literal' || expectation.item.type !== ItemType.Integer) return expectation;
  if (expectation.item.value !== erratum.printed) return expectation;
  return { ...expectation, item: { ...expectation.item, value: erratum.meant } };
}

/** The case as it is meant. */
export function corrected(testCase: TestCase): TestCase {
  const errata = ERRATA.filter((erratum) => erratum.testCase === testCase.name);
  if (errata.length === 0) return testCase;
  const exchanges = testCase.exchanges.map((exchange, index) => {
    const response = errata
      .filter((erratum) => erratum.exchange === index)
      .reduce<Expectation>((found, erratum) => mend(found, erratum.path, erratum), exchange.response);
    return response.kind === 'structure' ? { ...exchange, response } : exchange;
  });
  return { ...testCase, exchanges };
}
