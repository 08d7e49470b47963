/** Archives of the audit log: what was signed of each file whose records are in the database no more. */
export const auditArchives = `
CREATE TABLE audit_archive (
  number integer PRIMARY KEY,
  statement text NOT NULL,
  signature bytea NOT NULL
);
`;
