import { rmSync } from 'node:fs';

/** After the last test. */
export default function removeFolder(): void {
  const folder = process.env['HOLDFAST_TEST_FOLDER'];
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
}
