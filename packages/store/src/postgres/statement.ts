import type { Connection, Submittable } from 'pg';
import { BinaryWriter, RowReader } from './binary';
import { Deadlines } from './deadlines';
import type { LeanClient, RowSink } from './lean-client';

/** A statement that is prepared once per connection under its name. Parameters and columns are binary. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  /** Type of each parameter, so that nothing is left to guess. */
  readonly parameterTypes: readonly number[];
}

const BINARY_FORMAT = 1;
const SYNC = Buffer.from([0x53, 0, 0, 0, 4]);
const FLUSH = Buffer.from([0x48, 0, 0, 0, 4]);

/** How many rows arrive before the next ones are asked for. */
export interface Paging {
  readonly rowsPerPage: number;
  /** Called after each page but the last. @returns whether more rows are wanted */
  onPage(): boolean;
}

/** Execute of the unnamed portal: all rows and then Sync, or as many as make a page. */
function executeMessage(paging: Paging | undefined): Buffer {
  const execute = Buffer.from([0x45, 0, 0, 0, 9, 0, 0, 0, 0, 0]);
  execute.writeInt32BE(paging?.rowsPerPage ?? 0, 6);
  return Buffer.concat([execute, paging === undefined ? SYNC : FLUSH]);
}
const EXECUTE_ALL = executeMessage(undefined);

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

/** Bind and Execute in one buffer. */
function bindMessage(
  statement: Statement,
  writeParameters: (writer: BinaryWriter) => void,
  execute: Buffer,
): Buffer {
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
  writer.raw(execute);
  return writer.finish();
}

/** What runs, and who is told. */
interface Run {
  readonly client: LeanClient;
  readonly statement: Statement;
  readonly message: Buffer;
  readonly onRow: ((row: RowReader) => void) | undefined;
  readonly paging: Paging | undefined;
  settle(error: unknown): void;
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

  constructor(private readonly run: Run) {
    this.name = run.statement.name;
    this.text = run.statement.text;
  }

  submit(connection: Connection): void {
    const { client, statement, message } = this.run;
    client.rowSink = this;
    const { stream, parsedStatements } = connection as PreparingConnection;
    const isParsed = parsedStatements[this.name] !== undefined;
    stream.write(isParsed ? message : Buffer.concat([parseMessage(statement), message]));
  }

  handleRawRow(bytes: Buffer, offset: number): void {
    if (this.#failure !== undefined) return;
    try {
      this.run.onRow?.(new RowReader(bytes, offset));
    } catch (error) {
      this.#failure = error;
    }
  }

  handlePortalSuspended(connection: Connection): void {
    const { paging } = this.run;
    const isMoreWanted = this.#failure === undefined && paging?.onPage() === true;
    connection.stream.write(isMoreWanted ? executeMessage(paging) : SYNC);
  }

  handleCommandComplete(_message: unknown, connection: Connection): void {
    if (this.run.paging !== undefined) connection.stream.write(SYNC);
  }

  handleReadyForQuery(): void {
    this.run.client.rowSink = undefined;
    this.run.settle(this.#failure);
  }

  handleError(error: unknown, connection: Connection): void {
    // The server passes over everything up to Sync, which is still due where pages were asked for.
    if (this.run.paging !== undefined && connection.stream.writable) connection.stream.write(SYNC);
    this.run.client.rowSink = undefined;
    this.run.settle(error ?? new Error('the statement failed'));
  }
}

/** Connections of which an answer is awaited. */
const deadlines = new Deadlines<LeanClient>((client) => client.abort());

/**
 * Runs a statement and hands each row to `onRow` while the answer arrives.
 * @param timeoutMs how long the answer, or a page of it, may take; after this the connection is dropped, which fails the
 *   statement
 */
export function execute(
  client: LeanClient,
  statement: Statement,
  writeParameters: (writer: BinaryWriter) => void,
  onRow: ((row: RowReader) => void) | undefined,
  timeoutMs: number,
  paging?: Paging,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const execution = paging === undefined ? EXECUTE_ALL : executeMessage(paging);
    const message = bindMessage(statement, writeParameters, execution);
    deadlines.set(client, timeoutMs);
    const timedPaging = paging && {
      rowsPerPage: paging.rowsPerPage,
      onPage: () => {
        deadlines.set(client, timeoutMs);
        return paging.onPage();
      },
    };
    const settle = (error: unknown): void => {
      deadlines.met(client);
      if (error === undefined) resolve();
      else reject(error instanceof Error ? error : new Error('the statement failed', { cause: error }));
    };
    client.query(new Execution({ client, statement, message, onRow, paging: timedPaging, settle }));
  });
}
