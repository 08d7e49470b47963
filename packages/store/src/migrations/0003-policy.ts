/** What the clients of a domain have set for new objects: JSON; NULL where nothing was set. */
export const policy = `
ALTER TABLE domain ADD COLUMN policy text;
`;
