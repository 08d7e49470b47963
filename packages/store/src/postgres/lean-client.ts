import { EventEmitter } from 'node:events';
import { Client, type ClientConfig, type Connection } from 'pg';

const DATA_ROW = 0x44;
const HEADER_LENGTH_BYTES = 5;
const FIELD_COUNT_LENGTH_BYTES = 2;
/** How long the other end has to close the connection too. */
const GOODBYE_MS = 2_000;

/** Takes the rows of a statement whose columns are all binary. */
export interface RowSink {
  /** `offset` is that of the first column's length. The bytes stay valid. */
  handleRawRow(bytes: Buffer, offset: number): void;
}

/** What is used of a pg Connection beyond its published types. */
interface ListeningConnection extends Connection {
  attachListeners(stream: EventEmitter): void;
}

/**
 * A pg client that can hand rows over as they were received. pg decodes every column as UTF-8 text before anybody sees
 * it, which costs time and destroys binary values; here its parser gets all messages but the rows of our own
 * statements. Only `attachListeners` (pg's own seam between socket and parser) is replaced.
 */
export class LeanClient extends Client {
  /** Set while a statement of ours runs. */
  rowSink: RowSink | undefined;

  constructor(config?: ClientConfig) {
    super(config);
    const connection = this.connection as ListeningConnection;
    const attach = connection.attachListeners.bind(connection);
    connection.attachListeners = (stream) => {
      const rest = new EventEmitter();
      const splitter = new MessageSplitter(
        () => this.rowSink,
        (messages) => rest.emit('data', messages),
      );
      stream.on('data', (chunk: Buffer) => splitter.push(chunk));
      stream.on('end', () => rest.emit('end'));
      attach(rest);
    };
  }

  /** Closes the connection: where the other end says nothing to it, it is dropped. */
  override end(): Promise<void>;
  override end(callback: (error: Error) => void): void;
  override end(callback?: (error: Error) => void): Promise<void> | void {
    const late = setTimeout(() => this.abort(), GOODBYE_MS).unref();
    this.once('end', () => clearTimeout(late));
    if (callback === undefined) return super.end();
    super.end(callback);
  }

  /** Drops the connection at once: whatever is under way fails as if the network had failed. */
  abort(): void {
    this.connection.stream.destroy();
  }
}

/** Cuts the stream into messages (type, 32-bit length, body) and sorts rows from the rest, keeping their order. */
export class MessageSplitter {
  #pending: Buffer | undefined;
  #pendingLength = 0;

  constructor(
    private readonly sink: () => RowSink | undefined,
    private readonly forward: (messages: Buffer) => void,
  ) {}

  push(chunk: Buffer): void {
    let offset = 0;
    while (this.#pending !== undefined && offset < chunk.length) offset = this.#complete(chunk, offset);
    if (offset < chunk.length) this.#split(chunk, offset);
  }

  /** Fills the message that the last chunk broke off; returns how far the chunk was used up. */
  #complete(chunk: Buffer, offset: number): number {
    let pending = this.#pending as Buffer;
    const copied = chunk.copy(pending, this.#pendingLength, offset);
    this.#pendingLength += copied;
    if (this.#pendingLength === pending.length) {
      const length = messageLength(pending, 0);
      if (length > pending.length) {
        const larger = Buffer.allocUnsafe(length);
        pending.copy(larger);
        pending = larger;
        this.#pending = larger;
      } else {
        this.#pending = undefined;
        this.#split(pending, 0);
      }
    }
    return offset + copied;
  }

  #split(bytes: Buffer, start: number): void {
    let offset = start;
    let forwarded = start;
    while (offset + HEADER_LENGTH_BYTES <= bytes.length) {
      const end = offset + messageLength(bytes, offset);
      if (end > bytes.length) break;
      const sink = bytes[offset] === DATA_ROW ? this.sink() : undefined;
      if (sink !== undefined) {
        if (forwarded < offset) this.forward(bytes.subarray(forwarded, offset));
        sink.handleRawRow(bytes, offset + HEADER_LENGTH_BYTES + FIELD_COUNT_LENGTH_BYTES);
        forwarded = end;
      }
      offset = end;
    }
    if (forwarded < offset) this.forward(bytes.subarray(forwarded, offset));
    if (offset < bytes.length) this.#keep(bytes, offset);
  }

  #keep(bytes: Buffer, offset: number): void {
    const available = bytes.length - offset;
    const length = available < HEADER_LENGTH_BYTES ? HEADER_LENGTH_BYTES : messageLength(bytes, offset);
    this.#pending = Buffer.allocUnsafe(length);
    this.#pendingLength = bytes.copy(this.#pending, 0, offset);
  }
}

/** Length of a whole message, its type byte included. */
function messageLength(bytes: Buffer, offset: number): number {
  return 1 + bytes.readUInt32BE(offset + 1);
}
