import { HoldfastError, SecretBytes } from '@holdfast/core';
import { errorOf } from './device-error';
import {
  DeviceSlot,
  LONG_CALLS,
  LONG_CALL_TIMEOUT_MS,
  OPEN_TIMEOUT_MS,
  type DeviceLog,
  type Request,
  type SlotOwner,
} from './device-slot';
import type { DeviceCall, DeviceCalls, Fault, Pkcs11Target, ToDevice } from './protocol';

/** Where there is another token to turn to; a request can wait for that. Doubled each time that it was too short. */
const FIRST_OPEN_TIMEOUT_MS = 4_000;
/** How long a request may wait in all, through restarts of processes and devices; a long call waits for others besides. */
export const REQUEST_TIMEOUT_MS = 8_000;
const MAX_ATTEMPTS = 4;
const DEFAULT_PROCESSES = 2;

export interface DevicePoolOptions {
  /** One, or several that hold the same root key: where one fails the next is used. */
  readonly targets: readonly Pkcs11Target[];
  /** Stays the caller's. */
  readonly pin: SecretBytes;
  readonly log: DeviceLog;
  /** Whether keys are to be generated on the token. */
  readonly mayWrite?: boolean;
  readonly processes?: number;
}

/**
 * A small pool of processes that hold the vendor's library, whose calls are synchronous and may crash or hang. A request
 * waits for a free process; where one dies or its device fails, the request goes to another, and the process is
 * replaced. A token that refuses the PIN is not tried again, since that might lock it: sessions that are open stay in use,
 * and so do its clones, until they refuse it too.
 */
export class DevicePool implements SlotOwner {
  readonly #slots: DeviceSlot[];
  readonly #queue: Request[] = [];
  readonly #pin: SecretBytes;
  #sweep: NodeJS.Timeout | undefined;
  /** What tokens said that refused the PIN, by their place among the targets. */
  readonly #refusedPins = new Map<number, string>();
  readonly #requestCounts = new Map<DeviceCall, number>();
  #hasOpened = false;
  /** The token that was opened last. */
  #target: number | undefined;
  #closed = false;

  private constructor(private readonly options: DevicePoolOptions) {
    this.#pin = SecretBytes.copyOf(options.pin.reveal());
    this.#slots = Array.from(
      { length: options.processes ?? DEFAULT_PROCESSES },
      (_, index) => new DeviceSlot(this, index),
    );
  }

  /**
   * Starts the first process and waits until its token is open; the others follow.
   * @throws HoldfastError RootOfTrustUnavailable where no token can be opened, Configuration where the PIN is refused
   */
  static async open(options: DevicePoolOptions): Promise<DevicePool> {
    const pool = new DevicePool(options);
    try {
      await pool.#openFirst();
    } catch (error) {
      await pool.close();
      throw error;
    }
    return pool;
  }

  async #openFirst(): Promise<void> {
    const [first, ...others] = this.#slots;
    if (first === undefined) return;
    let fault: Fault = { kind: 'device', message: 'no token is configured' };
    const { length } = this.options.targets;
    // A token that was slow is asked once more, with more patience.
    for (let target = 0; target < length || (target < 2 * length && first.wasLate); target++) {
      if (this.#refusedPins.has(target % length)) continue;
      const outcome = await first.start(target);
      if (outcome === undefined) {
        this.#hasOpened = true;
        // One login has gone well: the same PIN is right for the others.
        for (const other of others) void other.start(target);
        return;
      }
      fault = outcome;
      // A wrong one is wrong for clones as well, and each try brings their lock nearer.
      if (fault.kind === 'pin' && fault.isOfToken !== true) break;
    }
    throw errorOf(fault);
  }

  /**
   * @param toError what faults are to the caller
   * @throws HoldfastError RootOfTrustUnavailable, IntegrityViolation, Configuration
   */
  request<C extends DeviceCall>(
    call: C,
    input: DeviceCalls[C]['in'],
    toError = errorOf,
  ): Promise<DeviceCalls[C]['out']> {
    if (this.#closed) {
      return Promise.reject(new HoldfastError('RootOfTrustUnavailable', 'the root of trust is closed'));
    }
    const refusal = this.#finalRefusal;
    if (refusal !== undefined) return Promise.reject(toError(refusal));
    this.#requestCounts.set(call, (this.#requestCounts.get(call) ?? 0) + 1);
    return new Promise((resolve, reject) => {
      this.#queue.push({
        call,
        input,
        deadlineMs: performance.now() + REQUEST_TIMEOUT_MS,
        attempts: 0,
        lastFault: undefined,
        errorOf: toError,
        resolve: resolve,
        reject,
      });
      this.#sweep ??= setInterval(() => this.#expire(), 250).unref();
      this.dispatch();
    });
  }

  /** Process identifiers of those that are ready. */
  get processIds(): readonly number[] {
    return this.#slots.flatMap(({ processId }) => (processId === undefined ? [] : [processId]));
  }

  /** How often something was asked, however many tries it took. */
  get requestCounts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#requestCounts);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#sweep);
    for (const request of this.#queue.splice(0)) {
      request.reject(new HoldfastError('RootOfTrustUnavailable', 'the root of trust is closed'));
    }
    await Promise.all(this.#slots.map((slot) => slot.stop()));
    this.#pin.destroy();
  }

  /** Hands waiting requests to processes that are free: all on one token, since its clones do not have what is made in it. */
  dispatch(): void {
    for (const slot of this.#slots) slot.follow(this.#target);
    for (const slot of this.#slots) {
      if (!slot.isReady || slot.isBusy) continue;
      const request = this.#next();
      if (request === undefined) return;
      slot.run(request);
    }
  }

  /** Of several processes one is left to what is soon done: it would time out while others search for primes. */
  #next(): Request | undefined {
    const longCalls = this.#slots.filter(({ isBusyForLong }) => isBusyForLong).length;
    const mayBeLong = longCalls < Math.max(1, this.#slots.length - 1);
    const place = this.#queue.findIndex(({ call }) => mayBeLong || !LONG_CALLS.has(call));
    return place === -1 ? undefined : this.#queue.splice(place, 1)[0];
  }

  opened(target: number): void {
    if (this.#target !== undefined && this.#target !== target) {
      this.options.log.warn(
        { token: this.options.targets[target]?.tokenLabel },
        'another token of the HSM is in use: keys that were made or destroyed in the one before are not, or still, in it',
      );
    }
    this.#target = target;
  }

  again(request: Request, fault: Fault): void {
    request.attempts++;
    request.lastFault = fault.message;
    if (this.#closed || request.attempts >= MAX_ATTEMPTS || performance.now() > request.deadlineMs) {
      request.reject(request.errorOf(fault));
    } else {
      this.#queue.unshift(request);
    }
    this.dispatch();
  }

  refusePin(target: number, { message }: Fault): void {
    const token = this.options.targets[target]?.tokenLabel;
    this.options.log.warn({ reason: message, token }, 'the HSM refuses the PIN; it is not tried again');
    this.#refusedPins.set(target, message);
  }

  rejectInVain(): void {
    const refusal = this.#finalRefusal;
    if (refusal === undefined) return;
    for (const request of this.#queue.splice(0)) request.reject(request.errorOf(refusal));
  }

  /** Why no request is carried out any more; undefined while one may be. */
  get #finalRefusal(): Fault | undefined {
    const [message] = this.#refusedPins.values();
    if (message === undefined || this.#mayOpenAny || this.processIds.length > 0) return undefined;
    return { kind: 'pin', message };
  }

  get #mayOpenAny(): boolean {
    return this.#refusedPins.size < this.options.targets.length;
  }

  get mayStart(): boolean {
    return this.#hasOpened && !this.#closed && this.#mayOpenAny;
  }

  targetFrom(target: number): number {
    const { length } = this.options.targets;
    for (let next = target; next < target + length; next++) {
      if (!this.#refusedPins.has(next % length)) return next % length;
    }
    return target % length;
  }

  isOpening(target: number): boolean {
    return this.#slots.some((slot) => slot.opensTarget === target);
  }

  /** Which tokens refused the PIN; undefined where none did. */
  get warning(): string | undefined {
    const refusals = Array.from(
      this.#refusedPins,
      ([target, message]) => `"${this.options.targets[target]?.tokenLabel ?? ''}" (${message})`,
    );
    if (refusals.length === 0) return undefined;
    return `the PIN was refused by ${refusals.join(' and ')} and is not tried there again: correct it, then restart the node`;
  }

  get targets(): readonly Pkcs11Target[] {
    return this.options.targets;
  }

  get firstOpenTimeoutMs(): number {
    return this.options.targets.length > 1 ? FIRST_OPEN_TIMEOUT_MS : OPEN_TIMEOUT_MS;
  }

  get log(): DeviceLog {
    return this.options.log;
  }

  opening(target: Pkcs11Target): Extract<ToDevice, { kind: 'open' }> {
    return {
      kind: 'open',
      target,
      pin: Uint8Array.from(this.#pin.reveal()),
      mayWrite: this.options.mayWrite === true,
    };
  }

  #expire(): void {
    const nowMs = performance.now();
    const isBusyForLong = this.#slots.some((slot) => slot.isBusyForLong);
    const isReady = this.processIds.length > 0;
    const problem = isReady ? 'all processes of the device are busy' : 'no process of the device is ready';
    for (let index = this.#queue.length - 1; index >= 0; index--) {
      const request = this.#queue[index] as Request;
      const isBehindOthers = isBusyForLong && LONG_CALLS.has(request.call);
      if (request.deadlineMs + (isBehindOthers ? LONG_CALL_TIMEOUT_MS : 0) > nowMs) continue;
      this.#queue.splice(index, 1);
      request.reject(request.errorOf({ kind: 'device', message: request.lastFault ?? problem }));
    }
    if (this.#queue.length > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}
