/**
 * A domain key can be wrapped by several root keys at once, while it moves from one to another. Its row is authenticated
 * (mac, under the domain key itself) and each change of it recorded, by row id and revision; rows that were there before are
 * of revision 0 until the next start. What was "retired" so far was only superseded: its key was all there.
 */
export const domainKeyWrappings = `
CREATE TABLE domain_key_wrapping (
  domain_id uuid NOT NULL,
  version integer NOT NULL,
  -- The check value of the root key.
  root text COLLATE "C" NOT NULL,
  wrapped bytea NOT NULL,
  PRIMARY KEY (domain_id, version, root)
);
INSERT INTO domain_key_wrapping (domain_id, version, root, wrapped)
  SELECT domain_id, version, (SELECT value FROM setting WHERE name = 'root-key-check-value'), wrapped FROM domain_key;
ALTER TABLE domain_key DROP COLUMN wrapped;
ALTER TABLE domain_key ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid();
ALTER TABLE domain_key ADD COLUMN revision integer NOT NULL DEFAULT 0;
ALTER TABLE domain_key ADD COLUMN changed_at bigint NOT NULL DEFAULT 0;
ALTER TABLE domain_key ADD COLUMN mac bytea;
UPDATE domain_key SET status = 'superseded' WHERE status = 'retired';
UPDATE domain_key SET changed_at = created_at;
`;
