/**
 * Keys inside the HSM, from before they are made until after they are destroyed there; the identifier is the CKA_ID.
 * `unique_identifier` names the object that a key belongs to, once there is one.
 */
export const hsmKeys = `
CREATE TABLE hsm_key (
  id uuid PRIMARY KEY,
  revision integer NOT NULL,
  domain_id uuid NOT NULL,
  unique_identifier text,
  stage text NOT NULL,
  expires_at bigint NOT NULL,
  format smallint NOT NULL,
  key_version integer NOT NULL,
  mac bytea NOT NULL
);
CREATE INDEX hsm_key_unsettled ON hsm_key (expires_at) WHERE stage <> 'held';
`;
