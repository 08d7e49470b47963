import { HoldfastError, SYSTEM_DOMAIN_ID, type Keyring } from '@holdfast/core';
import { domainOf, domains } from '../directory/tables';
import { TypeId } from '../postgres/binary';
import { WALK_TIMEOUT_MS, type Database, type Session } from '../postgres/database';
import { storeError } from '../postgres/errors';
import { inTransaction } from '../postgres/transaction';
import { claimNames } from './names';
import { nameDigest, namesOf, projectionOf } from './projection';
import { OBJECT_SELECTION, readObject, type StoredRow } from './row';
import { insertProjections, writeProjectionRows } from './statements';

const PAGE_ITEMS = 500;

/**
 * Rebuilds names and projections of all objects from their rows, in one transaction during which no object changes.
 * @returns how many objects there are
 * @throws HoldfastError IntegrityViolation where a row is not what was written: then nothing is changed
 */
export async function reindex(database: Database, keyring: Keyring): Promise<number> {
  try {
    return await inTransaction(
      (run) => database.transactional(run, WALK_TIMEOUT_MS),
      async (session) => {
        await session.query('LOCK TABLE object, object_name, object_projection IN SHARE ROW EXCLUSIVE MODE');
        await session.query('DELETE FROM object_name');
        await session.query('DELETE FROM object_projection');
        return rebuild(session, keyring);
      },
      // Whether it came through is not worth finding out: it may be run again.
      () => Promise.resolve(false),
    );
  } catch (error) {
    throw storeError(error);
  }
}

async function rebuild(session: Session, keyring: Keyring): Promise<number> {
  await keyring.ensure(SYSTEM_DOMAIN_ID);
  const repeating = new Set(
    (await domains.select(session, keyring, 'true'))
      .filter((row) => domainOf(row).settings.namesMayRepeat)
      .map(({ id }) => id),
  );
  let count = 0;
  let after: StoredRow | undefined;
  do {
    const page = await readPage(session, keyring, after);
    if (page.length > 0) await writePage(session, page, repeating);
    count += page.length;
    after = page.length < PAGE_ITEMS ? undefined : page.at(-1);
  } while (after !== undefined);
  return count;
}

async function readPage(
  session: Session,
  keyring: Keyring,
  after: StoredRow | undefined,
): Promise<readonly StoredRow[]> {
  const rows: { readonly domainId: string; read: () => StoredRow }[] = [];
  const condition = after === undefined ? '' : 'WHERE (o.domain_id, o.unique_identifier) > ($1, $2)';
  await session.run(
    {
      name: '',
      parameterTypes: after === undefined ? [] : [TypeId.uuid, TypeId.text],
      text: `SELECT o.domain_id, ${OBJECT_SELECTION} FROM object AS o ${condition}
        ORDER BY o.domain_id, o.unique_identifier LIMIT ${PAGE_ITEMS}`,
    },
    (writer) => {
      if (after === undefined) return;
      writer.uuidValue(after.domainId);
      writer.textValue(after.uniqueIdentifier);
    },
    (row) => {
      const domainId = row.uuid();
      rows.push({ domainId, read: () => readObject(keyring, row, domainId) });
    },
  );
  const page: StoredRow[] = [];
  for (const { domainId, read } of rows) {
    await keyring.ensure(domainId);
    page.push(read());
  }
  return page;
}

async function writePage(
  session: Session,
  page: readonly StoredRow[],
  repeating: ReadonlySet<string>,
): Promise<void> {
  const projections = page.map((row) => projectionOf(row.domainId, row.attributes, row.attributeBytes));
  await session.run(insertProjections, (writer) => writeProjectionRows(writer, page, projections));
  const names = page
    .filter(({ domainId }) => !repeating.has(domainId))
    .flatMap((row) => namesOf(row.attributes).map((name) => ({ row, digest: nameDigest(name) })));
  if (!(await claimNames(session, names))) {
    throw new HoldfastError('IntegrityViolation', 'two stored objects of one domain have the same name');
  }
}
