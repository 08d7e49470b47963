import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

/**
 * Exchanges that were recorded with real clients are not part of this repository: HOLDFAST_VECTORS, or the folder
 * `shared` beside the checkout, may have them as `captures/*.txt` (a comment, then lines of `> hex` and `< hex`).
 */
const folder = join(process.env['HOLDFAST_VECTORS'] ?? resolve(__dirname, '../../../shared'), 'captures');

export interface Recording {
  readonly title: string;
  readonly request: Buffer;
}

export function recordings(): readonly Recording[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.txt'))
    .sort()
    .flatMap((name) => {
      const found: Recording[] = [];
      let comment = '';
      for (const line of readFileSync(join(folder, name), 'utf8').split('\n')) {
        if (line.startsWith('#')) comment = line.slice(2, 110);
        if (!line.startsWith('> ')) continue;
        const request = Buffer.from(line.slice(2).trim(), 'hex');
        found.push({ title: `${name} ${found.length + 1}: ${comment}`, request });
      }
      return found;
    });
}
