import { createHash } from 'node:crypto';
import type { ConnectionOptions } from 'node:tls';
import { get, getAttributes } from '@holdfast/core';
import { ResultStatus, decodeResponse } from '@holdfast/kmip';
import { decodeTtlv, encodeTtlv } from '@holdfast/ttlv';
import { LoadGenerator } from '../bench/load';
import { REGISTER_DIALECT, keyNumber, requestBytes } from '../bench/requests';

const BATCH_ITEMS = 100;

/** The bytes of each answer, in order. @throws Error where the server refuses one */
function payloadsOf(response: Buffer): readonly Buffer[] {
  return decodeResponse(decodeTtlv(response)).items.map(({ resultStatus, resultMessage, payload }) => {
    if (resultStatus !== ResultStatus.Success || payload === undefined) {
      throw new Error(`the server refused to show an object: ${resultMessage ?? 'no message'}`);
    }
    return encodeTtlv(payload);
  });
}

/**
 * What a client sees of each object: SHA-256 of the answers to Get and then Get Attributes (the first Get of a key changes
 * Fresh), by unique identifier.
 * @param known keys that were registered by number: their bytes have to be those
 */
export async function contentsOf(
  options: ConnectionOptions,
  identifiers: readonly string[],
  known: ReadonlyMap<string, number>,
): Promise<ReadonlyMap<string, string>> {
  const contents = new Map<string, string>();
  const generator = await LoadGenerator.connect(options, 1);
  const answers = async (request: Buffer): Promise<readonly Buffer[]> => {
    let payloads: readonly Buffer[] = [];
    await generator.run(
      { request: () => request, check: (response) => (payloads = payloadsOf(response)) },
      0,
    );
    return payloads;
  };
  try {
    for (let from = 0; from < identifiers.length; from += BATCH_ITEMS) {
      const page = identifiers.slice(from, from + BATCH_ITEMS);
      const values = await answers(
        requestBytes(
          get,
          page.map((uniqueIdentifier) => ({ uniqueIdentifier })),
          REGISTER_DIALECT,
        ),
      );
      const all = page.map((uniqueIdentifier) => ({ uniqueIdentifier, attributeReferences: [] }));
      const attributes = await answers(requestBytes(getAttributes, all, REGISTER_DIALECT));
      for (const [index, uniqueIdentifier] of page.entries()) {
        const [value, said] = [values[index], attributes[index]];
        if (value === undefined || said === undefined) throw new Error('an answer is missing');
        const number = known.get(uniqueIdentifier);
        if (number !== undefined && !value.includes(keyNumber(number))) {
          throw new Error(`key ${number} came back as something else`);
        }
        contents.set(uniqueIdentifier, createHash('sha256').update(value).update(said).digest('hex'));
      }
    }
  } finally {
    generator.close();
  }
  return contents;
}
