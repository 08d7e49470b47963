/**
 * Objects, their projections for Locate, change and audit records, the directory and the wrapped domain keys.
 *
 * Times are seconds since 1970 unless the name says otherwise. `format`, `key_version` and `mac` stand in every row
 * that is authenticated: the number of the form over which the MAC was computed, the version of the domain key, the MAC.
 */
export const initial = `
CREATE TABLE object (
  domain_id uuid NOT NULL,
  unique_identifier text COLLATE "C" NOT NULL,
  internal_id uuid NOT NULL,
  owner_id uuid NOT NULL,
  generation integer NOT NULL,
  revision integer NOT NULL,
  format smallint NOT NULL,
  key_version integer NOT NULL,
  attributes bytea NOT NULL,
  salt bytea,
  sealed bytea,
  mac bytea NOT NULL,
  PRIMARY KEY (domain_id, unique_identifier)
) WITH (fillfactor = 85);
ALTER TABLE object ALTER COLUMN sealed SET STORAGE EXTERNAL;

-- Names of objects that are not destroyed, by the first half of their SHA-256: unique within a domain.
CREATE TABLE object_name (
  domain_id uuid NOT NULL,
  name_digest bytea NOT NULL,
  unique_identifier text COLLATE "C" NOT NULL,
  PRIMARY KEY (domain_id, name_digest)
);

-- What Locate searches: one row per object, derived from its attributes. internal_id is in the order of creation.
CREATE TABLE object_projection (
  domain_id uuid NOT NULL,
  internal_id uuid NOT NULL,
  unique_identifier text COLLATE "C" NOT NULL,
  storage smallint NOT NULL,
  state smallint,
  usage_mask integer,
  initial_date bigint,
  activation_date bigint,
  deactivation_date bigint,
  terms bigint[] NOT NULL,
  PRIMARY KEY (domain_id, internal_id)
) WITH (fillfactor = 85);
CREATE INDEX object_projection_terms ON object_projection USING gin (terms)
  WITH (fastupdate = on, gin_pending_list_limit = 64);
CREATE INDEX object_projection_initial_date ON object_projection (domain_id, initial_date)
  WHERE initial_date IS NOT NULL;
CREATE INDEX object_projection_activation_date ON object_projection (domain_id, activation_date)
  WHERE activation_date IS NOT NULL;
CREATE INDEX object_projection_deactivation_date ON object_projection (domain_id, deactivation_date)
  WHERE deactivation_date IS NOT NULL;

-- One row for each change of an object. The newest revision here is the one that the object's row must have.
CREATE TABLE change_record (
  domain_id uuid NOT NULL,
  unique_identifier text COLLATE "C" NOT NULL,
  revision integer NOT NULL,
  internal_id uuid NOT NULL,
  generation integer NOT NULL,
  recorded_at_us bigint NOT NULL,
  operation text NOT NULL,
  actor_kind text NOT NULL,
  actor_id text NOT NULL,
  actor_name text NOT NULL,
  credential_id text,
  peer text,
  format smallint NOT NULL,
  key_version integer NOT NULL,
  mac bytea NOT NULL,
  PRIMARY KEY (domain_id, unique_identifier, revision)
);

-- Everything else that leaves a record. A change of a directory row names the row and the revision that it got.
CREATE TABLE audit_record (
  id uuid PRIMARY KEY,
  recorded_at_us bigint NOT NULL,
  actor_kind text NOT NULL,
  actor_id text NOT NULL,
  actor_name text NOT NULL,
  credential_id text,
  peer text,
  action text NOT NULL,
  domain_id text,
  subject text,
  outcome text NOT NULL,
  reason text,
  row_id uuid,
  row_revision integer,
  format smallint NOT NULL,
  key_version integer NOT NULL,
  mac bytea NOT NULL
);
CREATE UNIQUE INDEX audit_record_row ON audit_record (row_id, row_revision) WHERE row_id IS NOT NULL;

CREATE TABLE domain (
  id uuid PRIMARY KEY,
  revision integer NOT NULL,
  name text COLLATE "C" NOT NULL UNIQUE,
  created_at bigint NOT NULL,
  format smallint NOT NULL,
  key_version integer NOT NULL,
  mac bytea NOT NULL
);

CREATE TABLE client (
  id uuid PRIMARY KEY,
  revision integer NOT NULL,
  name text COLLATE "C" NOT NULL UNIQUE,
  domain_id uuid NOT NULL REFERENCES domain,
  role text NOT NULL,
  created_at bigint NOT NULL,
  revoked_at bigint,
  format smallint NOT NULL,
  key_version integer NOT NULL,
  mac bytea NOT NULL
);

CREATE TABLE authority (
  id uuid PRIMARY KEY,
  revision integer NOT NULL,
  name text COLLATE "C" NOT NULL UNIQUE,
  certificate_der bytea NOT NULL,
  salt bytea,
  sealed bytea,
  created_at bigint NOT NULL,
  revoked_at bigint,
  format smallint NOT NULL,
  key_version integer NOT NULL,
  mac bytea NOT NULL
);

CREATE TABLE credential (
  id uuid PRIMARY KEY,
  revision integer NOT NULL,
  client_id uuid NOT NULL REFERENCES client,
  rule_kind text NOT NULL,
  rule_authority_id uuid REFERENCES authority,
  rule_value text NOT NULL,
  rule_digest bytea NOT NULL,
  serial_hex text,
  subject text,
  not_after bigint,
  authority_id uuid REFERENCES authority,
  created_at bigint NOT NULL,
  revoked_at bigint,
  format smallint NOT NULL,
  key_version integer NOT NULL,
  mac bytea NOT NULL
);
CREATE INDEX credential_client ON credential (client_id);
-- A rule that is in force leads to one client. Subjects may be long: rules are looked up by their SHA-256.
CREATE UNIQUE INDEX credential_rule_in_force ON credential (rule_digest) WHERE revoked_at IS NULL;
CREATE INDEX credential_rule ON credential (rule_digest);

CREATE TABLE officer (
  id uuid PRIMARY KEY,
  revision integer NOT NULL,
  name text COLLATE "C" NOT NULL UNIQUE,
  token_sha256 bytea NOT NULL,
  created_at bigint NOT NULL,
  revoked_at bigint,
  format smallint NOT NULL,
  key_version integer NOT NULL,
  mac bytea NOT NULL
);

CREATE TABLE server_secret (
  id uuid PRIMARY KEY,
  revision integer NOT NULL,
  name text COLLATE "C" NOT NULL UNIQUE,
  salt bytea NOT NULL,
  sealed bytea NOT NULL,
  created_at bigint NOT NULL,
  format smallint NOT NULL,
  key_version integer NOT NULL,
  mac bytea NOT NULL
);

-- Keys of the domains, wrapped by the root of trust, whose authenticated data name the domain and the version.
CREATE TABLE domain_key (
  domain_id uuid NOT NULL,
  version integer NOT NULL,
  wrapped bytea NOT NULL,
  status text NOT NULL,
  created_at bigint NOT NULL,
  PRIMARY KEY (domain_id, version)
);

CREATE TABLE setting (
  name text PRIMARY KEY,
  value text NOT NULL
);
`;
