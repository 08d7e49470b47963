import type { HashingAlgorithm } from '@holdfast/kmip';
import type { CryptoStream, CryptoStreams } from '../ports/crypto';
import type { Mechanism, Purpose } from './mechanisms';

/** C_Encrypt, C_EncryptUpdate, C_EncryptFinal, and their like. */
export type Step = 'whole' | 'part' | 'last';

/** What came of data, while it waits for enough room: one of the client's streams, and bounded as they are. */
export class WaitingResult implements CryptoStream {
  readonly #data: Buffer;
  readonly result: Buffer;

  /** Copies both. */
  constructor(
    private readonly step: Step,
    data: Buffer,
    result: Buffer,
    readonly next: Pick<ActiveUse, 'stream'>,
  ) {
    this.#data = Buffer.from(data);
    this.result = Buffer.from(result);
  }

  isOf(step: Step, data: Buffer): boolean {
    return this.step === step && this.#data.equals(data);
  }

  destroy(): void {
    this.#data.fill(0);
    this.result.fill(0);
  }
}

/** What C_EncryptInit and its like begin. */
export interface ActiveUse {
  readonly purpose: Purpose;
  readonly mechanism: Mechanism;
  readonly uniqueIdentifier: string;
  /** Correlation Value of the stream that earlier parts went through. */
  readonly stream?: Buffer | undefined;
  /** Of all earlier parts together. */
  readonly lengthBytes?: number;
  /** Correlation Value of the `WaitingResult` of the data that came last. */
  readonly waiting?: Buffer | undefined;
}

export interface Pkcs11Session {
  readonly isReadWrite: boolean;
  /** One operation of each kind at a time (PKCS#11 v3.0 section 5.1). */
  readonly uses: Map<Purpose, ActiveUse>;
  /** Identifiers that C_FindObjects has not given out yet; undefined where no search is open. */
  found: readonly string[] | undefined;
  /** Set by C_DigestInit; `stream` once C_DigestUpdate has begun one. */
  digest: { readonly hashingAlgorithm: HashingAlgorithm; readonly stream?: Buffer | undefined } | undefined;
}

/** How many objects one search tells of. */
export const MAX_FOUND = 10_000;
/** How many the searches of all sessions have found and not told of yet. */
const MAX_WAITING = 2 * MAX_FOUND;
/** More than one search tells of. */
const MAX_HANDLES = 50_000;

/** What C_Initialize begins and C_Finalize ends: the state of one PKCS#11 library on the side of a client. */
export class Pkcs11Library implements CryptoStream {
  isLoggedIn = false;
  readonly #sessions = new Map<bigint, Pkcs11Session>();
  #next = 1n;

  /** In the order of their latest use. */
  readonly #handles = new Map<string, bigint>();
  readonly #identifiers = new Map<bigint, string>();
  #nextHandle = 1n;

  constructor(private readonly streams: Pick<CryptoStreams, 'close'>) {}

  /** The handle of an object: the same for as long as the library is initialized, and it is among the latest used. */
  handleOf(uniqueIdentifier: string): bigint {
    const handle = this.#handles.get(uniqueIdentifier) ?? this.#nextHandle++;
    this.#identifiers.set(handle, uniqueIdentifier);
    this.#use(uniqueIdentifier, handle);
    for (const [oldest, forgotten] of this.#handles) {
      if (this.#handles.size <= MAX_HANDLES) break;
      this.#handles.delete(oldest);
      this.#identifiers.delete(forgotten);
    }
    return handle;
  }

  /** Undefined for a handle that was never given out, or forgotten for later ones. */
  identifierOf(handle: bigint): string | undefined {
    const uniqueIdentifier = this.#identifiers.get(handle);
    if (uniqueIdentifier !== undefined) this.#use(uniqueIdentifier, handle);
    return uniqueIdentifier;
  }

  #use(uniqueIdentifier: string, handle: bigint): void {
    this.#handles.delete(uniqueIdentifier);
    this.#handles.set(uniqueIdentifier, handle);
  }

  get sessions(): readonly Pkcs11Session[] {
    return [...this.#sessions.values()];
  }

  /** What a search of the session has found; false where that is too much beside what others have. */
  keepFound(session: Pkcs11Session, found: readonly string[]): boolean {
    const waiting = this.sessions.reduce((sum, each) => sum + (each.found?.length ?? 0), 0);
    if (waiting + found.length > MAX_WAITING) return false;
    session.found = found;
    return true;
  }

  openSession(isReadWrite: boolean): bigint {
    const handle = this.#next++;
    this.#sessions.set(handle, { isReadWrite, digest: undefined, found: undefined, uses: new Map() });
    return handle;
  }

  session(handle: bigint): Pkcs11Session | undefined {
    return this.#sessions.get(handle);
  }

  /** Ends what C_EncryptInit and its like began, and its streams. */
  end(session: Pkcs11Session, purpose: Purpose): void {
    const { stream, waiting } = session.uses.get(purpose) ?? {};
    for (const each of [stream, waiting]) if (each !== undefined) this.streams.close(each);
    session.uses.delete(purpose);
  }

  /** @returns whether there was one. The last one that closes logs the user out (PKCS#11 section 5.6). */
  closeSession(handle: bigint): boolean {
    const session = this.#sessions.get(handle);
    if (session !== undefined) for (const purpose of [...session.uses.keys()]) this.end(session, purpose);
    const wasOpen = this.#sessions.delete(handle);
    if (this.#sessions.size === 0) this.isLoggedIn = false;
    return wasOpen;
  }

  closeAll(): void {
    for (const handle of [...this.#sessions.keys()]) this.closeSession(handle);
  }

  destroy(): void {
    this.closeAll();
  }
}
