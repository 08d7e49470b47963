import { TypeId } from '../postgres/binary';
import type { Session } from '../postgres/database';
import type { Statement } from '../postgres/statement';
import type { ObjectRow } from './row';

/** One row for each that was free. */
const addNames: Statement = {
  name: 'add_names',
  parameterTypes: [TypeId.uuidArray, TypeId.byteaArray, TypeId.textArray],
  text: `INSERT INTO object_name (domain_id, name_digest, unique_identifier)
    SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::text[])
    ON CONFLICT DO NOTHING
    RETURNING 1`,
};

/** Gives names to objects. @returns whether all of them were free */
export async function claimNames(
  session: Session,
  names: readonly {
    readonly row: Pick<ObjectRow, 'domainId' | 'uniqueIdentifier'>;
    readonly digest: Buffer;
  }[],
): Promise<boolean> {
  if (names.length === 0) return true;
  let claimed = 0;
  await session.run(
    addNames,
    (writer) => {
      writer.arrayValue(TypeId.uuidArray, names.length, (index) =>
        writer.uuidValue(names[index]?.row.domainId),
      );
      writer.arrayValue(TypeId.byteaArray, names.length, (index) => writer.bytesValue(names[index]?.digest));
      writer.arrayValue(TypeId.textArray, names.length, (index) =>
        writer.textValue(names[index]?.row.uniqueIdentifier),
      );
    },
    () => claimed++,
  );
  return claimed === names.length;
}
