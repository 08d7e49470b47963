import { HoldfastError } from '@holdfast/ttlv/basics';
import { readBytes } from './files';

/**
 * A secret from a file that an environment variable names, as containers and systemd hand secrets over: the file's
 * content without the line end that editors leave. The buffer is the caller's, who zeroes it.
 * @returns undefined where the variable is not set
 * @throws HoldfastError Configuration
 */
export async function readSecretFile(variable: string): Promise<Buffer | undefined> {
  const path = givenIn(variable);
  return path === undefined ? undefined : secretIn(path, variable);
}

/**
 * The value of an environment variable. One that is empty was meant to have one, as where `$(cat FILE)` found no file: to go
 * on without would make another store, or leave a root key open.
 * @throws HoldfastError Configuration
 */
export function givenIn(variable: string): string | undefined {
  const value = process.env[variable];
  if (value !== '') return value;
  throw new HoldfastError('Configuration', `${variable} is empty: set or unset it`);
}

/**
 * The secret in a file, as readSecretFile has it.
 * @param named what named the file
 * @throws HoldfastError Configuration
 */
export async function secretIn(path: string, named: string): Promise<Buffer> {
  const content = await readBytes(path, `${named}: `);
  let end = content.length;
  if (content[end - 1] === 0x0a) end--;
  if (content[end - 1] === 0x0d) end--;
  if (end === 0) throw new HoldfastError('Configuration', `${named}: ${path} is empty`);
  return content.subarray(0, end);
}
