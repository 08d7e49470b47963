import { readFileSync } from 'node:fs';
import { startServerProcess } from '../server-process';
import { fuzz } from './fuzz';

/** npm run fuzz: a million mutated and random messages against a real server process. */

const MESSAGES = Number(process.env['FUZZ_MESSAGES'] ?? 1_000_000);
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
/** The server may not grow beyond this, whatever it is sent. */
const MAX_RSS_BYTES = 768 << 20;

async function main(): Promise<void> {
  const server = await startServerProcess();
  try {
    const read = (path: string): string => readFileSync(path, 'utf8');
    const { key, cert, ca } = server.clientFiles;
    const options = { host: '127.0.0.1', port: server.port, key: read(key), cert: read(cert), ca: read(ca) };
    const report = await fuzz({ options, pid: server.pid }, MESSAGES, SEED);
    process.stdout.write(`${JSON.stringify({ seed: SEED, ...report })}\n`);
    if (report.largestRssBytes > MAX_RSS_BYTES) throw new Error('the server took more memory than the cap');
  } finally {
    await server.stop();
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
