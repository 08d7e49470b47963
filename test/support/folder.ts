import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Before the first test: names the folder of what all test files copy, each of which is made by the first that needs it. */
export default function nameFolder(): void {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-tests-'));
  process.env['HOLDFAST_TEST_FOLDER'] = folder;
  process.env['HOLDFAST_TEST_CLUSTER'] = join(folder, 'cluster');
}
