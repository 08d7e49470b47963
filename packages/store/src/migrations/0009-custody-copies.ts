/** Backups and escrow packages that were made. */
export const custodyCopies = `
CREATE TABLE custody_copy (
  id uuid PRIMARY KEY,
  revision integer NOT NULL,
  kind text NOT NULL,
  custodians text NOT NULL,
  threshold integer,
  domain_id uuid,
  objects integer NOT NULL,
  sha256 bytea NOT NULL,
  created_at bigint NOT NULL,
  format integer NOT NULL,
  key_version integer NOT NULL,
  mac bytea NOT NULL
);
`;
