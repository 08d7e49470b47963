import { HoldfastError } from '@holdfast/core';
import { REQUEST_TIMEOUT_MS } from '@holdfast/hsm';
import { listenText, parseListen } from '../src/address';
import { DEFAULT_LIMITS, readLimits, type NodeConfig } from '../src/config';
import { serverHosts } from '../src/tls-identity';

function fault(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'Configuration') return error.message;
    throw error;
  }
  throw new Error('it was accepted');
}

// They are refused as the certificate is made: left out, clients would find that the certificate is not for this host.
test('names of the server that a certificate cannot carry are not passed over', () => {
  const tlsHosts = ['kms.example.org', 'schlüssel.example.org', 'one, two'];
  const config = { listen: { host: '127.0.0.1', port: 0 }, tlsHosts } as unknown as NodeConfig;
  expect(serverHosts(config)).toEqual(expect.arrayContaining(tlsHosts));
});

test('limits that are not given keep their defaults', () => {
  expect(readLimits({})).toEqual(DEFAULT_LIMITS);
  expect(readLimits({ idleTimeoutMs: 5 })).toEqual({ ...DEFAULT_LIMITS, idleTimeoutMs: 5 });
});

test('every default is within its range', () => {
  expect(readLimits({ ...DEFAULT_LIMITS })).toEqual(DEFAULT_LIMITS);
});

test('a client whose first request needs an HSM that is away is told so before the time to say who one is has passed', () => {
  expect(REQUEST_TIMEOUT_MS + 1000).toBeLessThan(DEFAULT_LIMITS.handshakeTimeoutMs);
});

test.each([
  [{ idleTimeout: 5 }, 'there is no limit named idleTimeout'],
  [{ toString: 5 }, 'there is no limit named toString'],
  [{ idleTimeoutMs: '5' }, 'the limit idleTimeoutMs is a whole number'],
  [{ idleTimeoutMs: 0 }, 'the limit idleTimeoutMs is a whole number from 1 to'],
  [{ idleTimeoutMs: 2 ** 31 }, 'the limit idleTimeoutMs is a whole number'],
  [{ maxRequestBytes: 1.5 }, 'the limit maxRequestBytes is a whole number'],
])('a limit that is none is refused: %j', (given, message) => {
  expect(fault(() => readLimits(given))).toContain(message);
});

test.each([
  ['127.0.0.1:5696', { host: '127.0.0.1', port: 5696 }],
  ['kms.example.org:0', { host: 'kms.example.org', port: 0 }],
  ['[::1]:5696', { host: '::1', port: 5696 }],
])('%s is an address', (text, address) => {
  expect(parseListen(text)).toEqual(address);
  expect(listenText(address)).toBe(text);
});

test.each(['', '5696', 'host', 'host:', ':5696', 'host:65536', 'host:-1', '::1:5696', '[::1]', 'a b:c'])(
  '"%s" is no address',
  (text) => {
    expect(fault(() => parseListen(text))).toContain('is not HOST:PORT');
  },
);
