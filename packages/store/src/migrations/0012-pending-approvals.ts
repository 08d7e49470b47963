/** Pending requests that wait for officers. */
export const pendingApprovals = `
ALTER TABLE asynchronous_request ADD COLUMN approval integer;
`;
