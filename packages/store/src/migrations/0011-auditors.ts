/** Auditors: officers who read the audit log and nothing else. NULL: officers of before. */
export const auditors = `
ALTER TABLE officer ADD COLUMN role text;
`;
