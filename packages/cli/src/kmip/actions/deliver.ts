import { wrongUse } from '../../exit';
import { formatKey, writeKey, type KeyBytes, type KeyDestination } from '../../key-output';
import { plainListing, print, type PlainRecord } from '../output';
import type { CommonFlags } from './perform';

/** Writes key bytes where they were asked for; with `--json` and no file they become the member `value`. */
export async function deliver(
  key: KeyBytes,
  destination: KeyDestination,
  facts: PlainRecord,
  flags: CommonFlags,
): Promise<void> {
  const { path, format } = destination;
  try {
    if (path === undefined && flags.json === true) {
      if (format === undefined || format === 'raw')
        throw wrongUse('raw bytes do not go into JSON', 'Use --format hex.');
      print({ ...facts, format, value: formatKey(key, format).toString() }, flags, plainListing);
      return;
    }
    await writeKey(key, destination);
    if (path !== undefined) print({ ...facts, file: path }, flags, plainListing);
  } finally {
    key.bytes.destroy();
  }
}
