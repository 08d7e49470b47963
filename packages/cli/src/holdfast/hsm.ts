import { Command, Option } from 'commander';
import { HoldfastError } from '@holdfast/ttlv/basics';
import { DEFAULT_ROOT_KEY_LABEL } from '@holdfast/server/admin';
import type { RootKeyFacts, TokenKeeper } from '@holdfast/server/hsm';
import { ExitCode } from '../exit';
import { printable } from '../table';
import { print } from './print';
import { HSM_PIN, readSecret } from './secret';

interface HsmOptions {
  readonly module: string;
  readonly token: string;
  readonly key: string;
  readonly json?: boolean;
}

/** Opens the token for one command; messages of the pool go to standard error. */
async function withToken<T>(
  { module: modulePath, token: tokenLabel, key: keyLabel }: HsmOptions,
  mayWrite: boolean,
  work: (keeper: TokenKeeper) => Promise<T>,
): Promise<T> {
  const pin = await readSecret(HSM_PIN, true);
  if (pin === undefined) throw new HoldfastError('Configuration', 'no PIN was given');
  const log = { info: () => undefined, warn: () => undefined };
  const targets = [{ modulePath, tokenLabel }];
  const { TokenKeeper } = await import('@holdfast/server/hsm');
  const keeper = await TokenKeeper.open({ targets, pin, log, keyLabel, mayWrite });
  try {
    return await work(keeper);
  } finally {
    await keeper.close();
    pin.destroy();
  }
}

const KEY_COLUMNS = {
  LABEL: (key: RootKeyFacts) => key.label,
  ID: (key: RootKeyFacts) => key.id,
  'CHECK VALUE': (key: RootKeyFacts) => key.checkValue,
  SENSITIVE: (key: RootKeyFacts) => yesNo(key.sensitive && key.alwaysSensitive),
  EXTRACTABLE: (key: RootKeyFacts) => yesNo(key.extractable || !key.neverExtractable),
};

function yesNo(value: boolean): string {
  return value ? 'yes' : 'no';
}

async function init(options: HsmOptions): Promise<void> {
  const key = await withToken(options, true, (keeper) => keeper.generateRootKey());
  print(key, options.json, KEY_COLUMNS, '');
}

async function status(options: HsmOptions): Promise<void> {
  const { token, keys } = await withToken(options, false, async (keeper) => ({
    token: await keeper.describe(),
    keys: await keeper.rootKeys(),
  }));
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify({ token, keys }, undefined, 2)}\n`);
    return;
  }
  const { mechanisms, ...facts } = token;
  for (const [name, value] of Object.entries(facts)) process.stdout.write(`${name}: ${printable(value)}\n`);
  process.stdout.write(`mechanisms (${mechanisms.length}): ${printable(mechanisms.join(' '))}\n\n`);
  print(keys, false, KEY_COLUMNS, `No AES key is labelled "${options.key}": make it with holdfast hsm init.`);
}

async function test(options: HsmOptions): Promise<void> {
  const steps = await withToken(options, false, (keeper) => keeper.selfTest());
  print(
    steps,
    options.json,
    {
      STEP: ({ step }) => step,
      RESULT: ({ passed }) => (passed ? 'passed' : 'FAILED'),
      DETAIL: ({ detail }) => detail,
    },
    '',
  );
  if (steps.some(({ passed }) => !passed)) process.exitCode = ExitCode.Refused;
}

function subcommand(
  name: string,
  description: string,
  action: (options: HsmOptions) => Promise<void>,
): Command {
  return new Command(name)
    .description(description)
    .addOption(
      new Option('--module <path>', "the vendor's PKCS#11 library")
        .env('HOLDFAST_PKCS11_MODULE')
        .makeOptionMandatory(),
    )
    .requiredOption('--token <label>', 'label of the token')
    .option('--key <label>', 'label of the root key', DEFAULT_ROOT_KEY_LABEL)
    .option('--json', 'print JSON')
    .action(action);
}

export function hsmCommand(): Command {
  return new Command('hsm')
    .description('set up and look after the HSM that holds the root key')
    .addHelpText(
      'after',
      `
The PIN comes from the file that HOLDFAST_HSM_PIN_FILE names, from HOLDFAST_HSM_PIN, or is asked for. It is tried once.

Example:
  holdfast hsm init --module /usr/lib/softhsm/libsofthsm2.so --token holdfast
`,
    )
    .addCommand(subcommand('init', 'make the root key: AES-256 that cannot leave the token', init))
    .addCommand(subcommand('status', 'show the token, its mechanisms and its root keys', status))
    .addCommand(subcommand('test', 'prove wrapping, refusal, random bytes and recovery on the device', test));
}
