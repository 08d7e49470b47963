import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { HoldfastError, SecretBytes } from '@holdfast/core';
import { errorOf } from './device-error';
import type { DeviceCall, DeviceCalls, Fault, FromDevice, Pkcs11Target, ToDevice } from './protocol';

/** The built file: a process cannot be started from a source. */
const DEVICE_PROCESS = join(__dirname, '../../dist/pkcs11/device-process.js');

const OPEN_TIMEOUT_MS = 15_000;
/** Where there is another token to turn to; a request can wait for that. Doubled each time that it was too short. */
const FIRST_OPEN_TIMEOUT_MS = 4_000;
/** A call that takes longer hangs: its process is ended and another one asked. */
const CALL_TIMEOUT_MS = 3_000;
/** The search for primes of a long RSA key; looking at all keys, one by one. */
const LONG_CALL_TIMEOUT_MS = 60_000;
const LONG_CALLS: ReadonlySet<DeviceCall> = new Set(['generateHsmKeyPair', 'listHsmKeys']);
/** How long a request may wait in all, through restarts of processes and devices; a long call waits for others besides. */
export const REQUEST_TIMEOUT_MS = 8_000;
const MAX_ATTEMPTS = 4;
const FIRST_RETRY_MS = 100;
/** With what opening a token takes, this is how long the service stays away once its device is back. */
const LONGEST_RETRY_MS = 1_000;
const DEFAULT_PROCESSES = 2;

/** What the pool tells its owner's log; structurally a pino logger. */
export interface DeviceLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

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

interface Request {
  readonly call: DeviceCall;
  readonly input: unknown;
  /** Of a clock that is never set. */
  readonly deadlineMs: number;
  attempts: number;
  lastFault: string | undefined;
  errorOf(fault: Fault): HoldfastError;
  resolve(output: unknown): void;
  reject(error: HoldfastError): void;
}

/**
 * A small pool of processes that hold the vendor's library, whose calls are synchronous and may crash or hang. A request
 * waits for a free process; where one dies or its device fails, the request goes to another, and the process is
 * replaced. A refused PIN ends all of it: another try might lock the token.
 */
export class DevicePool {
  readonly #slots: DeviceSlot[];
  readonly #queue: Request[] = [];
  readonly #pin: SecretBytes;
  #sweep: NodeJS.Timeout | undefined;
  #refusedPin: string | undefined;
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
      const outcome = await first.start(target);
      if (outcome === undefined) {
        this.#hasOpened = true;
        // One login has gone well: the same PIN is right for the others.
        for (const other of others) void other.start(target);
        return;
      }
      fault = outcome;
      if (fault.kind === 'pin') break;
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
    if (this.#refusedPin !== undefined) {
      return Promise.reject(toError({ kind: 'pin', message: this.#refusedPin }));
    }
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

  /** A process has opened a token, which is the one in use from now on: whoever looks after it hears that it is another one. */
  opened(target: number): void {
    if (this.#target !== undefined && this.#target !== target) {
      this.options.log.warn(
        { token: this.options.targets[target]?.tokenLabel },
        'another token of the HSM is in use: keys that were made or destroyed in the one before are not, or still, in it',
      );
    }
    this.#target = target;
  }

  /** A process could not do a request: another try, unless it had its share. */
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

  refusePin(fault: Fault): void {
    if (this.#refusedPin === undefined) {
      this.options.log.warn({ reason: fault.message }, 'the HSM refuses the PIN; it is not tried again');
    }
    this.#refusedPin = fault.message;
    for (const request of this.#queue.splice(0)) request.reject(request.errorOf(fault));
  }

  /** Whether a process that ended is replaced: not before a token was open once, and not after the PIN was refused. */
  get mayStart(): boolean {
    return this.#hasOpened && !this.#closed && this.#refusedPin === undefined;
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

  /** The message that opens a token; whoever sends it zeroes the PIN in it. */
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

/** The place of one process: whoever sits in it is replaced when it ends. */
class DeviceSlot {
  #child: ChildProcess | undefined;
  #isOpen = false;
  #request: Request | undefined;
  #timer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #retryMs = FIRST_RETRY_MS;
  #target: number;
  #openTimeoutMs: number;
  #nextId = 0;
  #started: ((fault: Fault | undefined) => void) | undefined;

  constructor(
    private readonly pool: DevicePool,
    index: number,
  ) {
    this.#target = index;
    this.#openTimeoutMs = pool.firstOpenTimeoutMs;
  }

  get isReady(): boolean {
    return this.#isOpen;
  }

  /** Whether a token was given up since one was open because it took too long. */
  get wasLate(): boolean {
    return this.#openTimeoutMs > this.pool.firstOpenTimeoutMs;
  }

  get isBusy(): boolean {
    return this.#request !== undefined;
  }

  get isBusyForLong(): boolean {
    return this.#request !== undefined && LONG_CALLS.has(this.#request.call);
  }

  get processId(): number | undefined {
    return this.#isOpen ? this.#child?.pid : undefined;
  }

  /** Starts a process on a target. @returns why it failed, or undefined once its token is open */
  start(target: number): Promise<Fault | undefined> {
    this.#target = target % this.pool.targets.length;
    const child = fork(DEVICE_PROCESS, { serialization: 'advanced', env: environment() });
    this.#child = child;
    child.on('message', (message: FromDevice) => {
      if (this.#child === child) this.#hear(message);
    });
    child.once('exit', (code, signal) => {
      if (this.#child === child) this.#ended({ kind: 'device', message: describeExit(code, signal) });
    });
    child.on('error', ({ message }) => {
      if (this.#child === child) this.#ended({ kind: 'device', message });
    });
    this.#limit(this.#openTimeoutMs);
    const opening = this.pool.opening(this.pool.targets[this.#target] as Pkcs11Target);
    child.send(opening);
    opening.pin.fill(0);
    return new Promise((resolve) => {
      this.#started = resolve;
    });
  }

  /** Turns to the token that is in use, unless it is asked something. */
  follow(target: number | undefined): void {
    if (target === undefined || target === this.#target || !this.#isOpen || this.isBusy) return;
    this.#ended({ kind: 'device', message: 'another token is in use' }, target);
  }

  run(request: Request): void {
    this.#request = request;
    this.#limit(LONG_CALLS.has(request.call) ? LONG_CALL_TIMEOUT_MS : CALL_TIMEOUT_MS);
    this.#child?.send({ kind: 'call', id: ++this.#nextId, call: request.call, input: request.input });
  }

  async stop(): Promise<void> {
    clearTimeout(this.#retryTimer);
    const child = this.#child;
    if (child === undefined) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    this.#ended({ kind: 'device', message: 'the root of trust is closed' });
    await exited;
  }

  #hear(message: FromDevice): void {
    switch (message.kind) {
      case 'open':
        clearTimeout(this.#timer);
        this.#isOpen = true;
        this.#retryMs = FIRST_RETRY_MS;
        this.#openTimeoutMs = this.pool.firstOpenTimeoutMs;
        this.pool.opened(this.#target);
        this.#settleStart(undefined);
        this.pool.dispatch();
        return;
      case 'failed':
        this.#ended(message.fault);
        return;
      case 'answer':
        if (message.id === this.#nextId) this.#finish()?.resolve(message.output);
        this.pool.dispatch();
        return;
      case 'refusal':
        if (message.id === this.#nextId) this.#refused(message.fault);
    }
  }

  #refused(fault: Fault): void {
    if (fault.kind === 'device') {
      // The session is not to be trusted any more: a new process builds everything anew.
      this.#ended(fault);
      return;
    }
    const request = this.#finish();
    request?.reject(request.errorOf(fault));
    this.pool.dispatch();
  }

  #finish(): Request | undefined {
    clearTimeout(this.#timer);
    const request = this.#request;
    this.#request = undefined;
    return request;
  }

  #limit(withinMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (!this.#isOpen) this.#openTimeoutMs = Math.min(2 * this.#openTimeoutMs, OPEN_TIMEOUT_MS);
      // Another try at a device that hangs would hang as long.
      this.#ended({ kind: 'device', message: `no answer within ${withinMs} ms` }, this.#target + 1);
    }, withinMs);
  }

  #settleStart(fault: Fault | undefined): void {
    this.#started?.(fault);
    this.#started = undefined;
  }

  /** The process is of no more use: it is killed, its request goes elsewhere, another process takes its place. */
  #ended(fault: Fault, target = this.#isOpen ? this.#target : this.#target + 1): void {
    const wasOpen = this.#isOpen;
    const request = this.#finish();
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
    this.#isOpen = false;
    if (fault.kind === 'pin') this.pool.refusePin(fault);
    this.#settleStart(fault);
    if (request !== undefined) this.pool.again(request, fault);
    if (!this.pool.mayStart) return;
    this.pool.log.warn(
      { reason: fault.message, wasOpen },
      'a process of the HSM ended; another one is started',
    );
    this.#retryTimer = setTimeout(
      () => {
        if (this.pool.mayStart) void this.start(target);
      },
      wasOpen ? 0 : this.#retryMs,
    );
    if (!wasOpen) this.#retryMs = Math.min(2 * this.#retryMs, LONGEST_RETRY_MS);
  }
}

/** The library's own settings come from the environment; secrets of the server do not go there. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('HOLDFAST_')));
}

function describeExit(code: number | null, signal: string | null): string {
  return signal === null ? `its process ended with code ${code ?? 0}` : `its process was ended by ${signal}`;
}
