import cluster from 'node:cluster';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { send } from '../src/worker-pool';

/** Asks for a key while it is given a listening socket, and sends back what it is told. */
const WORKER = `
  require('node:net').createServer().listen(0);
  process.on('message', ({ bytes }) => process.send(bytes));
  process.send('what is the key?');
`;

test('a worker gets the key that it asks for, although it is given a listening socket just then', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
  const exec = join(folder, 'worker.js');
  writeFileSync(exec, WORKER);
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({ exec, args: [], execArgv: [], serialization: 'advanced' });
  const worker = cluster.fork();
  try {
    await once(worker, 'message');
    const key = Buffer.alloc(32, 7);
    send(worker, { kind: 'root', id: 0, bytes: key }, () => key.fill(0));
    const [told] = (await once(worker, 'message')) as [Uint8Array];
    expect(Buffer.from(told)).toEqual(Buffer.alloc(32, 7));
    expect(key).toEqual(Buffer.alloc(32));
  } finally {
    worker.process.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  }
});
