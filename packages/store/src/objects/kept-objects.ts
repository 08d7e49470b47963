import type { Keyring } from '@holdfast/core';
import type { PreparedChange } from './change';
import { StoredRow } from './row';

const SLAB_BYTES = 64 * 1024;
/** Stands before the bytes of a column. */
const LENGTH_BYTES = 4;

/** What an object takes besides its row, roughly: in the shelves, and what is made of it once it is used. */
const ENTRY_BYTES = 400;
const USED_BYTES = 1100;

/** What an object takes once it is used: its row, its opened value, and what is made of them. */
function usedLengthBytes(rowLengthBytes: number): number {
  return 2 * rowLengthBytes + ENTRY_BYTES + USED_BYTES;
}

interface Entry {
  readonly domainId: string;
  readonly uniqueIdentifier: string;
  /** Undefined as long as nobody asks for what was written. */
  row: StoredRow | undefined;
  /** Where the columns and the MAC lie, until there is a row. */
  readonly bytes: Buffer | undefined;
  readonly start: number;
  lengthBytes: number;
  /** Digest of the name by which it was found, as text. */
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
 * say nothing of what is in the database now: whoever uses one asks the database whether its row is still the same
 * (`StoredRow.digest`) and the newest that was recorded. What has not been asked for goes first when room is needed; its
 * opened value is zeroed.
 */
export class KeptObjects {
  readonly #shelves = new Map<string, Shelf>();
  /** In the order in which they are looked at to make room. */
  readonly #entries = new Set<Entry>();
  #lengthBytes = 0;
  /** Where the next rows go: they come and leave in about the same order. */
  #slab = Buffer.alloc(0);
  #slabUsed = 0;

  /** @param maxBytes 0: nothing is kept */
  constructor(
    private readonly maxBytes: number,
    private readonly keyring: Keyring,
  ) {}

  find(domainId: string, uniqueIdentifier: string): StoredRow | undefined {
    return this.#used(this.#shelves.get(domainId)?.byIdentifier.get(uniqueIdentifier));
  }

  /** The object that was found under a name before. */
  findNamed(domainId: string, nameDigest: Buffer): StoredRow | undefined {
    return this.#used(this.#shelves.get(domainId)?.byName.get(nameKey(nameDigest)));
  }

  /**
   * Keeps an object, in place of what was kept of it before.
   * @param nameDigest of the name by which it was found
   */
  keep(row: StoredRow, nameDigest?: Buffer): void {
    const lengthBytes = usedLengthBytes(row.lengthBytes);
    if (lengthBytes > this.maxBytes) return;
    const { domainId, uniqueIdentifier } = row;
    const place = this.#place(row.lengthBytes);
    row.keepIn(place.bytes, place.start);
    const name = nameDigest === undefined ? undefined : nameKey(nameDigest);
    const entry = { domainId, uniqueIdentifier, row, bytes: undefined, start: 0, lengthBytes, name };
    this.#add({ ...entry, isUsed: false });
  }

  /** Keeps what was written, as it will be read: it is looked at when somebody asks for it. */
  keepWritten({ row, object: { columns, mac }, addedNames, removedNames }: PreparedChange): void {
    const columnsLength = columns.bytes.length;
    const length = columnsLength + LENGTH_BYTES + mac.length;
    if (usedLengthBytes(length) > this.maxBytes) return;
    const { domainId, uniqueIdentifier } = row;
    const before = this.#shelves.get(domainId)?.byIdentifier.get(uniqueIdentifier);
    const [added] = addedNames;
    const name = added !== undefined ? nameKey(added) : removedNames.length === 0 ? before?.name : undefined;
    const { bytes, start } = this.#place(length);
    columns.bytes.copy(bytes, start);
    bytes.writeInt32BE(mac.length, start + columnsLength);
    mac.copy(bytes, start + columnsLength + LENGTH_BYTES);
    const lengthBytes = length + ENTRY_BYTES;
    this.#add({ domainId, uniqueIdentifier, row: undefined, bytes, start, lengthBytes, name, isUsed: false });
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

  #add(entry: Entry): void {
    const { domainId, uniqueIdentifier, name } = entry;
    let shelf = this.#shelves.get(domainId);
    if (shelf === undefined) {
      shelf = { byIdentifier: new Map(), byName: new Map() };
      this.#shelves.set(domainId, shelf);
    }
    const before = shelf.byIdentifier.get(uniqueIdentifier);
    if (before !== undefined) this.#remove(before);
    shelf.byIdentifier.set(uniqueIdentifier, entry);
    if (name !== undefined) shelf.byName.set(name, entry);
    this.#entries.add(entry);
    this.#lengthBytes += entry.lengthBytes;
    this.#makeRoom();
  }

  #used(entry: Entry | undefined): StoredRow | undefined {
    if (entry === undefined) return undefined;
    entry.isUsed = true;
    if (entry.row === undefined && entry.bytes !== undefined) {
      entry.row = new StoredRow(this.keyring, entry.domainId, entry.bytes, entry.start);
      entry.row.keepIn(entry.bytes, entry.start);
      const lengthBytes = usedLengthBytes(entry.row.lengthBytes);
      this.#lengthBytes += lengthBytes - entry.lengthBytes;
      entry.lengthBytes = lengthBytes;
      this.#makeRoom();
    }
    return entry.row;
  }

  /** Room for a row. What it was received or written with would stay as long as the row. */
  #place(lengthBytes: number): { readonly bytes: Buffer; readonly start: number } {
    if (lengthBytes > SLAB_BYTES / 4) return { bytes: Buffer.allocUnsafeSlow(lengthBytes), start: 0 };
    if (this.#slabUsed + lengthBytes > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#slabUsed = 0;
    }
    const start = this.#slabUsed;
    this.#slabUsed += lengthBytes;
    return { bytes: this.#slab, start };
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
    const { domainId, uniqueIdentifier, name, lengthBytes } = entry;
    const shelf = this.#shelves.get(domainId);
    shelf?.byIdentifier.delete(uniqueIdentifier);
    if (name !== undefined && shelf?.byName.get(name) === entry) shelf.byName.delete(name);
    this.#entries.delete(entry);
    this.#lengthBytes -= lengthBytes;
    entry.row?.release();
  }
}

function nameKey(nameDigest: Buffer): string {
  return nameDigest.toString('latin1');
}
