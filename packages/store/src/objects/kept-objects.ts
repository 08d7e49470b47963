import type { StoredRow } from './row';

interface Entry {
  readonly row: StoredRow;
  readonly lengthBytes: number;
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

  /** @param maxBytes 0: nothing is kept */
  constructor(private readonly maxBytes: number) {}

  find(domainId: string, uniqueIdentifier: string): StoredRow | undefined {
    return used(this.#shelves.get(domainId)?.byIdentifier.get(uniqueIdentifier));
  }

  /** The object that was found under a name before. */
  findNamed(domainId: string, nameDigest: Buffer): StoredRow | undefined {
    return used(this.#shelves.get(domainId)?.byName.get(nameKey(nameDigest)));
  }

  /**
   * Keeps an object, in place of what was kept of it before.
   * @param nameDigest of the name by which it was found
   * @returns the object to go on with
   */
  keep(row: StoredRow, nameDigest?: Buffer): StoredRow {
    const lengthBytes = row.keptLengthBytes;
    if (lengthBytes > this.maxBytes) return row;
    const { domainId, uniqueIdentifier } = row;
    let shelf = this.#shelves.get(domainId);
    if (shelf === undefined) {
      shelf = { byIdentifier: new Map(), byName: new Map() };
      this.#shelves.set(domainId, shelf);
    }
    const before = shelf.byIdentifier.get(uniqueIdentifier);
    if (before !== undefined) this.#remove(before);
    const name = nameDigest === undefined ? undefined : nameKey(nameDigest);
    const entry: Entry = { row: row.kept(), lengthBytes, name, isUsed: false };
    shelf.byIdentifier.set(uniqueIdentifier, entry);
    if (name !== undefined) shelf.byName.set(name, entry);
    this.#entries.add(entry);
    this.#lengthBytes += lengthBytes;
    this.#makeRoom();
    return entry.row;
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

function used(entry: Entry | undefined): StoredRow | undefined {
  if (entry === undefined) return undefined;
  entry.isUsed = true;
  return entry.row;
}

function nameKey(nameDigest: Buffer): string {
  return nameDigest.toString('latin1');
}
