import {
  HoldfastError,
  actorOf,
  type CryptoPort,
  type Directory,
  type HsmKeyMaker,
  type HsmKeys,
  type Principal,
} from '@holdfast/core';
import { hsmPairKind, hsmSecretKind, publicKeyFromHsm } from '@holdfast/crypto';
import type { Finding, HsmKeyStore } from '@holdfast/store';
import { KeyFormatType } from '@holdfast/kmip';
import { describeError, type Logger } from './log';

/** How long after it was asked for a key may get its object: longer than the HSM may take. */
const SECRET_WITHIN_SECONDS = 20;
const PAIR_WITHIN_SECONDS = 150;
/** What another node left undone, or could not be done while the HSM was away, is taken up this often. */
const LOOK_EVERY_MS = 5_000;

/**
 * Keys inside the HSM: recorded before they are made there, an object's with the commit that writes it, destroyed there
 * after the commit that takes them away.
 */
export class HsmKeyMaking {
  constructor(
    private readonly store: HsmKeyStore,
    private readonly hsmKeys: HsmKeys,
    private readonly crypto: CryptoPort,
  ) {}

  /** @param isUndoable what is done may be taken back: the HSM's part of it cannot */
  makerFor(principal: Principal, isUndoable: boolean): HsmKeyMaker {
    const begin = (withinSeconds: number): Promise<string> => {
      if (isUndoable) {
        throw new HoldfastError(
          'FeatureNotSupported',
          'keys inside the HSM are not made where that may be undone',
        );
      }
      return this.store.begin(principal.domainId, withinSeconds, actorOf(principal));
    };
    return {
      makeSymmetricKey: async (algorithm, lengthBits) => {
        const kind = hsmSecretKind(algorithm);
        const lengthBytes = this.crypto.symmetricKeyLengthBytes(algorithm, lengthBits, 'to be made');
        const keyId = await begin(SECRET_WITHIN_SECONDS);
        await this.hsmKeys.request('generateHsmKey', { keyId, kind, lengthBytes });
        return {
          keyFormatType: KeyFormatType.Raw,
          cryptographicAlgorithm: algorithm,
          cryptographicLengthBits: lengthBits,
          hsmKey: { keyId },
        };
      },
      makeKeyPair: async (specification) => {
        const kind = hsmPairKind(specification);
        const keyId = await begin(PAIR_WITHIN_SECONDS);
        const pair = await this.hsmKeys.request('generateHsmKeyPair', { keyId, kind });
        const { publicKey, spki } = publicKeyFromHsm(pair, specification.algorithm);
        const privateKey = {
          keyFormatType: KeyFormatType.PKCS_8,
          cryptographicAlgorithm: specification.algorithm,
          cryptographicLengthBits: publicKey.lengthBits,
          hsmKey: { keyId, publicKey: spki },
        };
        return { privateKey, publicKey };
      },
    };
  }
}

/** Destroys inside the HSM what is no object's any more, or never became one's. */
export class HsmKeyCleaner {
  #timer: NodeJS.Timeout | undefined;
  #stopWatching: (() => Promise<void>) | undefined;
  #work: Promise<void> | undefined;
  #isAskedAgain = false;
  #isEnding = false;

  constructor(
    private readonly store: HsmKeyStore,
    private readonly hsmKeys: HsmKeys,
    private readonly directory: Directory,
    private readonly log: Logger,
  ) {}

  async start(): Promise<void> {
    this.#stopWatching = await this.directory.watch(({ kind }) => {
      if (kind === 'hsm-key') this.#cleanSoon();
    });
    this.#timer = setInterval(() => this.#cleanSoon(), LOOK_EVERY_MS);
    this.#timer.unref();
    this.#cleanSoon();
  }

  async close(): Promise<void> {
    this.#isEnding = true;
    clearInterval(this.#timer);
    await this.#work;
    await this.#stopWatching?.();
  }

  #cleanSoon(): void {
    if (this.#isEnding) return;
    if (this.#work !== undefined) {
      this.#isAskedAgain = true;
      return;
    }
    this.#isAskedAgain = false;
    this.#work = this.#clean()
      .catch((error: unknown) => {
        if (!this.#isEnding)
          this.log.warn({ error: describeError(error) }, 'keys inside the HSM are not destroyed yet');
      })
      .finally(() => {
        this.#work = undefined;
        if (this.#isAskedAgain) this.#cleanSoon();
      });
  }

  async #clean(): Promise<void> {
    for (const keyId of await this.store.toBeDestroyed()) {
      if (this.#isEnding) return;
      await this.hsmKeys.request('destroyHsmKey', { keyId });
      await this.store.destroyed(keyId);
    }
  }
}

/** Of keys that are nobody's here so many are named. */
const MAX_NAMED = 10;

/**
 * Holds the keys that are inside the HSM against those that are recorded.
 * @param hsmKeys undefined where the root of trust is no HSM
 */
export async function verifyHsmKeys(
  store: Pick<HsmKeyStore, 'list' | 'destroyedAmong'>,
  hsmKeys: HsmKeys | undefined,
): Promise<readonly Finding[]> {
  const table = 'hsm_key';
  const before = await store.list();
  if (hsmKeys === undefined && before.length === 0) return [];
  const there = await idsIn(hsmKeys);
  if (typeof there === 'string') return [{ table, row: '', problem: there, severity: 'fault' }];
  const after = await store.list();
  const isStillHeld = new Set(after.flatMap(({ keyId, isHeld }) => (isHeld ? [keyId] : [])));
  const findings = before
    .filter(({ keyId, isHeld }) => isHeld && isStillHeld.has(keyId) && !there.has(keyId))
    .map(({ keyId, domainId, uniqueIdentifier = '' }): Finding => {
      const problem = `the HSM does not hold the key ${keyId} of the object: it cannot be used`;
      return { table, row: uniqueIdentifier, domainId, problem, severity: 'fault' };
    });
  // Each is recorded before it is made.
  for (const { keyId } of [...before, ...after]) there.delete(keyId);
  const left = await store.destroyedAmong([...there]);
  for (const keyId of left) there.delete(keyId);
  return [
    ...findings,
    ...(left.length === 0 ? [] : [leftOver(left)]),
    ...(there.size === 0 ? [] : [strangersFound([...there])]),
  ];
}

/** What the HSM holds, or why that is not known. */
async function idsIn(hsmKeys: HsmKeys | undefined): Promise<Set<string> | string> {
  if (hsmKeys === undefined) return 'keys of objects are inside an HSM, and the root of trust is none';
  try {
    return new Set(await hsmKeys.request('listHsmKeys', undefined));
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    return `the keys of objects could not be looked for: ${error.message}`;
  }
}

/** What was destroyed while another token was in use, of which this one is a clone, or before it was brought back. */
function leftOver(keyIds: readonly string[]): Finding {
  const what = `the HSM still holds ${keyIds.length} keys that were destroyed (${named(keyIds)})`;
  return {
    table: 'hsm_key',
    row: '',
    problem: `${what}: in another token, of which this one is a clone or an older copy; destroy them in this one too`,
    severity: 'fault',
  };
}

function named(keyIds: readonly string[]): string {
  return `CKA_ID ${keyIds.slice(0, MAX_NAMED).join(', ')}${keyIds.length > MAX_NAMED ? ', ...' : ''}`;
}

function strangersFound(keyIds: readonly string[]): Finding {
  const what = `the HSM holds ${keyIds.length} keys labelled holdfast-key that are not recorded here (${named(keyIds)})`;
  return {
    table: 'hsm_key',
    row: '',
    problem: `${what}: of another database that shares the token, or of a copy of this one`,
    severity: 'notice',
  };
}
