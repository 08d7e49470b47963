import { timeoutOf } from '../src/admin-client';

test('waits for what walks through all that is stored for as long as that takes', () => {
  const walks = ['POST /audit/search', 'POST /backup', 'POST /escrow', 'POST /reindex'] as const;
  expect(walks.map(timeoutOf)).toEqual(walks.map(() => 3_600_000));
  expect(timeoutOf('GET /status')).toBe(5_000);
  expect(timeoutOf('POST /clients')).toBe(30_000);
});
