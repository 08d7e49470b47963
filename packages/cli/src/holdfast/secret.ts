import { HoldfastError, SecretBytes } from '@holdfast/ttlv/basics';
import { isTerminal, promptSecret } from '../prompt';
import { givenIn, readSecretFile, type Warn } from './secret-file';

/** A secret that opens the root of trust, and where it may come from. */
export interface SecretSource {
  /** Environment variable; another one of its name and _FILE names a file. */
  readonly variable: string;
  readonly prompt: string;
  /** What it opens is yet to be made: who mistypes it once would never open that. */
  readonly isNew?: boolean;
}
export const PASSPHRASE: SecretSource = {
  variable: 'HOLDFAST_PASSPHRASE',
  prompt: 'Passphrase of the root key: ',
};
export const NEW_PASSPHRASE: SecretSource = {
  ...PASSPHRASE,
  prompt: 'Passphrase of the new root key: ',
  isNew: true,
};
export const HSM_PIN: SecretSource = { variable: 'HOLDFAST_HSM_PIN', prompt: "PIN of the HSM's user: " };

const SHARE_PASSPHRASE: Pick<SecretSource, 'variable'> = { variable: 'HOLDFAST_SHARE_PASSPHRASE' };

/** A new secret, asked for twice. @throws HoldfastError Configuration */
export async function askNewSecret(prompt: string): Promise<SecretBytes> {
  if (!isTerminal()) throw new HoldfastError('Configuration', 'there is no terminal to ask on');
  return new SecretBytes(Buffer.from(await askTwice(prompt), 'utf8'));
}

/** What is typed twice without being shown. @throws HoldfastError Configuration */
export async function askTwice(prompt: string): Promise<string> {
  const typed = await question(prompt);
  if ((await question('The same again: ')) === typed) return typed;
  throw new HoldfastError('Configuration', 'these were two different ones');
}

/**
 * A secret from the environment (and taken out of it, so that children do not inherit it), from a file that the
 * environment names, or asked for at the terminal: a new one twice. Undefined where none of these was wanted.
 * @param warn is told where others can read the file
 * @throws HoldfastError Configuration
 */
export async function readSecret(
  { variable, prompt, isNew = false }: SecretSource,
  ask: boolean,
  warn?: Warn,
): Promise<SecretBytes | undefined> {
  const fileVariable = `${variable}_FILE`;
  const given = givenIn(variable);
  const kept = await readSecretFile(fileVariable, warn);
  if (given !== undefined && kept !== undefined) {
    throw new HoldfastError('Configuration', `set ${variable} or ${fileVariable}, not both`);
  }
  if (given !== undefined) {
    Reflect.deleteProperty(process.env, variable);
    return new SecretBytes(Buffer.from(given, 'utf8'));
  }
  if (kept !== undefined) return new SecretBytes(kept);
  if (!ask) return undefined;
  if (!isTerminal()) {
    throw new HoldfastError(
      'Configuration',
      `there is no terminal to ask on: set ${fileVariable} or ${variable}`,
    );
  }
  return new SecretBytes(Buffer.from(await (isNew ? askTwice(prompt) : question(prompt)), 'utf8'));
}

/** As the environment or a file gave it: it may be wanted for several keys. */
let givenToShares: SecretBytes | undefined;

/** What opens a custodian's share, or the private key to it. @throws HoldfastError Configuration */
export async function sharePassphrase(of: string): Promise<SecretBytes | undefined> {
  givenToShares ??= await readSecret({ ...SHARE_PASSPHRASE, prompt: '' }, false);
  if (givenToShares !== undefined) return SecretBytes.copyOf(givenToShares.reveal());
  return readSecret({ ...SHARE_PASSPHRASE, prompt: `Passphrase of ${of}: ` }, true);
}

async function question(prompt: string): Promise<string> {
  const answer = await promptSecret(prompt);
  // An HSM would count an empty PIN among those that were wrong.
  if (answer === undefined || answer === '') throw new HoldfastError('Configuration', 'nothing was given');
  return answer;
}

/** A secret as a call on the administration socket carries it; the secret itself is zeroed. */
export function handOver(secret: SecretBytes | undefined): { readonly secret?: string } {
  if (secret === undefined) return {};
  const text = secret.reveal().toString('utf8');
  secret.destroy();
  return { secret: text };
}
