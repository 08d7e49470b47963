/**
 * The audit chain. Every record bears the number of the transaction that wrote it; what older transactions than any
 * that is under way have written is complete, and is linked. Numbers go on where a database was restored into another
 * cluster: see prepareChain. Records from before the chain come first, in the order of their times.
 */
export const auditChain = `
CREATE FUNCTION record_offset() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 0::bigint';
CREATE OR REPLACE FUNCTION record_transaction() RETURNS bigint LANGUAGE sql AS
  'SELECT pg_current_xact_id()::text::bigint + record_offset()';

ALTER TABLE change_record ADD COLUMN transaction_number bigint NOT NULL DEFAULT 0;
UPDATE change_record AS r SET transaction_number = o.number FROM (
    SELECT ctid, -row_number() OVER (ORDER BY recorded_at_us DESC) AS number FROM change_record) AS o
  WHERE r.ctid = o.ctid;
ALTER TABLE change_record ALTER COLUMN transaction_number SET DEFAULT record_transaction();
CREATE INDEX change_record_transaction ON change_record (transaction_number);

ALTER TABLE audit_record ADD COLUMN transaction_number bigint NOT NULL DEFAULT 0;
UPDATE audit_record AS r SET transaction_number = o.number FROM (
    SELECT ctid, -row_number() OVER (ORDER BY recorded_at_us DESC) AS number FROM audit_record) AS o
  WHERE r.ctid = o.ctid;
ALTER TABLE audit_record ALTER COLUMN transaction_number SET DEFAULT record_transaction();
CREATE INDEX audit_record_transaction ON audit_record (transaction_number);

-- Who links: one node at a time, whose epoch every link is checked against.
CREATE TABLE audit_chain (
  is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
  database_id uuid NOT NULL DEFAULT gen_random_uuid(),
  cluster text NOT NULL DEFAULT '',
  epoch bigint NOT NULL DEFAULT 0,
  leased_until timestamptz NOT NULL DEFAULT '-infinity',
  confirmed_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- The records of the transactions from one number to before another, linked; what was signed of them is in the statement.
CREATE TABLE audit_checkpoint (
  position bigint PRIMARY KEY,
  from_transaction bigint NOT NULL,
  to_transaction bigint NOT NULL,
  statement text NOT NULL,
  signature bytea NOT NULL
);
`;
