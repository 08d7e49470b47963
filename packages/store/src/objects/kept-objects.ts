import type { Name, NameType } from '@holdfast/kmip';
import type { StoredRow } from './row';

const SLAB_BYTES = 64 * 1024;
/** What a kept object takes besides its room, roughly. */
const OVERHEAD_BYTES = 800;

/** An object that is kept under a name. */
export interface NamedObject {
  readonly row: StoredRow;
  readonly nameType: NameType | undefined;
}

interface Entry extends NamedObject {
  readonly lengthBytes: number;
  readonly keptAtSeconds: number;
  readonly name: string | undefined;
  /** Whether it was asked for since it was last looked at to make room. */
  isUsed: boolean;
}

/** The objects of one domain. */
interface Shelf {
  readonly byIdentifier: Map<string, Entry>;
  readonly byName: Map<string, Entry>;
}

/**
 * Objects that were read and checked before, so that the next read of one need not transfer, check and open it again. They
 * say nothing of what is in the database now: whoever uses one asks the database whether its row is still the one that was
 * read (its ctid, xmin and MAC). After a time they are read anew whatever is asked. What has not been asked for goes first
 * when room is needed; its opened value is zeroed.
 */
export class KeptObjects {
  readonly #shelves = new Map<string, Shelf>();
  /** In the order in which they are looked at to make room. */
  readonly #entries = new Set<Entry>();
  #lengthBytes = 0;
  /** Where the next rows go: they come and leave in about the same order. */
  #slab = Buffer.alloc(0);
  #slabUsed = 0;

  /**
   * @param maxBytes 0: nothing is kept
   * @param maxSeconds how long an object is used without being read anew
   */
  constructor(
    private readonly maxBytes: number,
    private readonly maxSeconds: number,
  ) {}

  find(domainId: string, uniqueIdentifier: string): StoredRow | undefined {
    return this.#used(this.#shelves.get(domainId)?.byIdentifier.get(uniqueIdentifier))?.row;
  }

  /** The on-line object that held a name when it was read. */
  findNamed(domainId: string, nameValue: string): NamedObject | undefined {
    return this.#used(this.#shelves.get(domainId)?.byName.get(nameValue));
  }

  /**
   * Keeps an object, in place of what was kept of it before.
   * @param name of an on-line object: one that its attributes hold, by which it is likely to be asked for
   */
  keep(row: StoredRow, name?: Name): void {
    const { nameValue, nameType } = name ?? {};
    const lengthBytes = row.roomBytes + OVERHEAD_BYTES + 2 * (nameValue?.length ?? 0);
    if (lengthBytes > this.maxBytes) return;
    const { domainId, uniqueIdentifier } = row;
    let shelf = this.#shelves.get(domainId);
    if (shelf === undefined) {
      shelf = { byIdentifier: new Map(), byName: new Map() };
      this.#shelves.set(domainId, shelf);
    }
    const before = shelf.byIdentifier.get(uniqueIdentifier);
    if (before !== undefined) this.#remove(before);
    this.#move(row);
    const keptAtSeconds = nowSeconds();
    const entry: Entry = { row, lengthBytes, keptAtSeconds, name: nameValue, nameType, isUsed: false };
    shelf.byIdentifier.set(uniqueIdentifier, entry);
    if (nameValue !== undefined) shelf.byName.set(nameValue, entry);
    this.#entries.add(entry);
    this.#lengthBytes += lengthBytes;
    this.#makeRoom();
  }

  /** Forgets an object, whatever is kept of it now. */
  drop({ domainId, uniqueIdentifier }: StoredRow): void {
    const entry = this.#shelves.get(domainId)?.byIdentifier.get(uniqueIdentifier);
    if (entry !== undefined) this.#remove(entry);
  }

  /** Forgets everything. */
  clear(): void {
    for (const entry of this.#entries) this.#remove(entry);
  }

  #used(entry: Entry | undefined): Entry | undefined {
    if (entry === undefined) return undefined;
    if (nowSeconds() - entry.keptAtSeconds >= this.maxSeconds) {
      this.#remove(entry);
      return undefined;
    }
    entry.isUsed = true;
    return entry;
  }

  /** What a row was received with would stay as long as the row. */
  #move(row: StoredRow): void {
    const { roomBytes } = row;
    if (roomBytes > SLAB_BYTES / 4) {
      row.keepIn(Buffer.allocUnsafeSlow(roomBytes), 0);
      return;
    }
    if (this.#slabUsed + roomBytes > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#slabUsed = 0;
    }
    row.keepIn(this.#slab, this.#slabUsed);
    this.#slabUsed += roomBytes;
  }

  #makeRoom(): void {
    for (const entry of this.#entries) {
      if (this.#lengthBytes <= this.maxBytes) return;
      if (!entry.isUsed) this.#remove(entry);
      else {
        entry.isUsed = false;
        this.#entries.delete(entry);
        this.#entries.add(entry);
      }
    }
  }

  #remove(entry: Entry): void {
    const { row, name, lengthBytes } = entry;
    const shelf = this.#shelves.get(row.domainId);
    shelf?.byIdentifier.delete(row.uniqueIdentifier);
    if (name !== undefined && shelf?.byName.get(name) === entry) shelf.byName.delete(name);
    this.#entries.delete(entry);
    this.#lengthBytes -= lengthBytes;
    row.release();
  }
}

/** Of a clock that is never set. */
function nowSeconds(): number {
  return Math.floor(performance.now() / 1000);
}
