import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { HoldfastError } from '@holdfast/core';
import type { DeviceCall, Fault, FromDevice, Pkcs11Target, ToDevice } from './protocol';

/** The built file: a process cannot be started from a source. */
const DEVICE_PROCESS = join(__dirname, '../../dist/pkcs11/device-process.js');

export const OPEN_TIMEOUT_MS = 15_000;
/** A call that takes longer hangs: its process is ended and another one asked. */
const CALL_TIMEOUT_MS = 3_000;
/** The search for primes of a long RSA key; looking at all keys, one by one. */
export const LONG_CALL_TIMEOUT_MS = 60_000;
export const LONG_CALLS: ReadonlySet<DeviceCall> = new Set(['generateHsmKeyPair', 'listHsmKeys']);
const FIRST_RETRY_MS = 100;
/** With what opening a token takes, this is how long the service stays away once its device is back. */
const LONGEST_RETRY_MS = 1_000;

/** What the pool tells its owner's log; structurally a pino logger. */
export interface DeviceLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface Request {
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

/** What a process asks of the pool that it belongs to, and tells it. */
export interface SlotOwner {
  readonly targets: readonly Pkcs11Target[];
  readonly firstOpenTimeoutMs: number;
  readonly log: DeviceLog;
  /** Whether a process that ended is replaced: not before a token was open once, and not after all refused the PIN. */
  readonly mayStart: boolean;
  /** The place of the first token from this one on that did not refuse the PIN. */
  targetFrom(target: number): number;
  /** Whether a process is logging in to a token. */
  isOpening(target: number): boolean;
  /** The message that opens a token; whoever sends it zeroes the PIN in it. */
  opening(target: Pkcs11Target): Extract<ToDevice, { kind: 'open' }>;
  /** A process has opened a token, which is the one in use from now on: whoever looks after it hears that it is another one. */
  opened(target: number): void;
  /** Hands waiting requests to processes that are free. */
  dispatch(): void;
  /** A process could not do a request: another try, unless it had its share. */
  again(request: Request, fault: Fault): void;
  /** A token refused the PIN: no process tries it there again. */
  refusePin(target: number, fault: Fault): void;
  /** Rejects what waits for a token, where none may be asked any more. */
  rejectInVain(): void;
}

/** The place of one process: whoever sits in it is replaced when it ends. */
export class DeviceSlot {
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
    private readonly pool: SlotOwner,
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

  /** The token that it is logging in to. */
  get opensTarget(): number | undefined {
    return this.#child === undefined || this.#isOpen ? undefined : this.#target;
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
    if (fault.kind === 'pin') this.pool.refusePin(this.#target, fault);
    this.#settleStart(fault);
    if (request !== undefined) this.pool.again(request, fault);
    this.pool.rejectInVain();
    if (!this.pool.mayStart) return;
    this.pool.log.warn(
      { reason: fault.message, wasOpen },
      'a process of the HSM ended; another one is started',
    );
    this.#retryTimer = setTimeout(() => this.#startInTurn(target), wasOpen ? 0 : this.#retryMs);
    if (!wasOpen) this.#retryMs = Math.min(2 * this.#retryMs, LONGEST_RETRY_MS);
  }

  /** One process after the other logs in to a token: a PIN that it takes no more is refused once, not to each of them. */
  #startInTurn(wanted: number): void {
    if (!this.pool.mayStart) return;
    const target = this.pool.targetFrom(wanted);
    if (this.pool.isOpening(target)) {
      this.#retryTimer = setTimeout(() => this.#startInTurn(wanted), FIRST_RETRY_MS);
    } else {
      void this.start(target);
    }
  }
}

/** The library's own settings come from the environment; secrets of the server do not go there. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('HOLDFAST_')));
}

function describeExit(code: number | null, signal: string | null): string {
  return signal === null ? `its process ended with code ${code ?? 0}` : `its process was ended by ${signal}`;
}
