import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClientConfig } from 'pg';

/** What stands between the store and its database, and fails the way networks do. */
export interface Proxy {
  readonly connection: ClientConfig;
  /** Lets requests through and keeps answers back. */
  muteAnswers(): void;
  /** Does so from the first request on that holds the text. */
  muteAnswersFrom(text: string): void;
  /** Keeps requests back. @returns once it has one */
  swallowRequests(): Promise<void>;
  /** Breaks all connections; new ones work. */
  cut(): void;
  /** Breaks all connections and takes no more until `cut`. */
  refuse(): Promise<void>;
  close(): Promise<void>;
}

function targetOf({ connectionString, host, port = 5432 }: ClientConfig): () => Socket {
  if (connectionString !== undefined) {
    const url = new URL(connectionString);
    return () => createConnection(Number(url.port === '' ? 5432 : url.port), url.hostname);
  }
  return () => createConnection(join(host ?? '', `.s.PGSQL.${port}`));
}

export async function startProxy(target: ClientConfig): Promise<Proxy> {
  const connect = targetOf(target);
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-proxy-'));
  const path = join(folder, '.s.PGSQL.5432');
  const sockets = new Set<Socket>();
  let mode: 'pass' | 'mute' | 'swallow' = 'pass';
  let trigger: string | undefined;
  let swallowed = (): void => undefined;
  let server: Server;

  const listen = async (): Promise<void> => {
    server = createServer((client) => {
      const upstream = connect();
      for (const [socket, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => {
          sockets.delete(socket);
          other.destroy();
        });
      }
      client.on('data', (bytes) => {
        if (trigger !== undefined && bytes.includes(trigger)) {
          trigger = undefined;
          mode = 'mute';
        }
        if (mode === 'swallow') swallowed();
        else upstream.write(bytes);
      });
      upstream.on('data', (bytes) => mode !== 'mute' && client.write(bytes));
    });
    server.listen(path);
    await once(server, 'listening');
  };
  const breakAll = (): void => {
    for (const socket of sockets) socket.destroy();
    mode = 'pass';
  };

  await listen();
  const { connectionString } = target;
  const url = connectionString === undefined ? undefined : new URL(connectionString);
  return {
    connection:
      url === undefined
        ? { ...target, host: folder, port: 5432 }
        : {
            host: folder,
            port: 5432,
            user: decodeURIComponent(url.username),
            password: decodeURIComponent(url.password),
            database: url.pathname.slice(1),
          },
    muteAnswers: () => {
      mode = 'mute';
    },
    muteAnswersFrom: (text) => {
      trigger = text;
    },
    swallowRequests: () => {
      mode = 'swallow';
      return new Promise((resolve) => (swallowed = resolve));
    },
    cut: () => {
      breakAll();
      if (!server.listening) void listen();
    },
    refuse: async () => {
      const closed = once(server, 'close');
      server.close();
      breakAll();
      await closed;
    },
    close: async () => {
      server.close();
      breakAll();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
