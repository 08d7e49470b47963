import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';

/** How many failures in a row are free, for one name from one source and for one source in all. */
const FREE_FAILURES = 5;
const FREE_FAILURES_OF_A_SOURCE = 20;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 5 * 60_000;
/** Failures are forgotten after so long without another one. */
const FORGOTTEN_AFTER_MS = 15 * 60_000;
/** The oldest is forgotten when there are more. */
const MAX_REMEMBERED = 10_000;

interface Failures {
  readonly count: number;
  readonly lastMs: number;
  readonly blockedUntilMs: number;
}

/**
 * Slows down who guesses: after a few failures each further one doubles the time that has to pass before the next attempt
 * is looked at. A source is a client, or an address where no certificate was shown; so nobody locks out others.
 */
export class FailureLimit {
  readonly #failures = new Map<string, Failures>();

  /** @param processes that share the node's connections: each has a part of what is free */
  constructor(
    private readonly nowMs: () => number,
    private readonly processes = 1,
  ) {}

  /** How long it is to wait before an attempt is looked at, in milliseconds. */
  waitMs(source: string, name: string): number {
    const until = [source, keyOf(source, name)].map((key) => this.#failures.get(key)?.blockedUntilMs ?? 0);
    return Math.max(0, ...until.map((each) => each - this.nowMs()));
  }

  failed(source: string, name: string): void {
    this.#count(keyOf(source, name), FREE_FAILURES);
    this.#count(source, FREE_FAILURES_OF_A_SOURCE);
  }

  succeeded(source: string, name: string): void {
    this.#failures.delete(keyOf(source, name));
  }

  #count(key: string, free: number): void {
    const now = this.nowMs();
    const before = this.#failures.get(key);
    const isOld = before === undefined || now - before.lastMs > FORGOTTEN_AFTER_MS;
    const count = (isOld ? 0 : before.count) + 1;
    const ownFree = Math.max(1, Math.floor(free / this.processes));
    const waitMs = count < ownFree ? 0 : Math.min(FIRST_WAIT_MS * 2 ** (count - ownFree), LONGEST_WAIT_MS);
    // Counted last, so remembered longest.
    this.#failures.delete(key);
    this.#failures.set(key, { count, lastMs: now, blockedUntilMs: now + waitMs });
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > MAX_REMEMBERED && oldest !== undefined) this.#failures.delete(oldest);
  }
}

const GROUPS = 8;
const GROUPS_OF_A_NETWORK = 4;

/**
 * Who guesses, where no certificate was shown: an IPv4 address, or the network (/64) of an IPv6 address, of whose addresses one
 * machine has as many as it likes.
 * @param peer address and port
 */
export function sourceOf(peer: string): string {
  const address = peer.replace(/:\d+$/, '');
  if (!isIPv6(address) || address.includes('.')) return address;
  const [front = [], back = []] = address.split('::').map((part) => part.split(':').filter(Boolean));
  const zeros = new Array<string>(Math.max(0, GROUPS - front.length - back.length)).fill('0');
  return `${[...front, ...zeros, ...back].slice(0, GROUPS_OF_A_NETWORK).join(':')}::/64`;
}

/** A name may be as long as a request: what is remembered of it is not. */
function keyOf(source: string, name: string): string {
  return `${source}\n${createHash('sha256').update(name).digest('base64')}`;
}
