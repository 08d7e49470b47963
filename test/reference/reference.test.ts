import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { referencePages } from './pages';

const FOLDER = resolve(__dirname, '../../docs/reference');
const isToWrite = process.env['HOLDFAST_WRITE_REFERENCE'] === '1';

/** The pages in docs/reference say what the sources say; `npm run reference` writes them. */
test.each(Object.entries(referencePages()))('docs/reference/%s is as the sources have it', (name, text) => {
  const path = join(FOLDER, name);
  if (isToWrite) {
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(path, text);
  }
  const found = readFileSync(path, 'utf8');
  // A difference of long pages would be hard to read: the remedy is what counts.
  if (found !== text) throw new Error(`${name} is stale: run "npm run reference" and commit what it changes`);
  expect(found).toBe(text);
});
