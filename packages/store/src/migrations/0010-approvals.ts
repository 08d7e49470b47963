/** Requests that wait for officers. */
export const approvals = `
CREATE TABLE approval (
  id uuid PRIMARY KEY,
  revision integer NOT NULL,
  number integer NOT NULL UNIQUE,
  action text NOT NULL,
  requester_kind text NOT NULL,
  requester_id text NOT NULL,
  requester_name text NOT NULL,
  domain_id uuid,
  operation text NOT NULL,
  subject text NOT NULL,
  sha256 bytea NOT NULL,
  needed integer NOT NULL,
  votes text NOT NULL,
  state text NOT NULL,
  created_at bigint NOT NULL,
  expires_at bigint NOT NULL,
  format integer NOT NULL,
  key_version integer NOT NULL,
  mac bytea NOT NULL
);
CREATE INDEX approval_request ON approval (requester_id, operation, subject) WHERE state <> 'used';
`;
