import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** What the files below a folder hold. One that is gone before it is read, as a running database removes its own, is left out. */
export function* filesBelow(folder: string): Generator<{ readonly path: string; readonly content: Buffer }> {
  for (const entry of ifThere(() => readdirSync(folder, { withFileTypes: true })) ?? []) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    const content = entry.isFile() ? ifThere(() => readFileSync(path)) : undefined;
    if (content !== undefined) yield { path, content };
  }
}

function ifThere<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}
