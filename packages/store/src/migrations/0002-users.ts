/**
 * Users, tickets, and settings of domains and clients. `settings` is JSON; NULL where all are the defaults.
 */
export const users = `
ALTER TABLE domain ADD COLUMN settings text;
ALTER TABLE client ADD COLUMN settings text;

-- Who proves its identity by a credential in the request header: a person or service by its name, a device by what it
-- says of itself. The verifiers are sealed.
CREATE TABLE kmip_user (
  id uuid PRIMARY KEY,
  revision integer NOT NULL,
  name text COLLATE "C" NOT NULL UNIQUE,
  domain_id uuid NOT NULL REFERENCES domain,
  role text NOT NULL,
  -- Identifiers of the clients on whose connections alone it may be used, as JSON; NULL: any of its domain.
  client_ids text,
  -- A device's identifiers as JSON, their SHA-256, and that of the one by which it is looked up.
  device text,
  device_digest bytea UNIQUE,
  device_key bytea,
  -- Counts changes of the verifiers.
  epoch integer NOT NULL,
  salt bytea,
  sealed bytea,
  last_time_stamp_us bigint,
  last_one_time_step bigint,
  created_at bigint NOT NULL,
  format smallint NOT NULL,
  key_version integer NOT NULL,
  mac bytea NOT NULL
);
CREATE INDEX kmip_user_device_key ON kmip_user (device_key) WHERE device_key IS NOT NULL;

-- Tickets of Login and Delegated Login. What a ticket's holder shows is its identifier and a secret, kept as a SHA-256.
CREATE TABLE ticket (
  id uuid PRIMARY KEY,
  revision integer NOT NULL,
  secret_sha256 bytea NOT NULL,
  -- Whose ticket it is, and over whose connections a ticket that is not delegated may be used.
  holder_kind text NOT NULL,
  holder_id uuid NOT NULL,
  holder_name text NOT NULL,
  domain_id uuid NOT NULL,
  client_id uuid,
  is_delegated integer NOT NULL,
  expires_at bigint NOT NULL,
  ended_at bigint,
  requests_left bigint,
  uses_left bigint,
  -- The rights of a delegated ticket, and how many operations may still be done by each, as JSON.
  rights_left text,
  salt bytea,
  sealed bytea,
  created_at bigint NOT NULL,
  format smallint NOT NULL,
  key_version integer NOT NULL,
  mac bytea NOT NULL
);
CREATE INDEX ticket_expires_at ON ticket (expires_at);
`;
