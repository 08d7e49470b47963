import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { Interrupted } from './exit';

/** Where a person types and reads what is asked. */
interface Terminal {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly output: NodeJS.WritableStream & { readonly isTTY?: boolean };
}
const TERMINAL: Terminal = { input: process.stdin, output: process.stderr };

export function isTerminal({ input, output }: Terminal = TERMINAL): boolean {
  return input.isTTY === true && output.isTTY === true;
}

/**
 * Asks for a secret without showing what is typed.
 * @returns undefined where there is no terminal, or its input ends (Ctrl-D)
 * @throws Interrupted at Ctrl-C, which is a key in raw mode
 */
export async function promptSecret(
  question: string,
  terminal: Terminal = TERMINAL,
): Promise<string | undefined> {
  if (!isTerminal(terminal)) return undefined;
  const { input, output } = terminal;
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input, output: nowhere, terminal: true });
  // Nothing is shown from here on: who types as soon as they are asked is not seen either.
  output.write(question);
  try {
    return await new Promise<string | undefined>((resolve, reject) => {
      lines.once('line', resolve);
      lines.once('close', () => resolve(undefined));
      lines.once('SIGINT', () => reject(new Interrupted()));
    });
  } finally {
    lines.close();
    output.write('\n');
  }
}
