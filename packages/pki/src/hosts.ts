import { HoldfastError } from '@holdfast/core';
import { isIP } from 'node:net';

/** A DNS name of RFC 1123 with an optional wildcard as its first label; underscores occur in container networks. */
const DNS_NAME =
  /^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/i;
const MAX_DNS_NAME_LENGTH = 253;
/** ub-common-name of RFC 5280 appendix A. */
const MAX_NAME_LENGTH = 64;

export interface HostNames {
  readonly alternativeNames: readonly { readonly type: 'dns' | 'ip'; readonly value: string }[];
  readonly commonName: string;
}

/** Sorts host names into DNS names and addresses, and picks the Subject CN: the first DNS name, else the first address. */
export function readHosts(hosts: readonly string[]): HostNames {
  const alternativeNames = [...new Set(hosts)].map((host) => {
    const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
    if (isIP(bare) !== 0) return { type: 'ip' as const, value: canonicalIp(bare) };
    if (!DNS_NAME.test(host) || host.length > MAX_DNS_NAME_LENGTH || /^[\d.]+$/.test(host)) {
      throw new HoldfastError('InvalidField', `'${host}' is neither a DNS name nor an IP address`);
    }
    return { type: 'dns' as const, value: host };
  });
  const names = alternativeNames.filter(({ value }) => value.length <= MAX_NAME_LENGTH);
  const commonName = (names.find(({ type }) => type === 'dns') ?? names[0])?.value;
  if (commonName === undefined) {
    throw new HoldfastError(
      'InvalidField',
      'a server certificate needs a host name of at most 64 characters',
    );
  }
  return { alternativeNames, commonName };
}

/** RFC 5952 form without a zone, which a certificate cannot carry. */
function canonicalIp(address: string): string {
  if (address.includes('%')) {
    throw new HoldfastError('InvalidField', `'${address}' has a zone, which a certificate cannot carry`);
  }
  return isIP(address) === 6 ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}

/** A CN or O value: 1 to 64 characters, none of them a control character. */
export function checkNameValue(value: string, what: string): string {
  const length = Array.from(value).length;
  if (length === 0 || length > MAX_NAME_LENGTH || /\p{Cc}|\p{Cs}/u.test(value)) {
    throw new HoldfastError(
      'InvalidField',
      `${what} must have 1 to 64 characters, none of them a control character`,
    );
  }
  return value;
}

/** An http or https URL, as it will stand in the certificate. */
export function checkUrl(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !['http:', 'https:'].includes(parsed.protocol) || !/^[\x21-\x7e]+$/.test(url)) {
    throw new HoldfastError('InvalidField', `'${url}' is not an http URL`);
  }
  return url;
}
