import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { HoldfastError, SecretBytes } from '@holdfast/core';
import { readSecretFile } from './secret-file';

const VARIABLE = 'HOLDFAST_PASSPHRASE';
const FILE_VARIABLE = 'HOLDFAST_PASSPHRASE_FILE';

/**
 * The passphrase of the software root: from the environment (and taken out of it, so that children do not inherit it),
 * from a file that the environment names, or asked for at the terminal. Undefined where none of these was wanted.
 * @throws HoldfastError Configuration
 */
export async function readPassphrase(ask: boolean): Promise<SecretBytes | undefined> {
  // As where `$(cat FILE)` found no file: to go on would leave the root key open.
  if (process.env[VARIABLE] === '') {
    throw new HoldfastError('Configuration', `${VARIABLE} is empty: set it to a passphrase, or unset it`);
  }
  const given = process.env[VARIABLE] ?? '';
  const kept = await readSecretFile(FILE_VARIABLE);
  if (given !== '' && kept !== undefined) {
    throw new HoldfastError('Configuration', `set ${VARIABLE} or ${FILE_VARIABLE}, not both`);
  }
  if (given !== '') {
    Reflect.deleteProperty(process.env, VARIABLE);
    return new SecretBytes(Buffer.from(given, 'utf8'));
  }
  if (kept !== undefined) return new SecretBytes(kept);
  if (!ask) return undefined;
  if (!process.stdin.isTTY) {
    throw new HoldfastError(
      'Configuration',
      `there is no terminal to ask on: set ${VARIABLE} or ${FILE_VARIABLE}`,
    );
  }
  return new SecretBytes(Buffer.from(await question('Passphrase of the root key: '), 'utf8'));
}

/** Asks without showing what is typed. */
export function question(prompt: string): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true });
  process.stderr.write(prompt);
  return new Promise((resolve, reject) => {
    terminal.on('SIGINT', () => {
      terminal.close();
      process.stderr.write('\n');
      reject(new HoldfastError('Configuration', 'no passphrase was given'));
    });
    terminal.question('', (answer) => {
      terminal.close();
      process.stderr.write('\n');
      resolve(answer);
    });
  });
}
