import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { KmipClient, KmipRefusal } from '@holdfast/client';
import { SecretBytes, addAttribute, create, get, locate } from '@holdfast/core';
import { NameType, ObjectType } from '@holdfast/kmip';
import { aesAttributes, keyNumber } from '../bench/requests';
import type { Node } from './node';

const CONNECTIONS_PER_NODE = 3;
const LOOK_AGAIN_MS = 50;

export interface ClientReport {
  readonly calls: number;
  /** Connections that broke since their node was killed or restarted. */
  readonly broken: number;
  /** All else that clients were told or saw. */
  readonly faults: readonly string[];
}

/** Clients of several nodes that make, change, find and read keys, one call after the other, until they are stopped. */
export class Clients {
  #calls = 0;
  #broken = 0;
  readonly #faults: string[] = [];
  #goesOn = true;
  readonly #lines: readonly Promise<void>[];

  /** @param identifiers of the keys that were registered before, by number */
  constructor(
    nodes: readonly Node[],
    private readonly credentials: Node,
    private readonly identifiers: readonly string[],
  ) {
    this.#lines = nodes.flatMap((node) =>
      Array.from({ length: CONNECTIONS_PER_NODE }, () => this.#line(node)),
    );
  }

  get calls(): number {
    return this.#calls;
  }

  async stop(): Promise<ClientReport> {
    this.#goesOn = false;
    await Promise.all(this.#lines);
    return { calls: this.#calls, broken: this.#broken, faults: this.#faults };
  }

  /** A client that connects again where its node was taken away from it. */
  async #line(node: Node): Promise<void> {
    while (this.#goesOn) {
      if (node.isDown()) {
        await delay(LOOK_AGAIN_MS);
        continue;
      }
      let client: KmipClient | undefined;
      try {
        client = await KmipClient.connect({ ...node.connection(this.credentials), version: '2.1' });
        while (this.#goesOn) await this.#turn(client);
      } catch (error) {
        if (node.isDown() && !(error instanceof KmipRefusal)) this.#broken++;
        else this.#faults.push(`${node.name}: ${String(error)}`);
      } finally {
        await client?.close().catch(() => undefined);
      }
    }
  }

  async #turn(client: KmipClient): Promise<void> {
    const name = randomUUID();
    const { attributes } = aesAttributes(name);
    const { uniqueIdentifier } = await client.call(create, {
      objectType: ObjectType.SymmetricKey,
      newAttributes: { templateNames: [], attributes },
    });
    this.#calls++;
    const newAttribute = { key: 'Comment', value: name } as const;
    await client.call(addAttribute, { uniqueIdentifier, newAttribute });
    this.#calls++;
    await client.call(get, { uniqueIdentifier });
    this.#calls++;
    const nameValue = { nameValue: name, nameType: NameType.UninterpretedTextString };
    const found = await client.call(locate, { attributes: [{ key: 'Name', value: nameValue }] });
    if (found.uniqueIdentifiers.join() !== uniqueIdentifier) this.#faults.push(`${name} was not found`);
    this.#calls++;
    await this.#readKnown(client, Math.floor(Math.random() * this.identifiers.length));
    this.#calls++;
  }

  async #readKnown(client: KmipClient, number: number): Promise<void> {
    const { object } = await client.call(get, { uniqueIdentifier: this.identifiers[number] });
    const value = 'keyBlock' in object ? object.keyBlock.keyValue : undefined;
    const bytes = value !== undefined && 'keyMaterial' in value ? value.keyMaterial : undefined;
    if (!(bytes instanceof SecretBytes) || !bytes.equals(SecretBytes.copyOf(keyNumber(number)))) {
      this.#faults.push(`key ${number} came back as something else`);
    }
  }
}
