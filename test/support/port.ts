import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Systems give out ports from 32768 (Linux) or 49152 on to whoever asks for any: nobody is given one of these. */
const [LEAST, MOST] = [20_000, 32_000];

/** A port of loopback that stays free, also while who is to listen there is not there. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(LEAST, MOST);
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch {
      continue;
    }
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}
