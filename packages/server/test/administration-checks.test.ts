import { checkClientSettings } from '../src/administration-checks';

test.each([undefined, null, {}])('no settings of a client: %p', (settings) => {
  expect(checkClientSettings(settings)).toEqual({});
});

test.each([
  { notify: null },
  { notify: 'localhost:5697' },
  { notify: { host: 'localhost', port: 65536, version: '2.1' } },
  { notify: { host: '', port: 5697, version: '2.1' } },
  { notify: { host: 'localhost', port: 5697, version: '3.0' } },
  { authentication: null },
  { requiresEscrow: null },
  { other: true },
])('settings of a client that are refused: %j', (settings) => {
  expect(() => checkClientSettings(settings)).toThrow(
    expect.objectContaining({ code: 'InvalidField' }) as Error,
  );
});
