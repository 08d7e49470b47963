import { randomBytes } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HoldfastError } from '@holdfast/ttlv';
import { shortPathTo } from './short-path';

/** Two that start at the same instant both give way and try again after a random while. */
const ATTEMPTS = 4;
const RETRY_SPREAD_MS = 300;
const SOCKET_NAME = /^owner-[0-9a-f]{16}$/;

export interface OwnerLock {
  release(): Promise<void>;
}

/**
 * Makes this process the only owner of a folder until it releases it or dies, however it dies. The lock is a listening
 * Unix socket: the kernel, not a process number that may be used again, says whether its owner lives, and processes in
 * other containers that share the folder see it too. A socket gets its telling name only once it listens, so one that
 * refuses a connection is a dead owner's.
 *
 * @throws HoldfastError Configuration when another process owns the folder
 */
export async function lockFolder(folder: string): Promise<OwnerLock> {
  for (let attempt = 1; ; attempt += 1) {
    const own = `owner-${randomBytes(8).toString('hex')}`;
    const lock = await announce(folder, own);
    if (!(await anotherOwnerLives(folder, own))) return lock;
    await lock.release();
    if (attempt === ATTEMPTS) {
      throw new HoldfastError('Configuration', 'another Holdfast server is running on this data folder');
    }
    await delay(Math.random() * RETRY_SPREAD_MS);
  }
}

async function announce(folder: string, name: string): Promise<OwnerLock> {
  const unannounced = `new-${name}`;
  const short = shortPathTo(folder, unannounced);
  const server = createServer((socket) => socket.destroy());
  const release = async (): Promise<void> => {
    await rm(join(folder, name), { force: true });
    await new Promise((resolve) => server.close(resolve));
    short.close();
  };
  try {
    await listen(server, join(short.path, unannounced));
    await rename(join(folder, unannounced), join(folder, name));
  } catch (error) {
    await release();
    throw error;
  }
  server.unref();
  return { release };
}

async function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path, exclusive: true }, resolve); // exclusive: not shared with a cluster's other processes
  });
}

async function anotherOwnerLives(folder: string, own: string): Promise<boolean> {
  const others = (await readdir(folder)).filter((name) => SOCKET_NAME.test(name) && name !== own);
  for (const name of others) {
    if (await listens(folder, name)) return true;
    await rm(join(folder, name), { force: true });
  }
  return false;
}

async function listens(folder: string, name: string): Promise<boolean> {
  const short = shortPathTo(folder, name);
  try {
    return await new Promise((resolve) => {
      const socket = connect({ path: join(short.path, name) });
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', (error: NodeJS.ErrnoException) => {
        resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT');
      });
    });
  } finally {
    short.close();
  }
}
