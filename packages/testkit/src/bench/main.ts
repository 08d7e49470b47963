import { fork, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { startServerProcess } from '../server-process';
import { benchCertificates } from './certificates';
import { LoadGenerator, runHandshakes, type Load, type LoadResult } from './load';
import { cpuSeconds, databaseCpuSeconds } from './processor';
import { createLoad, discoverLoad, encryptLoad, getLoad, inTurn, locateLoad } from './requests';
import type { ToResponder } from './responder';
import { seed } from './seed';

/**
 * npm run bench: this server against a bare TLS responder, alternating in one run on one machine; medians of the
 * ratios. Shared machines are noisy: only the ratios mean something.
 */

const KEYS = Number(process.env['BENCH_KEYS'] ?? 100_000);
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 5);
const ROUND_MS = Number(process.env['BENCH_ROUND_MS'] ?? 1500);
const ONLY = process.env['BENCH_ONLY']?.split(',');
/** Arguments for the server's node, e.g. --cpu-prof --cpu-prof-dir=DIR. */
const NODE_ARGUMENTS = process.env['BENCH_NODE_ARGUMENTS']?.split(' ') ?? [];
const READING_CONNECTIONS = 64;
const CONNECTIONS = process.env['BENCH_CONNECTIONS']?.split(',').map(Number) ?? [1, 16, 64];

/** What the server is asked of the keys. */
interface Loads {
  readonly get: Load;
  readonly locate: Load;
  readonly encrypt: Load;
}

interface Endpoint {
  readonly options: ConnectionOptions;
  readonly pid: number;
  /** Where there is a database: the folder that it lies in. */
  readonly dataDir?: string;
}

/** Processor time per request: less shaken by what else the machine does than time is. */
interface Measured extends LoadResult {
  readonly serverCpuMicroseconds: number;
  readonly databaseCpuMicroseconds: number;
}

class Responder implements Endpoint {
  private constructor(
    private readonly child: ChildProcess,
    readonly options: ConnectionOptions,
    readonly pid: number,
  ) {}

  static async start(): Promise<Responder> {
    const { server, client, ca } = await benchCertificates();
    const child = fork(join(__dirname, 'responder.js'), { serialization: 'advanced' });
    const started = once(child);
    tell(child, { kind: 'start', ...server, ca });
    const { port } = (await started) as { port: number };
    return new Responder(child, { host: '127.0.0.1', port, ...client, ca }, child.pid ?? 0);
  }

  async answerWith(lengthBytes: number): Promise<void> {
    const ready = once(this.child);
    tell(this.child, { kind: 'answer', lengthBytes });
    await ready;
  }

  stop(): void {
    this.child.disconnect();
  }
}

function tell(child: ChildProcess, message: ToResponder): void {
  child.send(message);
}

function once(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve) => child.once('message', resolve));
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

/** The length of the server's answer to one request of a load, so that the responder's is of the same size. */
async function answerLength(server: Endpoint, load: Load): Promise<number> {
  let lengthBytes = 0;
  const generator = await LoadGenerator.connect(server.options, 1);
  await generator.run(
    { request: () => load.request(), check: (response) => (lengthBytes = response.length) },
    0,
  );
  generator.close();
  return lengthBytes;
}

type Measure = (endpoint: Endpoint, load: Load, connections: number) => Promise<LoadResult>;

const steady: Measure = async (endpoint, load, connections) => {
  const generator = await LoadGenerator.connect(endpoint.options, connections);
  try {
    return await generator.run(load, ROUND_MS);
  } finally {
    generator.close();
  }
};

const withHandshake: Measure = (endpoint, load, connections) =>
  runHandshakes(endpoint.options, connections, load, ROUND_MS);

async function withCpu(
  measure: Measure,
  endpoint: Endpoint,
  load: Load,
  connections: number,
): Promise<Measured> {
  let requests = 0;
  const counted: Load = {
    request: () => load.request(),
    check: (response, request) => {
      requests++;
      load.check(response, request);
    },
  };
  const times = (): readonly number[] => [
    cpuSeconds(endpoint.pid),
    endpoint.dataDir === undefined ? 0 : databaseCpuSeconds(endpoint.dataDir),
  ];
  const before = times();
  const result = await measure(endpoint, counted, connections);
  const [server = 0, database = 0] = times().map(
    (after, index) => ((after - (before[index] ?? 0)) * 1e6) / requests,
  );
  return { ...result, serverCpuMicroseconds: server, databaseCpuMicroseconds: database };
}

/** Reads every key once: what is measured then is a server that has been up for a while. The first reads are told apart. */
async function readAll(server: Endpoint, identifiers: readonly string[]): Promise<void> {
  const next = inTurn();
  let asked = 0;
  const load = getLoad(identifiers, (count) => {
    asked++;
    return next(count);
  });
  const rates: number[] = [];
  const untilAllAreRead: Measure = async (endpoint, counted, connections) => {
    let result: LoadResult;
    do {
      result = await steady(endpoint, counted, connections);
      rates.push(result.perSecond);
    } while (asked < identifiers.length);
    return result;
  };
  const { serverCpuMicroseconds, databaseCpuMicroseconds } = await withCpu(
    untilAllAreRead,
    server,
    load,
    READING_CONNECTIONS,
  );
  const cpu = `${serverCpuMicroseconds.toFixed(0)} / ${databaseCpuMicroseconds.toFixed(0)} us`;
  process.stdout.write(
    `first Gets, ${READING_CONNECTIONS} connections: ${median(rates).toFixed(0)}/s, CPU ${cpu}\n\n`,
  );
}

async function compare(
  what: string,
  measure: Measure,
  load: Load,
  server: Endpoint,
  responder: Responder,
  connectionCounts: readonly number[],
): Promise<void> {
  if (ONLY !== undefined && !ONLY.includes(what)) return;
  await responder.answerWith(await answerLength(server, load));
  const anything: Load = { request: () => load.request(), check: () => undefined };
  for (const connections of connectionCounts) {
    const ratios: number[] = [];
    const servers: Measured[] = [];
    const responders: Measured[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const measured = await withCpu(measure, responder, anything, connections);
      const own = await withCpu(measure, server, load, connections);
      ratios.push(own.perSecond / measured.perSecond);
      servers.push(own);
      responders.push(measured);
    }
    print([
      what,
      String(connections),
      median(ratios).toFixed(3),
      `${Math.min(...ratios).toFixed(3)}-${Math.max(...ratios).toFixed(3)}`,
      median(servers.map(({ perSecond }) => perSecond)).toFixed(0),
      median(responders.map(({ perSecond }) => perSecond)).toFixed(0),
      median(servers.map(({ p50Ms }) => p50Ms)).toFixed(2),
      median(servers.map(({ p99Ms }) => p99Ms)).toFixed(2),
      [
        median(servers.map((each) => each.serverCpuMicroseconds)),
        median(servers.map((each) => each.databaseCpuMicroseconds)),
        median(responders.map((each) => each.serverCpuMicroseconds)),
      ]
        .map((microseconds) => microseconds.toFixed(0))
        .join(' / '),
    ]);
  }
}

function printHead(): void {
  print([
    'operation',
    'conns',
    'ratio',
    'range',
    'server/s',
    'responder/s',
    'p50 ms',
    'p99 ms',
    'CPU us: server / database / responder',
  ]);
}

function print(cells: readonly string[]): void {
  const widths = [14, 6, 8, 13, 10, 12, 9, 9, 10];
  process.stdout.write(`${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' ')}\n`);
}

/** A server with the keys, all of which have been read once, and the loads upon it. */
async function withServer(
  nodeArguments: readonly string[],
  measureAll: (endpoint: Endpoint, loads: Loads) => Promise<void>,
): Promise<void> {
  const server = await startServerProcess({ nodeArguments: [...NODE_ARGUMENTS, ...nodeArguments] });
  try {
    const read = (path: string): string => readFileSync(path, 'utf8');
    const { clientFiles, host, port, pid, dataDir } = server;
    const [key, cert, ca] = [read(clientFiles.key), read(clientFiles.cert), read(clientFiles.ca)];
    const endpoint: Endpoint = { pid, dataDir, options: { host, port, key, cert, ca } };
    const startedAt = performance.now();
    const identifiers = await seed(endpoint.options, KEYS);
    process.stdout.write(`registered in ${((performance.now() - startedAt) / 1000).toFixed(1)} s\n`);
    await readAll(endpoint, identifiers);
    printHead();
    await measureAll(endpoint, {
      get: getLoad(identifiers),
      locate: locateLoad(identifiers),
      encrypt: encryptLoad(identifiers),
    });
  } finally {
    await server.stop();
  }
}

async function main(): Promise<void> {
  process.stdout.write(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}; `);
  process.stdout.write(`${KEYS} keys, ${ROUNDS} rounds of ${ROUND_MS} ms\n\n`);
  const responder = await Responder.start();
  try {
    const compareReads = async (endpoint: Endpoint, { get, locate, encrypt }: Loads): Promise<void> => {
      await compare('Get', steady, get, endpoint, responder, CONNECTIONS);
      await compare('Locate', steady, locate, endpoint, responder, CONNECTIONS);
      await compare('Encrypt', steady, encrypt, endpoint, responder, CONNECTIONS);
    };
    await withServer([], async (endpoint, loads) => {
      await compareReads(endpoint, loads);
      await compare('Discover', steady, discoverLoad(), endpoint, responder, CONNECTIONS);
      await compare('Create', steady, createLoad(`made-${Date.now()}`), endpoint, responder, CONNECTIONS);
      await compare('TLS + Get', withHandshake, loads.get, endpoint, responder, CONNECTIONS);
    });
    process.stdout.write('\nreads not recorded (see reads-not-recorded.ts): changes and refusals alone\n');
    await withServer(['--require', join(__dirname, 'reads-not-recorded.js')], compareReads);
  } finally {
    responder.stop();
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});
