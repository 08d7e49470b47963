/**
 * Records that are written together, packed into one row: reads, refusals and what else is no change of a row. The
 * number of the transaction that wrote a row tells which rows there were before it.
 */
export const auditBatches = `
CREATE FUNCTION record_transaction() RETURNS bigint LANGUAGE sql AS 'SELECT pg_current_xact_id()::text::bigint';

CREATE TABLE audit_batch (
  id uuid PRIMARY KEY,
  record_count integer NOT NULL,
  content bytea NOT NULL,
  transaction_number bigint NOT NULL DEFAULT record_transaction(),
  format smallint NOT NULL,
  key_version integer NOT NULL,
  mac bytea NOT NULL
) WITH (toast_tuple_target = 8160);
-- Most rows stay whole and nothing is spent on compressing them.
ALTER TABLE audit_batch ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE INDEX audit_batch_transaction ON audit_batch (transaction_number);
`;
