import {
  AUTHENTICATION_POLICIES,
  HoldfastError,
  KEY_PAIR_ALGORITHMS,
  type ClientSettings,
  type DomainSettings,
  type KeyPairAlgorithm,
  type NotifiedEndpoint,
  type Role,
} from '@holdfast/core';
import { VERSION_NAMES } from '@holdfast/kmip';

/** What administrative requests have in common: checks of what officers give, and how answers are told. */

const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

export function checkName(what: string, name: unknown): string {
  if (typeof name !== 'string' || !NAME_PATTERN.test(name)) {
    const article = /^[aeio]/.test(what) ? 'an' : 'a';
    throw new HoldfastError(
      'InvalidField',
      `${article} ${what} name has 1 to 64 letters, digits or . _ @ - and begins with a letter or digit`,
    );
  }
  return name;
}

/** The directory knows that something is taken, but not by which word the caller calls it. */
export async function orTaken<T>(what: string, added: Promise<T>): Promise<T> {
  try {
    return await added;
  } catch (cause) {
    if (!(cause instanceof HoldfastError) || cause.code !== 'ObjectAlreadyExists') throw cause;
    throw new HoldfastError('ObjectAlreadyExists', `${what} exists already`, { cause });
  }
}

/** @throws HoldfastError InvalidField where there is no such algorithm */
export function keyAlgorithmOf(text: string | undefined): KeyPairAlgorithm {
  const found = KEY_PAIR_ALGORITHMS.find((algorithm) => algorithm === (text ?? 'EC-P256'));
  if (found === undefined) {
    throw new HoldfastError('InvalidField', `the key algorithm is one of ${KEY_PAIR_ALGORITHMS.join(', ')}`);
  }
  return found;
}

export function isoDate(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

/** @throws HoldfastError InvalidField */
export function checkRole(role: unknown = 'user'): Role {
  if (role === 'user' || role === 'reader') return role;
  throw new HoldfastError('InvalidField', 'a role is user or reader');
}

/**
 * @param hasHsm whether keys can be kept inside an HSM
 * @throws HoldfastError InvalidField
 */
export function checkDomainSettings(settings: unknown, hasHsm: boolean): DomainSettings {
  const { namesMayRepeat, keysInHsm, requiresEscrow, ...others } = (settings ?? {}) as Readonly<
    Record<string, unknown>
  >;
  const isKnown = [namesMayRepeat, keysInHsm, requiresEscrow].every(
    (value) => value === undefined || value === true,
  );
  if (Object.keys(others).length > 0 || !isKnown) {
    throw new HoldfastError(
      'InvalidField',
      'the settings of a domain are namesMayRepeat, keysInHsm and requiresEscrow',
    );
  }
  if (keysInHsm === true && !hasHsm) {
    throw new HoldfastError(
      'InvalidField',
      'keys cannot be kept inside an HSM: the root of trust is not in one (--root pkcs11)',
    );
  }
  return {
    ...(namesMayRepeat === true ? { namesMayRepeat } : {}),
    ...(keysInHsm === true ? { keysInHsm } : {}),
    ...(requiresEscrow === true ? { requiresEscrow } : {}),
  };
}

/** @throws HoldfastError InvalidField */
export function checkClientSettings(settings: unknown): ClientSettings {
  const { authentication, toleratesBatchCount, requiresEscrow, notify, ...others } = (settings ??
    {}) as Readonly<Record<string, unknown>>;
  const policy = AUTHENTICATION_POLICIES.find((each) => each === authentication);
  const isKnown =
    Object.keys(others).length === 0 &&
    (authentication === undefined || policy !== undefined) &&
    [toleratesBatchCount, requiresEscrow].every(isSwitch);
  if (!isKnown) {
    throw new HoldfastError(
      'InvalidField',
      `the settings of a client are toleratesBatchCount, requiresEscrow, notify and authentication (${AUTHENTICATION_POLICIES.join(', ')})`,
    );
  }
  return {
    ...(policy === undefined ? {} : { authentication: policy }),
    ...(toleratesBatchCount === true ? { toleratesBatchCount } : {}),
    ...(requiresEscrow === true ? { requiresEscrow } : {}),
    ...(notify === undefined ? {} : { notify: checkEndpoint(notify) }),
  };
}

/** @throws HoldfastError InvalidField */
function checkEndpoint(endpoint: unknown): NotifiedEndpoint {
  const { host, port, version, ...others } = (endpoint ?? {}) as Readonly<Record<string, unknown>>;
  const known = VERSION_NAMES.find((each) => each === version);
  const isAddress = typeof host === 'string' && /^[\x21-\x7e]{1,255}$/.test(host);
  const isPort = typeof port === 'number' && Number.isInteger(port) && port > 0 && port < 65536;
  if (!isAddress || !isPort || known === undefined || Object.keys(others).length > 0) {
    throw new HoldfastError(
      'InvalidField',
      `what is told to a client goes to a host and port, in a version of KMIP (${VERSION_NAMES.join(', ')})`,
    );
  }
  return { host, port, version: known };
}

function isSwitch(setting: unknown): boolean {
  return setting === undefined || typeof setting === 'boolean';
}
