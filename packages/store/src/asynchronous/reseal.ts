import { SYSTEM_DOMAIN_ID, type Keyring } from '@holdfast/core';
import { ProcessingStage } from '@holdfast/kmip';
import { resealedRow } from '../directory/reseal';
import type { DirectoryTransactions } from '../directory/transaction';
import type { Database } from '../postgres/database';
import { repeatable } from '../postgres/transaction';
import { asynchronousRequests, resealedContent } from './table';

/**
 * Seals the content of a domain's pending requests under its current key. One that is being carried out is left alone: its
 * outcome will be sealed under that key.
 * @param goesOn asked before each row
 * @returns how many there were
 */
export async function resealRequests(
  {
    database,
    keyring,
    transactions,
  }: { readonly database: Database; readonly keyring: Keyring; readonly transactions: DirectoryTransactions },
  domainId: string,
  goesOn: () => boolean,
): Promise<number> {
  await keyring.ensure(SYSTEM_DOMAIN_ID);
  await keyring.ensure(domainId);
  const isAtRest = `t.stage <> ${ProcessingStage.InProcess}`;
  const current = keyring.currentVersion(domainId);
  const rows = await repeatable(
    (run) => database.general(run),
    (session) =>
      session.query<{ id: string }>(
        `SELECT id FROM asynchronous_request AS t WHERE t.domain_id = $1 AND t.content_key_version <> $2 AND ${isAtRest}`,
        [domainId, current],
      ),
  );
  let resealed = 0;
  for (const { id } of rows) {
    if (!goesOn()) return resealed;
    const isWritten = await resealedRow(transactions, async (transaction) => {
      const { session } = transaction;
      const wanted = { id, domain_id: domainId };
      const isOld = `AND t.content_key_version <> $3 AND ${isAtRest}`;
      const [row] = await asynchronousRequests.find(session, keyring, wanted, isOld, [current]);
      if (row === undefined) return false;
      const written = await transaction.update(asynchronousRequests, row, resealedContent(keyring, row));
      await transaction.record('asynchronous-request', written, 'reseal');
      return true;
    });
    if (isWritten) resealed++;
  }
  return resealed;
}
