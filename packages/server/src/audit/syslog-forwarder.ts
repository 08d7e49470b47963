import { createPublicKey } from 'node:crypto';
import { setImmediate as immediate, setTimeout as delay } from 'node:timers/promises';
import {
  GENESIS,
  statementOf,
  verifierOf,
  type AuditChainStore,
  type Checkpoint,
  type signerOf,
} from '@holdfast/store';
import { listenText } from '../address';
import { describeError, type Logger } from '../log';
import { linkedLines } from './export';
import type { SyslogAnswer } from './protocol';
import { SyslogConnection, type SyslogConfig } from './syslog-connection';
import { checkpointMessage, recordMessage } from './syslog-message';

const LOOK_EVERY_MS = 500;
const RETRY_MS = 1_000;
/** How long a node that stops goes on sending. */
const LAST_MS = 3_000;
const CHUNK_BYTES = 65_536;
/**
 * Receivers acknowledge nothing. What was sent counts as received once the connection has outlived it for so long, and the
 * receiver's machine has taken it; after a lost connection all else is sent again.
 */
const SETTLING_MS = 5_000;

/** How far the log is forwarded: signed, since who can change it could keep records from being forwarded. */
interface Mark {
  readonly database: string;
  readonly destination: string;
  readonly position: number;
  /** Link of the record there, hex. */
  readonly head: string;
}
type Place = Pick<Mark, 'position' | 'head'>;

const BEGINNING: Place = { position: GENESIS.position, head: GENESIS.head.toString('hex') };

/**
 * Forwards all records in the order of the chain, each checkpoint behind those that it is over, to a syslog receiver. Nobody
 * waits for it: what is not forwarded yet is in the database. Of several nodes the one that links forwards.
 */
export class SyslogForwarder {
  readonly #stop = new AbortController();
  readonly #destination: string;
  #work: Promise<void> = Promise.resolve();
  #connection: SyslogConnection | undefined;
  /** Up to where records count as received, and up to where they were sent. */
  #kept = BEGINNING;
  #sent = BEGINNING;
  /** What was sent and does not count as received yet, oldest first. */
  #settling: { readonly place: Place; readonly atMs: number; readonly sentBytes: number }[] = [];
  #lookedAtMs = 0;
  #newest = 0;
  #sendUntilMs = Infinity;
  #problem: string | undefined;

  constructor(
    private readonly config: SyslogConfig,
    private readonly chain: AuditChainStore,
    private readonly signer: ReturnType<typeof signerOf>,
    private readonly isInCharge: () => boolean,
    private readonly log: Logger,
  ) {
    this.#destination = listenText(config);
  }

  start(): void {
    this.#work = this.#run();
  }

  /** Sends what is linked already, if that does not take long. */
  async close(): Promise<void> {
    this.#sendUntilMs = Date.now() + LAST_MS;
    this.#stop.abort();
    const late = setTimeout(() => this.#connection?.destroy(), LAST_MS);
    await this.#work;
    clearTimeout(late);
  }

  /** Position up to which records count as received. */
  get position(): number {
    return this.#kept.position;
  }

  get status(): SyslogAnswer {
    const isConnected = this.#connection !== undefined;
    return {
      destination: this.#destination,
      state: isConnected ? 'connected' : this.isInCharge() ? 'disconnected' : 'standby',
      forwarded: this.#sent.position,
      behind: Math.max(0, this.#newest - this.#sent.position),
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
    };
  }

  #isStopped(): boolean {
    return this.#stop.signal.aborted;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped()) {
      try {
        await this.#look();
        if (this.isInCharge()) await this.#forward();
      } catch (error) {
        const problem = describeError(error);
        const text = error instanceof Error ? error.message : 'unknown';
        if (text !== this.#problem && !this.#isStopped()) {
          this.log.error({ error: problem, to: this.#destination }, 'the audit log is not forwarded');
        }
        this.#problem = text;
      }
      await this.#pause(RETRY_MS);
    }
  }

  /** Over one connection, until it is lost, somebody else is in charge or the node stops. */
  async #forward(): Promise<void> {
    this.#sent = this.#kept = await this.#beginning();
    this.#settling = [];
    const connection = await SyslogConnection.open(this.config, this.#stop.signal);
    this.#connection = connection;
    this.#problem = undefined;
    this.log.info({ to: this.#destination, after: this.#kept.position }, 'the audit log is forwarded');
    try {
      for (let isLast = false; !isLast;) {
        isLast = this.#isStopped() || !this.isInCharge();
        for await (const checkpoint of this.chain.checkpoints(this.#sent.position + 1)) {
          if (Date.now() > this.#sendUntilMs) break;
          await this.#send(connection, checkpoint);
        }
        connection.requireOpen();
        await this.#settleTaken(connection);
        await this.#pause(LOOK_EVERY_MS);
        await this.#look();
      }
      if (await connection.end()) await this.#settle(Infinity, Infinity);
    } finally {
      this.#connection = undefined;
      connection.destroy();
    }
  }

  async #look(): Promise<void> {
    const newest = await this.chain.newest();
    if (newest !== undefined) this.#newest = statementOf(newest).position;
  }

  async #send(connection: SyslogConnection, checkpoint: Checkpoint): Promise<void> {
    const { position, records, head, time } = statementOf(checkpoint);
    const before = { position: position - records, head: Buffer.from(this.#sent.head, 'hex') };
    let chunk: Buffer[] = [];
    let length = 0;
    for (const line of linkedLines(before, await this.chain.recordsOf(checkpoint))) {
      const message = recordMessage(line);
      chunk.push(message);
      length += message.length;
      if (length < CHUNK_BYTES) continue;
      await connection.send(Buffer.concat(chunk));
      // Requests come first.
      await immediate();
      [chunk, length] = [[], 0];
    }
    await connection.send(Buffer.concat([...chunk, checkpointMessage(checkpoint, time)]));
    this.#sent = { position, head };
    this.#newest = Math.max(this.#newest, position);
    this.#settling.push({ place: this.#sent, atMs: Date.now(), sentBytes: connection.sentBytes });
    await this.#settleTaken(connection);
  }

  /** What was sent some time ago counts as received, unless something has not even come to the receiver's machine. */
  async #settleTaken(connection: SyslogConnection): Promise<void> {
    const nowMs = Date.now();
    const untilMs = nowMs - SETTLING_MS;
    const [oldest] = this.#settling;
    if (oldest === undefined || oldest.atMs > untilMs || Math.abs(nowMs - this.#lookedAtMs) < RETRY_MS)
      return;
    this.#lookedAtMs = nowMs;
    await this.#settle(untilMs, await connection.takenBytes());
  }

  /** What was sent until then counts as received, as far as it is within so many bytes of the connection. */
  async #settle(untilMs: number, takenBytes: number): Promise<void> {
    const settled = this.#settling.filter(
      ({ atMs, sentBytes }) => atMs <= untilMs && sentBytes <= takenBytes,
    );
    const last = settled.at(-1);
    if (last === undefined) return;
    this.#settling = this.#settling.slice(settled.length);
    const mark: Mark = {
      database: await this.chain.databaseId(),
      destination: this.#destination,
      ...last.place,
    };
    const statement = JSON.stringify(mark);
    await this.chain.setMark(this.#destination, { statement, signature: this.signer.sign(statement) });
    this.#kept = last.place;
  }

  /** Behind what was forwarded, or was archived before anybody forwarded it. */
  async #beginning(): Promise<Place> {
    const [mark, { position, head }] = [await this.#readMark(), await this.chain.beginning()];
    return mark.position >= position ? mark : { position, head: head.toString('hex') };
  }

  async #readMark(): Promise<Place> {
    const signed = await this.chain.mark(this.#destination);
    if (signed === undefined) return BEGINNING;
    const isSigned = verifierOf(createPublicKey(this.signer.publicKeyPem));
    if (isSigned(signed)) {
      const { database, destination, position, head } = JSON.parse(signed.statement) as Mark;
      if (destination === this.#destination && database === (await this.chain.databaseId())) {
        return { position, head };
      }
    }
    this.log.error({ to: this.#destination }, 'how far the audit log was forwarded is not what was written');
    return BEGINNING;
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }
}
