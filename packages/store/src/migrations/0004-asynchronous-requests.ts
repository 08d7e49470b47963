/**
 * Batch items that are carried out later. `content` is the request until the item is completed and then the result,
 * sealed under the key of the client's domain; `key_version` is that of the MAC, which is under the system domain's key.
 */
export const asynchronousRequests = `
CREATE TABLE asynchronous_request (
  id uuid PRIMARY KEY,
  revision integer NOT NULL,
  domain_id uuid NOT NULL,
  client_id uuid NOT NULL,
  client_kind text NOT NULL,
  credential_id text NOT NULL,
  peer text NOT NULL,
  chain_id uuid,
  chain_position integer NOT NULL,
  chain_stops integer NOT NULL,
  operation integer NOT NULL,
  protocol_version text NOT NULL,
  is_ephemeral integer NOT NULL,
  stage integer NOT NULL,
  outcome text,
  attempts integer NOT NULL,
  processing_asked integer NOT NULL,
  submitted_at_us bigint NOT NULL,
  claimed_at_us bigint NOT NULL,
  expires_at bigint NOT NULL,
  is_obtained integer NOT NULL,
  content_salt bytea NOT NULL,
  content_sealed bytea NOT NULL,
  content_key_version integer NOT NULL,
  format smallint NOT NULL,
  key_version integer NOT NULL,
  mac bytea NOT NULL
) WITH (fillfactor = 70);
ALTER TABLE asynchronous_request ALTER COLUMN content_sealed SET STORAGE EXTERNAL;
CREATE INDEX asynchronous_request_waiting ON asynchronous_request (submitted_at_us) WHERE stage <> 3;
CREATE INDEX asynchronous_request_outstanding ON asynchronous_request (client_id) WHERE is_obtained = 0;
CREATE INDEX asynchronous_request_chain ON asynchronous_request (chain_id, chain_position) WHERE chain_id IS NOT NULL;
CREATE INDEX asynchronous_request_expiry ON asynchronous_request (expires_at);
`;
