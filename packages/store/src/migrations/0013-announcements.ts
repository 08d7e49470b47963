/** What clients are still to be told (Notify, Put), in the order of `position`. */
export const announcements = `
CREATE TABLE announcement (
  id uuid PRIMARY KEY,
  revision integer NOT NULL,
  position bigint GENERATED ALWAYS AS IDENTITY,
  domain_id uuid NOT NULL,
  client_id uuid NOT NULL,
  unique_identifier text NOT NULL,
  content bytea NOT NULL,
  format integer NOT NULL,
  key_version integer NOT NULL,
  mac bytea NOT NULL
);
CREATE INDEX announcement_order ON announcement (client_id, position);
`;
