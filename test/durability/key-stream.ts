import { KmipRefusal, type KmipClient } from '@holdfast/client';
import { create, createKeyPair, get } from '@holdfast/core';
import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  NameType,
  ObjectType,
  RecommendedCurve,
  type Attribute,
  type NewAttributes,
} from '@holdfast/kmip';
import type { ServerProcess } from '@holdfast/testkit';
import { connectFirstClient } from '../support/client';

/** A key that a stream asked for, under a name that nothing else has. */
export interface WantedKey {
  readonly name: string;
  readonly objectType: ObjectType;
  /** The name of the other half of a pair. */
  readonly otherHalf: string | undefined;
}
export interface AcknowledgedKey extends WantedKey {
  readonly uniqueIdentifier: string;
}

const CONNECTIONS = 4;
/** Requests under way on each connection. */
const IN_FLIGHT = 2;
/** One request in so many makes a key pair. */
const PAIR_EVERY = 4;
const RECONNECT_MS = 20;

export const KEY_LENGTH_BITS = 256;

function attributes(...list: readonly Attribute[]): NewAttributes {
  return { templateNames: [], attributes: list };
}

function nameOf(nameValue: string): Attribute {
  return { key: 'Name', value: { nameValue, nameType: NameType.UninterpretedTextString } };
}

/** How often a key was asked for, and how often it was given out. */
export interface Reads {
  asked: number;
  answered: number;
}

/** Connections that create keys and key pairs, and read them, without pause until they are told to stop. */
export class KeyStream {
  readonly acknowledged: AcknowledgedKey[] = [];
  /** Asked for, but never answered: each is there altogether, or not at all. */
  readonly unanswered: WantedKey[] = [];
  /** By unique identifier. */
  readonly reads = new Map<string, Reads>();
  readonly refusals: KmipRefusal[] = [];
  /** Connections that broke although nobody had told the stream to stop. */
  lostConnections = 0;
  #stopped = false;
  #count = 0;
  readonly #workers: Promise<void>[];

  /** @param group becomes part of each name, and the Object Group of each key */
  constructor(
    private readonly server: ServerProcess,
    readonly group: string,
  ) {
    this.#workers = Array.from({ length: CONNECTIONS }, () => this.#work());
  }

  /** Lets what is under way finish, or fail. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#workers);
  }

  /** Connects again for as long as there is somebody to connect to. */
  async #work(): Promise<void> {
    while (!this.#stopped) {
      let client: KmipClient;
      try {
        client = await connectFirstClient(this.server);
      } catch {
        await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
        continue;
      }
      const ended = await Promise.all(Array.from({ length: IN_FLIGHT }, () => this.#ask(client)));
      if (ended.includes('broken')) this.lostConnections++;
      await client.close();
    }
  }

  async #ask(client: KmipClient): Promise<'stopped' | 'broken'> {
    while (!this.#stopped) {
      const number = this.#count++;
      const isPair = number % PAIR_EVERY === 0;
      const wanted = isPair ? this.#pair(number) : this.#key(number);
      try {
        const identifiers = await (isPair
          ? this.#createPair(client, wanted)
          : this.#createKey(client, wanted));
        wanted.forEach((key, index) =>
          this.acknowledged.push({ ...key, uniqueIdentifier: identifiers[index] ?? '' }),
        );
      } catch (error) {
        // The server may say that it does not know itself what became of the request.
        this.unanswered.push(...wanted);
        if (!(error instanceof KmipRefusal)) return 'broken';
        this.refusals.push(error);
      }
      if (!(await this.#read(client))) return 'broken';
    }
    return 'stopped';
  }

  /** Gets one of the keys that were made: for some of them it is the first time, which is a change. */
  async #read(client: KmipClient): Promise<boolean> {
    const key = this.acknowledged[Math.floor(Math.random() * this.acknowledged.length)];
    if (key === undefined) return true;
    const { uniqueIdentifier } = key;
    const reads = this.reads.get(uniqueIdentifier) ?? { asked: 0, answered: 0 };
    this.reads.set(uniqueIdentifier, reads);
    reads.asked++;
    try {
      await client.call(get, { uniqueIdentifier });
      reads.answered++;
    } catch (error) {
      if (!(error instanceof KmipRefusal)) return false;
      this.refusals.push(error);
    }
    return true;
  }

  #key(number: number): readonly WantedKey[] {
    return [{ name: `${this.group}-${number}`, objectType: ObjectType.SymmetricKey, otherHalf: undefined }];
  }

  #pair(number: number): readonly WantedKey[] {
    const [one, other] = [`${this.group}-${number}-private`, `${this.group}-${number}-public`];
    return [
      { name: one, objectType: ObjectType.PrivateKey, otherHalf: other },
      { name: other, objectType: ObjectType.PublicKey, otherHalf: one },
    ];
  }

  async #createKey(client: KmipClient, [key]: readonly WantedKey[]): Promise<readonly string[]> {
    const { uniqueIdentifier } = await client.call(create, {
      objectType: ObjectType.SymmetricKey,
      newAttributes: attributes(
        { key: 'CryptographicAlgorithm', value: CryptographicAlgorithm.AES },
        { key: 'CryptographicLength', value: KEY_LENGTH_BITS },
        {
          key: 'CryptographicUsageMask',
          value: CryptographicUsageMask.Encrypt | CryptographicUsageMask.Decrypt,
        },
        { key: 'ObjectGroup', value: this.group },
        nameOf(key?.name ?? ''),
      ),
    });
    return [uniqueIdentifier];
  }

  async #createPair(client: KmipClient, [one, other]: readonly WantedKey[]): Promise<readonly string[]> {
    const { privateKeyUniqueIdentifier, publicKeyUniqueIdentifier } = await client.call(createKeyPair, {
      commonAttributes: attributes(
        { key: 'CryptographicAlgorithm', value: CryptographicAlgorithm.EC },
        {
          key: 'CryptographicDomainParameters',
          value: { recommendedCurve: RecommendedCurve.P_256 },
        },
        { key: 'ObjectGroup', value: this.group },
      ),
      privateKeyAttributes: attributes(
        { key: 'CryptographicUsageMask', value: CryptographicUsageMask.Sign },
        nameOf(one?.name ?? ''),
      ),
      publicKeyAttributes: attributes(
        { key: 'CryptographicUsageMask', value: CryptographicUsageMask.Verify },
        nameOf(other?.name ?? ''),
      ),
    });
    return [privateKeyUniqueIdentifier, publicKeyUniqueIdentifier];
  }
}
