import { EventEmitter } from 'node:events';
import fc from 'fast-check';
import { Client } from 'pg';
import { BinaryWriter, RowReader, TypeId, isUuid, uuidText } from '../src/postgres/binary';
import { Database, type Session } from '../src/postgres/database';
import { transportOf } from '../src/postgres/connection-string';
import { MessageSplitter } from '../src/postgres/lean-client';
import type { Statement } from '../src/postgres/statement';
import { inTransaction, repeatable } from '../src/postgres/transaction';
import { until } from '../../../test/support/until';
import { openFixture, quietLog, type Fixture } from './support/fixture';

let fixture: Fixture;
let database: Database;
beforeAll(async () => {
  fixture = await openFixture();
  database = new Database({ connection: fixture.connection, log: quietLog, poolSize: 2 });
});
afterAll(async () => {
  await database.close();
  await fixture.close();
});

/** Runs a statement that answers with one row. */
async function ask<T>(
  statement: Statement,
  write: (writer: BinaryWriter) => void,
  read: (row: RowReader) => T,
  on: (work: (session: Session) => Promise<void>) => Promise<void> = (work) => database.hot(work),
): Promise<T> {
  let answer: T | undefined;
  await on((session) =>
    session.run(statement, write, (row) => {
      answer = read(row);
    }),
  );
  return answer as T;
}

const text = fc.string({ unit: 'grapheme' }).filter((each) => !each.includes('\0'));
const int4 = fc.integer();
const int8 = fc.maxSafeInteger();

test('values come back as they were sent, alone and in arrays', async () => {
  const echo: Statement = {
    name: 'echo',
    parameterTypes: [
      TypeId.int2,
      TypeId.int4,
      TypeId.int8,
      TypeId.text,
      TypeId.bytea,
      TypeId.uuid,
      TypeId.textArray,
    ],
    text: 'SELECT $1, $2, $3, $4, $5, $6, array_length($7, 1), $7[1], NULL::int4, NULL::bytea',
  };
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: -32768, max: 32767 }),
      int4,
      int8,
      text,
      fc.uint8Array({ maxLength: 5000 }),
      fc.uuid(),
      fc.array(text, { minLength: 1 }),
      async (small, medium, large, word, bytes, uuid, words) => {
        const answer = await ask(
          echo,
          (writer) => {
            writer.int2Value(small);
            writer.int4Value(medium);
            writer.int8Value(large);
            writer.textValue(word);
            writer.bytesValue(Buffer.from(bytes));
            writer.uuidValue(uuid);
            writer.arrayValue(TypeId.textArray, words.length, (index) => writer.textValue(words[index]));
          },
          (row) => [
            row.int2(),
            row.int4(),
            row.int8(),
            row.text(),
            row.bytea(),
            row.uuid(),
            row.int4(),
            row.text(),
            row.int4OrNull(),
            row.byteaOrNull(),
          ],
        );
        const expected = [small, medium, large, word, Buffer.from(bytes), uuid];
        expect(answer).toEqual([...expected, words.length, words[0], undefined, undefined]);
      },
    ),
    { numRuns: 100 },
  );
});

test('UUIDs are taken in one form alone', () => {
  const uuid = '0198c0de-0000-7000-8000-0123456789ab';
  expect(isUuid(uuid)).toBe(true);
  expect(uuidText(Buffer.from(uuid.replaceAll('-', ''), 'hex'))).toBe(uuid);
  for (const other of [
    '',
    uuid.toUpperCase(),
    `{${uuid}}`,
    uuid.replaceAll('-', ''),
    `${uuid} `,
    `${uuid}\n`,
  ]) {
    expect(isUuid(other)).toBe(false);
  }
});

test('a statement that fails leaves its connection usable', async () => {
  const divide: Statement = {
    name: 'divide',
    parameterTypes: [TypeId.int4],
    text: 'SELECT 12 / $1 FROM generate_series(1, 3)',
  };
  await database.hot(async (session) => {
    const by = async (divisor: number): Promise<number[]> => {
      const rows: number[] = [];
      await session.run(
        divide,
        (writer) => writer.int4Value(divisor),
        (row) => rows.push(row.int4()),
      );
      return rows;
    };
    expect(await by(3)).toEqual([4, 4, 4]);
    await expect(by(0)).rejects.toMatchObject({ code: '22012' });
    expect(await by(4)).toEqual([3, 3, 3]);
    const rowFails = session.run(
      divide,
      (writer) => writer.int4Value(1),
      () => {
        throw new RangeError('not this row');
      },
    );
    await expect(rowFails).rejects.toThrow('not this row');
    expect(await by(2)).toEqual([6, 6, 6]);
    expect(await session.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});

/** All the ways to a connection of a pool. */
function waysOf(from: Database): readonly ((work: (session: Session) => Promise<void>) => Promise<void>)[] {
  return [(work) => from.hot(work), (work) => from.transactional(work), (work) => from.general(work)];
}

test('the server looks whether the other end is there, and one that says nothing to a goodbye is left', async () => {
  const own = new Database({ connection: fixture.connection, log: quietLog, poolSize: 1 });
  const settings = `SELECT name, pg_backend_pid() AS pid FROM pg_settings
    WHERE name LIKE 'tcp_%' AND source = 'session' ORDER BY name`;
  const watched: { readonly name: string; readonly pid: number }[] = [];
  for (const on of waysOf(own)) {
    await on(async (session) => {
      watched.push(...(await session.query<(typeof watched)[0]>(settings)));
    });
  }
  const names = [
    'tcp_keepalives_count',
    'tcp_keepalives_idle',
    'tcp_keepalives_interval',
    'tcp_user_timeout',
  ];
  expect(watched.map(({ name }) => name)).toEqual([...names, ...names, ...names]);
  // Once each: a backend that goes on finds its client gone, and ends.
  const backends = [...new Set(watched.map(({ pid }) => pid))];
  for (const pid of backends) process.kill(pid, 'SIGSTOP');
  try {
    await own.close();
  } finally {
    for (const pid of backends) process.kill(pid, 'SIGCONT');
  }
});

test('the server does not go on with a statement that was given up, nor waits for a lock for it', async () => {
  const own = new Database({
    connection: fixture.connection,
    log: quietLog,
    poolSize: 1,
    statementTimeoutMs: 100,
  });
  const locking = new Client(fixture.connection);
  await locking.connect();
  await locking.query('BEGIN; LOCK TABLE setting');
  const backends = (): Promise<readonly object[]> =>
    fixture.sql('SELECT FROM pg_stat_activity WHERE application_name = $1', [own.applicationName]);
  const waiting = waysOf(own).map((on) =>
    on(async (session) => {
      await session.query('TABLE setting');
    }),
  );
  for (const each of waiting) await expect(each).rejects.toThrow();
  await until(async () => (await backends()).length === 0, 'the backends have ended');
  await locking.end();
  await own.close();
});

test('limits of time that role or database have end none of our statements and transactions', async () => {
  const limits = `FROM pg_settings WHERE name IN ('statement_timeout', 'lock_timeout', 'transaction_timeout',
    'idle_in_transaction_session_timeout')`;
  const [{ database: name } = { database: '' }] = await fixture.sql<{ database: string }>(
    'SELECT current_database() AS database',
  );
  for (const each of await fixture.sql<{ name: string }>(`SELECT name ${limits}`)) {
    await fixture.sql(`ALTER DATABASE ${name} SET ${each.name} = '1h'`);
  }
  const own = new Database({ connection: fixture.connection, log: quietLog, poolSize: 1 });
  const set = await own.general((session) =>
    session.query(`SELECT name, setting ${limits} AND setting <> '0'`),
  );
  expect(set).toEqual([]);
  await own.close();
  await fixture.sql(`ALTER DATABASE ${name} RESET ALL`);
});

test('a server that may lose what it acknowledges is not used, also where it was another one at the start', async () => {
  const own = new Database({ connection: fixture.connection, log: quietLog, poolSize: 1 });
  const [{ name } = { name: '' }] = await fixture.sql<{ name: string }>('SELECT current_database() AS name');
  await fixture.sql(`ALTER DATABASE ${name} SET synchronous_commit = off`);
  const ways = waysOf(own);
  for (const on of ways) {
    await expect(on(() => Promise.resolve())).rejects.toMatchObject({
      code: 'StoreUnavailable',
      retryable: true,
      cause: {
        code: 'Configuration',
        message: expect.stringContaining('synchronous_commit = off') as string,
      },
    });
  }
  await fixture.sql(`ALTER DATABASE ${name} RESET synchronous_commit`);
  for (const on of ways) await on(() => Promise.resolve());
  await own.close();
});

test('statements that the database has forgotten are prepared anew', async () => {
  const own = new Database({ connection: fixture.connection, log: quietLog, poolSize: 1 });
  const one: Statement = { name: 'one', parameterTypes: [], text: 'SELECT 1' };
  const run = (): Promise<number> =>
    repeatable(
      (work) => own.general(work),
      async (session) => {
        let answer = 0;
        await session.run(
          one,
          () => undefined,
          (row) => (answer = row.int4()),
        );
        return answer;
      },
    );
  expect(await run()).toBe(1);
  await own.general((session) => session.query('DEALLOCATE ALL'));
  expect(await run()).toBe(1);
  await own.close();
});

test('a transaction in which a statement failed does not pass for committed', async () => {
  const swallowed = inTransaction(
    (work) => database.transactional(work),
    async (session) => {
      await session.query('SELECT 1 / 0').catch(() => undefined);
    },
    () => Promise.resolve(true),
  );
  await expect(swallowed).rejects.toMatchObject({ code: 'InternalServerError' });
});

/** A message of the protocol: type, length, body. */
const message = fc
  .tuple(fc.constantFrom('D', 'C', 'Z', '2', 'T'), fc.uint8Array({ maxLength: 300 }))
  .map(([type, body]) => {
    const bytes = Buffer.alloc(5 + Math.max(body.length, 2));
    bytes.write(type, 0, 'latin1');
    bytes.writeUInt32BE(bytes.length - 1, 1);
    Buffer.from(body).copy(bytes, 5);
    return bytes;
  });

test('the stream is cut into the same messages however it arrives', () => {
  fc.assert(
    fc.property(fc.array(message), fc.array(fc.integer({ min: 1, max: 400 })), (messages, lengths) => {
      const received: string[] = [];
      const splitter = new MessageSplitter(
        () => ({
          handleRawRow: (bytes, offset) =>
            received.push(`row ${bytes.readUInt32BE(offset - 6)} ${bytes[offset - 1] ?? ''}`),
        }),
        (bytes) => {
          for (let offset = 0; offset < bytes.length;) {
            const end = offset + 1 + bytes.readUInt32BE(offset + 1);
            received.push(bytes.toString('hex', offset, end));
            offset = end;
          }
        },
      );
      let rest = Buffer.concat(messages);
      for (const length of [...lengths, rest.length]) {
        splitter.push(rest.subarray(0, length));
        rest = rest.subarray(length);
      }
      expect(received).toEqual(
        messages.map((bytes) =>
          bytes[0] === 0x44 ? `row ${bytes.readUInt32BE(1)} ${bytes[6] ?? ''}` : bytes.toString('hex'),
        ),
      );
    }),
  );
});

test('the driver still has the seam between socket and parser that rows are taken from', () => {
  const { connection } = new Client() as unknown as {
    connection: { attachListeners(stream: EventEmitter): void };
  };
  const stream = new EventEmitter();
  connection.attachListeners(stream);
  expect(stream.listenerCount('data')).toBe(1);
});

test.each([
  ['/run/postgresql keys', undefined],
  ['socket:/run/postgresql?db=keys', undefined],
  ['postgresql://me@localhost/keys?host=/run/postgresql', undefined],
  ['postgresql://me@localhost/keys', undefined],
  ['postgresql://me@127.0.0.2:5433/keys', undefined],
  ['postgresql://me@[::1]/keys?sslmode=disable', undefined],
  ['postgresql://me@db/keys', 'unencrypted'],
  ['postgresql://me@db/keys?sslmode=disable', 'unencrypted'],
  ['postgresql://me@localhost.example/keys?ssl=0', 'unencrypted'],
  ['postgresql://me@db/keys?sslmode=no-verify', 'unverified'],
  ['postgresql://me@db/keys?ssl=no-verify', 'unverified'],
  ['postgresql://me@db/keys?uselibpqcompat=true&sslmode=require', 'unverified'],
  [`postgresql://me@db/keys?uselibpqcompat=true&sslmode=verify-ca&sslrootcert=${__filename}`, 'unverified'],
  ['postgresql://me@db/keys?sslmode=verify-full', 'verified'],
  ['postgresql://me@db/keys?ssl=true', 'verified'],
])('what goes over the network to %s is %s', (url, transport) => {
  expect(transportOf(url)).toBe(transport);
});
