import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { HoldfastError, SecretBytes } from '@holdfast/core';

const VARIABLE = 'HOLDFAST_PASSPHRASE';

/**
 * The passphrase of the software root: from the environment (and taken out of it, so that children do not inherit it),
 * or asked for at the terminal. Undefined where neither was wanted.
 */
export async function readPassphrase(ask: boolean): Promise<SecretBytes | undefined> {
  const given = process.env[VARIABLE];
  if (given !== undefined && given !== '') {
    Reflect.deleteProperty(process.env, VARIABLE);
    return new SecretBytes(Buffer.from(given, 'utf8'));
  }
  if (!ask) return undefined;
  if (!process.stdin.isTTY) {
    throw new HoldfastError('Configuration', `there is no terminal to ask on: set ${VARIABLE}`);
  }
  return new SecretBytes(Buffer.from(await question('Passphrase of the root key: '), 'utf8'));
}

/** Asks without showing what is typed. */
function question(prompt: string): Promise<string> {
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
