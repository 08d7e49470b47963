import { HoldfastError, SecretBytes, type HsmKeys, type RootOfTrust } from '@holdfast/core';
import { DevicePool, type DevicePoolOptions } from './device-pool';
import { errorOf } from './device-error';
import type { Fault, RootKeyFacts, TokenFacts } from './protocol';

const MAX_KEY_BYTES = 65_536;
const PROBE_BYTES = 32;

export interface Pkcs11RootOptions extends Omit<DevicePoolOptions, 'mayWrite'> {
  readonly keyLabel: string;
}

/** Forwards the port to the devices: the root key itself never leaves them. */
class Pkcs11Root implements RootOfTrust {
  readonly kind = 'pkcs11';
  readonly hsmKeys: HsmKeys;
  #isClosed = false;

  /** @param users root keys in use at the device: the last one that is closed ends the sessions */
  constructor(
    private readonly pool: DevicePool,
    private readonly key: RootKeyFacts,
    private readonly users = { count: 0 },
  ) {
    users.count++;
    this.hsmKeys = { request: (call, input) => pool.request(call, input, errorOfKey) };
  }

  get processIds(): readonly number[] {
    return this.pool.processIds;
  }

  get requestCounts(): Readonly<Record<string, number>> {
    return this.pool.requestCounts;
  }

  get warning(): string | undefined {
    return this.pool.warning;
  }

  /** Asked of the device each time it is opened: what it says is compared with what is known. */
  async keyCheckValue(): Promise<string> {
    const keys = await this.pool.request('listRootKeys', { label: this.key.label });
    const own = keys.find(({ id }) => id === this.key.id);
    if (own === undefined)
      throw new HoldfastError('RootOfTrustUnavailable', 'the token has lost the root key');
    return own.checkValue;
  }

  async wrap(key: SecretBytes, aad: Buffer): Promise<Buffer> {
    if (key.length === 0 || key.length > MAX_KEY_BYTES) {
      throw new HoldfastError('InvalidField', `a key to wrap has 1 to ${MAX_KEY_BYTES} bytes`);
    }
    const bytes = Uint8Array.from(key.reveal());
    try {
      return Buffer.from(await this.pool.request('wrap', { keyId: this.key.id, bytes, aad }));
    } finally {
      bytes.fill(0);
    }
  }

  async unwrap(wrapped: Buffer, aad: Buffer): Promise<SecretBytes> {
    const bytes = await this.pool.request('unwrap', { keyId: this.key.id, bytes: wrapped, aad });
    const key = SecretBytes.copyOf(bytes);
    bytes.fill(0);
    return key;
  }

  async beside(checkValue: string): Promise<RootOfTrust | undefined> {
    const keys = await this.pool.request('listRootKeys', { label: this.key.label });
    const found = keys.find((key) => key.checkValue === checkValue);
    return found && new Pkcs11Root(this.pool, requireGuarded(found), this.users);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (--this.users.count === 0) await this.pool.close();
  }
}

/**
 * Opens the root key in an HSM.
 * @param expectedCheckValues those of the root keys that wrap the database's domain keys, the preferred one first, which
 *   tell them from other keys of the label; none for a new database
 * @throws HoldfastError RootOfTrustUnavailable where the token, or a key in it, is not there; RootOfTrustMismatch where
 * none is the one expected; Configuration for a refused PIN, for several keys to choose from and for one that is not
 * held as a root key must be
 */
export async function openPkcs11Root(
  options: Pkcs11RootOptions,
  expectedCheckValues: readonly string[],
): Promise<RootOfTrust> {
  const pool = await DevicePool.open({ ...options, mayWrite: true });
  try {
    const keys = await pool.request('listRootKeys', { label: options.keyLabel });
    return new Pkcs11Root(pool, requireGuarded(chooseKey(keys, options.keyLabel, expectedCheckValues)));
  } catch (error) {
    await pool.close();
    throw error;
  }
}

/** What a fault is to the client whose key is used, or made. */
function errorOfKey(fault: Fault): HoldfastError {
  switch (fault.kind) {
    case 'refused':
      return new HoldfastError(
        'UnsupportedCryptographicParameters',
        `the HSM does not do this with its keys: ${fault.message}`,
      );
    case 'not-authentic':
      return new HoldfastError('CryptographicFailure', 'the HSM does not take these bytes for this key');
    case 'pin':
      return new HoldfastError('RootOfTrustUnavailable', errorOf(fault).message, { retryable: true });
    case 'absent':
    case 'device':
      return errorOf(fault);
  }
}

function chooseKey(
  keys: readonly RootKeyFacts[],
  label: string,
  expectedCheckValues: readonly string[],
): RootKeyFacts {
  const [only, ...others] = keys;
  if (only === undefined) {
    throw new HoldfastError(
      'RootOfTrustUnavailable',
      `the token has no AES key labelled "${label}": make it with "holdfast hsm init"`,
    );
  }
  if (expectedCheckValues.length === 0) {
    if (others.length === 0) return only;
    throw new HoldfastError(
      'Configuration',
      `the token has several keys labelled "${label}": leave one, or name another label`,
    );
  }
  const expected = expectedCheckValues
    .map((wanted) => keys.find(({ checkValue }) => checkValue === wanted))
    .find((key) => key !== undefined);
  if (expected !== undefined) return expected;
  throw new HoldfastError(
    'RootOfTrustMismatch',
    `no key labelled "${label}" in the token is the one under which the database was set up`,
  );
}

function requireGuarded(key: RootKeyFacts): RootKeyFacts {
  if (key.sensitive && !key.extractable) return key;
  throw new HoldfastError(
    'Configuration',
    `the key "${key.label}" can leave the token: a root key is sensitive and not extractable`,
  );
}

/** What one step of a self-test found. */
export interface SelfTestStep {
  readonly step: string;
  readonly passed: boolean;
  /** What was seen; no secret. */
  readonly detail: string;
}

/** Looks after a token: for the operator's commands, while no server need run. */
export class TokenKeeper {
  private constructor(
    private readonly pool: DevicePool,
    private readonly keyLabel: string,
  ) {}

  /** @throws HoldfastError as openPkcs11Root */
  static async open({
    keyLabel,
    ...options
  }: Pkcs11RootOptions & { readonly mayWrite?: boolean }): Promise<TokenKeeper> {
    return new TokenKeeper(await DevicePool.open({ processes: 1, ...options }), keyLabel);
  }

  /** Makes the root key: AES-256, sensitive, never extractable. @throws HoldfastError Configuration where there is one, unless it is to be made besides */
  async generateRootKey({ besides = false }: { readonly besides?: boolean } = {}): Promise<RootKeyFacts> {
    return requireGuarded(await this.pool.request('generateRootKey', { label: this.keyLabel, besides }));
  }

  /** Destroys a root key for good: nothing that it wraps opens any more. @returns whether there was one */
  destroyRootKey(checkValue: string): Promise<boolean> {
    return this.pool.request('destroyRootKey', { label: this.keyLabel, checkValue });
  }

  rootKeys(): Promise<readonly RootKeyFacts[]> {
    return this.pool.request('listRootKeys', { label: this.keyLabel });
  }

  describe(): Promise<TokenFacts> {
    return this.pool.request('describe', undefined);
  }

  /** Wrap, unwrap, refusal of what was altered, random bytes, and a process that is killed: each tried on the device. */
  async selfTest(): Promise<readonly SelfTestStep[]> {
    const [key] = await this.rootKeys();
    if (key === undefined) {
      return [{ step: 'root key', passed: false, detail: `there is none labelled "${this.keyLabel}"` }];
    }
    const aad = Buffer.from('holdfast self-test');
    const probe = await this.pool.request('random', { lengthBytes: PROBE_BYTES });
    const input = { keyId: key.id, aad };
    const wrapped = Buffer.from(await this.pool.request('wrap', { ...input, bytes: Uint8Array.from(probe) }));
    const opened = await this.pool.request('unwrap', { ...input, bytes: wrapped });
    const altered = Buffer.from(wrapped);
    altered[altered.length - 1] = (altered[altered.length - 1] ?? 0) ^ 1;
    const refusal = await outcomeOf(this.pool.request('unwrap', { ...input, bytes: altered }));
    for (const processId of this.pool.processIds) process.kill(processId, 'SIGKILL');
    const again = await this.pool.request('unwrap', { ...input, bytes: wrapped });
    const other = await this.pool.request('random', { lengthBytes: PROBE_BYTES });
    return [
      {
        step: 'root key',
        passed: key.sensitive && !key.extractable && key.alwaysSensitive && key.neverExtractable,
        detail: 'sensitive, not extractable, and never was otherwise',
      },
      {
        step: 'wrap and unwrap',
        passed: Buffer.from(probe).equals(opened),
        detail: `${PROBE_BYTES} bytes by AES-GCM`,
      },
      { step: 'altered bytes are refused', passed: refusal === 'IntegrityViolation', detail: refusal },
      {
        step: 'a killed process is replaced',
        passed: Buffer.from(probe).equals(again),
        detail: 'unwrapped again',
      },
      { step: 'random bytes', passed: !Buffer.from(probe).equals(other), detail: 'two draws differ' },
    ];
  }

  close(): Promise<void> {
    return this.pool.close();
  }
}

function outcomeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'opened',
    (error: unknown) => (error instanceof HoldfastError ? error.code : 'failed'),
  );
}
