import type { KmipClient } from '@holdfast/client';
import { getAttributes, revoke } from '@holdfast/core';
import {
  LinkType,
  RevocationReasonCode,
  type Attribute,
  type AttributeKey,
  type AttributeValue,
} from '@holdfast/kmip';
import { newKey } from '../custody/site';
import { until } from '../support/until';

/** Objects that the server rotates by itself. */

/** What a client asks for it with. */
export const rotatedEvery = (seconds: number): readonly Attribute[] => [
  { key: 'RotateAutomatic', value: true },
  { key: 'RotateInterval', value: seconds },
];

/** An AES key, Active from now on. */
export function createRotated(
  client: KmipClient,
  seconds: number,
  ...attributes: readonly Attribute[]
): Promise<string> {
  const activationDate = Math.floor(Date.now() / 1000) - 60;
  return newKey(
    client,
    { key: 'ActivationDate', value: activationDate },
    ...rotatedEvery(seconds),
    ...attributes,
  );
}

export async function instancesOf<K extends AttributeKey>(
  client: KmipClient,
  uniqueIdentifier: string,
  key: K,
): Promise<readonly AttributeValue<K>[]> {
  const attributeReferences = [{ key } as { readonly key: 'Comment' }];
  const answer = await client.call(getAttributes, { uniqueIdentifier, attributeReferences });
  return answer.attributes.map(({ value }) => value as AttributeValue<K>);
}

export async function valueOf<K extends AttributeKey>(
  client: KmipClient,
  uniqueIdentifier: string,
  key: K,
): Promise<AttributeValue<K> | undefined> {
  return (await instancesOf(client, uniqueIdentifier, key))[0];
}

/** What an object links to, by the type of the Link. */
export async function linked(
  client: KmipClient,
  uniqueIdentifier: string,
  linkType: LinkType,
): Promise<string | undefined> {
  const links = await instancesOf(client, uniqueIdentifier, 'Link');
  const link = links.find((each) => each.linkType === linkType);
  return link?.linkedObjectIdentifier as string | undefined;
}

/** The identifiers of an object and of all that replaced it, one after the other, once there are so many. */
export async function chainOf(client: KmipClient, first: string, length: number): Promise<readonly string[]> {
  const chain = [first];
  await until(
    async () => {
      const next = await linked(client, chain.at(-1) ?? '', LinkType.ReplacementObjectLink);
      if (next !== undefined) chain.push(next);
      return chain.length >= length;
    },
    `the object is replaced ${length - 1} times`,
  );
  return chain;
}

/** Revokes what a chain ends with, which ends its rotation. @returns the last one */
export async function endChain(
  client: KmipClient,
  somewhere: string,
  revocationReasonCode: RevocationReasonCode = RevocationReasonCode.CessationOfOperation,
): Promise<string> {
  let last = somewhere;
  await until(async () => {
    for (let next: string | undefined = last; next !== undefined;) {
      last = next;
      next = await linked(client, last, LinkType.ReplacementObjectLink);
    }
    if ((await valueOf(client, last, 'RevocationReason')) !== undefined) return true;
    await client.call(revoke, { uniqueIdentifier: last, revocationReason: { revocationReasonCode } });
    return false;
  }, 'the chain ends');
  return last;
}
