import type { Connection, Submittable } from 'pg';
import { BinaryWriter, RowReader } from './binary';
import type { LeanClient, RowSink } from './lean-client';

/** A statement that is prepared once per connection under its name. Parameters and columns are binary. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  /** Type of each parameter, so that nothing is left to guess. */
  readonly parameterTypes: readonly number[];
}

const BINARY_FORMAT = 1;
const EXECUTE_ALL_AND_SYNC = Buffer.from([
  ...[0x45, 0, 0, 0, 9, 0, 0, 0, 0, 0], // Execute: unnamed portal, all rows
  ...[0x53, 0, 0, 0, 4], // Sync
]);

/** What is read of a pg Connection beyond its published types. */
interface PreparingConnection extends Connection {
  readonly parsedStatements: Readonly<Record<string, string | undefined>>;
}

/** The Parse message of each statement, made once. */
const parseMessages = new WeakMap<Statement, Buffer>();

function parseMessage(statement: Statement): Buffer {
  let message = parseMessages.get(statement);
  if (message === undefined) {
    const writer = new BinaryWriter(statement.text.length + 256);
    writer.byte(0x50);
    writer.int32(0);
    writer.cString(statement.name);
    writer.cString(statement.text);
    writer.int16(statement.parameterTypes.length);
    for (const type of statement.parameterTypes) writer.int32(type);
    writer.int32At(1, writer.length - 1);
    message = writer.finish();
    parseMessages.set(statement, message);
  }
  return message;
}

/** Bind, Execute and Sync in one buffer. */
function executeMessage(statement: Statement, writeParameters: (writer: BinaryWriter) => void): Buffer {
  const writer = new BinaryWriter(1024);
  writer.byte(0x42);
  writer.int32(0);
  writer.cString('');
  writer.cString(statement.name);
  writer.int16(1);
  writer.int16(BINARY_FORMAT);
  writer.int16(statement.parameterTypes.length);
  writeParameters(writer);
  writer.int16(1);
  writer.int16(BINARY_FORMAT);
  writer.int32At(1, writer.length - 1);
  writer.raw(EXECUTE_ALL_AND_SYNC);
  return writer.finish();
}

/**
 * One execution of a statement. pg runs any object with `submit` and these handlers (as its cursors do); this one sends
 * everything in one write, asks for no description and takes the rows raw.
 */
class Execution implements Submittable, RowSink {
  /** pg records statements that were parsed under these. */
  readonly name: string;
  readonly text: string;
  #failure: unknown;

  constructor(
    private readonly client: LeanClient,
    private readonly statement: Statement,
    private readonly message: Buffer,
    private readonly onRow: ((row: RowReader) => void) | undefined,
    private readonly settle: (error: unknown) => void,
  ) {
    this.name = statement.name;
    this.text = statement.text;
  }

  submit(connection: Connection): void {
    this.client.rowSink = this;
    const { stream, parsedStatements } = connection as PreparingConnection;
    if (parsedStatements[this.name] === undefined) {
      stream.write(Buffer.concat([parseMessage(this.statement), this.message]));
    } else {
      stream.write(this.message);
    }
  }

  handleRawRow(bytes: Buffer, offset: number): void {
    if (this.#failure !== undefined) return;
    try {
      this.onRow?.(new RowReader(bytes, offset));
    } catch (error) {
      this.#failure = error;
    }
  }

  handleCommandComplete(): void {
    // The rows were taken as they came.
  }

  handleReadyForQuery(): void {
    this.client.rowSink = undefined;
    this.settle(this.#failure);
  }

  handleError(error: unknown): void {
    this.client.rowSink = undefined;
    this.settle(error ?? new Error('the statement failed'));
  }
}

/**
 * Runs a statement and hands each row to `onRow` while the answer arrives.
 * @param timeoutMs after this the connection is dropped, which fails the statement
 */
export function execute(
  client: LeanClient,
  statement: Statement,
  writeParameters: (writer: BinaryWriter) => void,
  onRow: ((row: RowReader) => void) | undefined,
  timeoutMs: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const message = executeMessage(statement, writeParameters);
    const timer = setTimeout(() => {
      client.abort();
    }, timeoutMs);
    client.query(
      new Execution(client, statement, message, onRow, (error) => {
        clearTimeout(timer);
        if (error === undefined) resolve();
        else reject(error instanceof Error ? error : new Error('the statement failed', { cause: error }));
      }),
    );
  });
}
