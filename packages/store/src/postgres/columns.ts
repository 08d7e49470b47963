import { BinaryWriter, TypeId } from './binary';

/** The columns of one row in their binary form, one after the other: what a MAC is computed over. */
export interface EncodedColumns {
  readonly bytes: Buffer;
  /** Where each column (its length included) begins, and where the last one ends. */
  readonly offsets: readonly number[];
}

/** Writes the columns of one row and remembers where each begins. */
export class ColumnsWriter extends BinaryWriter {
  readonly #offsets: number[] = [];

  /** Begins the next column. */
  next(): this {
    this.#offsets.push(this.length);
    return this;
  }

  columns(): EncodedColumns {
    return { bytes: this.finish(), offsets: [...this.#offsets, this.length] };
  }
}

const ARRAY_OF: Readonly<Record<number, number>> = {
  [TypeId.bytea]: TypeId.byteaArray,
  [TypeId.int2]: TypeId.int2Array,
  [TypeId.int4]: TypeId.int4Array,
  [TypeId.int8]: TypeId.int8Array,
  [TypeId.text]: TypeId.textArray,
  [TypeId.uuid]: TypeId.uuidArray,
};

/** The array type of each column type. */
export function arrayTypes(types: readonly number[]): readonly number[] {
  return types.map((type) => ARRAY_OF[type] ?? 0);
}

/**
 * Writes rows as one array parameter for each column, the way `unnest` takes them.
 * @param picked numbers of the columns that are sent; default all
 */
export function writeColumnArrays(
  writer: BinaryWriter,
  types: readonly number[],
  rows: readonly EncodedColumns[],
  picked: readonly number[] = types.map((_, column) => column),
): void {
  for (const column of picked) {
    writer.arrayValue(ARRAY_OF[types[column] ?? 0] ?? 0, rows.length, (index) => {
      const { bytes, offsets } = rows[index] as EncodedColumns;
      writer.rawRange(bytes, offsets[column] ?? 0, offsets[column + 1] ?? 0);
    });
  }
}
