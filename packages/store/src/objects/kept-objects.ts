import type { Name, NameType } from '@holdfast/kmip';
import type { StoredRow } from './row';

const SLAB_BYTES = 64 * 1024;
/** Larger rows have memory of their own. */
const MAX_SHARING_BYTES = SLAB_BYTES / 4;
/** What a kept object takes besides its room, roughly. */
const OVERHEAD_BYTES = 800;
/** How much more memory slabs may take than is allowed for objects, before what lies scattered in them is moved together. */
const MAX_SCATTERED = 1.5;

/** Memory that rows share: it is given back once none of them is kept. */
interface Slab {
  readonly bytes: Buffer;
  usedBytes: number;
  rows: number;
}

/** An object that is kept under a name. */
export interface NamedObject {
  readonly row: StoredRow;
  readonly nameType: NameType | undefined;
}

interface Entry extends NamedObject {
  readonly lengthBytes: number;
  readonly keptAtSeconds: number;
  readonly name: string | undefined;
  slab: Slab;
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
  /** Where the next rows go: the order of rows in slabs is that of the entries. */
  #slab: Slab = { bytes: Buffer.alloc(0), usedBytes: 0, rows: 0 };
  /** Of all slabs in use, with what lies in them and is kept no more. */
  #slabBytes = 0;

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
    const slab = this.#place(row);
    const keptAtSeconds = nowSeconds();
    const entry: Entry = { row, lengthBytes, keptAtSeconds, name: nameValue, nameType, slab, isUsed: false };
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
  #place(row: StoredRow): Slab {
    const { roomBytes } = row;
    let slab = this.#slab;
    if (roomBytes > MAX_SHARING_BYTES) slab = newSlab(roomBytes);
    else if (slab.usedBytes + roomBytes > slab.bytes.length) {
      if (slab.rows === 0) this.#slabBytes -= slab.usedBytes;
      slab = this.#slab = newSlab(SLAB_BYTES);
    }
    row.keepIn(slab.bytes, slab.usedBytes);
    slab.usedBytes += roomBytes;
    slab.rows++;
    this.#slabBytes += roomBytes;
    return slab;
  }

  #leave(slab: Slab): void {
    slab.rows--;
    if (slab.rows === 0 && slab !== this.#slab) this.#slabBytes -= slab.usedBytes;
  }

  get #isFull(): boolean {
    return this.#lengthBytes > this.maxBytes;
  }

  /** A single row keeps its slab from being given back. */
  get #isScattered(): boolean {
    return this.#slabBytes > MAX_SCATTERED * this.maxBytes + 2 * SLAB_BYTES;
  }

  #makeRoom(): void {
    for (const entry of this.#entries) {
      if (this.#isFull && !entry.isUsed) this.#remove(entry);
      else if (this.#isFull || this.#isScattered) this.#moveBehind(entry);
      else return;
    }
  }

  /** It is looked at again once all others have been, and lies with what comes next. */
  #moveBehind(entry: Entry): void {
    if (this.#isFull) entry.isUsed = false;
    this.#entries.delete(entry);
    this.#entries.add(entry);
    if (entry.row.roomBytes > MAX_SHARING_BYTES) return;
    const before = entry.slab;
    entry.slab = this.#place(entry.row);
    this.#leave(before);
  }

  #remove(entry: Entry): void {
    const { row, name, lengthBytes, slab } = entry;
    const shelf = this.#shelves.get(row.domainId);
    shelf?.byIdentifier.delete(row.uniqueIdentifier);
    if (name !== undefined && shelf?.byName.get(name) === entry) shelf.byName.delete(name);
    this.#entries.delete(entry);
    this.#lengthBytes -= lengthBytes;
    this.#leave(slab);
    row.release();
  }
}

function newSlab(lengthBytes: number): Slab {
  return { bytes: Buffer.allocUnsafeSlow(lengthBytes), usedBytes: 0, rows: 0 };
}

/** Of a clock that is never set. */
function nowSeconds(): number {
  return Math.floor(performance.now() / 1000);
}
