import { HoldfastError } from '@holdfast/ttlv/basics';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads HOST:PORT, with IPv6 addresses in brackets.
 * @throws HoldfastError Configuration
 */
export function parseListen(text: string): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) {
    throw new HoldfastError('Configuration', `"${text}" is not HOST:PORT (for IPv6: [::1]:5696)`);
  }
  return { host: match[1] ?? match[2] ?? '', port };
}

/** Writes HOST:PORT as parseListen reads it, with IPv6 addresses in brackets. */
export function listenText({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
