import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The product's version, from this package's manifest. */
export const VERSION = (
  JSON.parse(readFileSync(join(__dirname, '..', 'package.json'), 'utf8')) as { readonly version: string }
).version;
