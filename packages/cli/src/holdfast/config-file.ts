import { readFile } from 'node:fs/promises';
import { Option, type Command } from 'commander';
import { HoldfastError } from '@holdfast/ttlv/basics';
import { unreadable } from './files';

/** A setting that the configuration file may hold, and the command line option that says the same. */
interface Setting {
  readonly option: string;
  readonly kind: string;
  readonly accepts: (value: unknown) => boolean;
}

const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';
const isTextList = (value: unknown): boolean => Array.isArray(value) && value.every(isText);
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const TEXT = { kind: 'a text', accepts: isText };
const TEXT_LIST = { kind: 'a list of texts', accepts: isTextList };

const SETTINGS: Readonly<Record<string, Setting>> = {
  listen: { option: 'listen', ...TEXT },
  httpsListen: { option: 'httpsListen', ...TEXT },
  authentication: { option: 'authentication', ...TEXT },
  httpsAuthentication: { option: 'httpsAuthentication', ...TEXT },
  databaseUrl: { option: 'databaseUrl', ...TEXT },
  root: { option: 'root', ...TEXT },
  pkcs11Module: { option: 'pkcs11Module', ...TEXT },
  pkcs11Tokens: { option: 'pkcs11Token', ...TEXT_LIST },
  pkcs11Key: { option: 'pkcs11Key', ...TEXT },
  workers: {
    option: 'workers',
    kind: 'a whole number from 1 to 256',
    accepts: (value) => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 256,
  },
  logLevel: { option: 'logLevel', ...TEXT },
  hosts: { option: 'host', ...TEXT_LIST },
  crlUrls: { option: 'crlUrl', ...TEXT_LIST },
  caIssuerUrls: { option: 'caIssuerUrl', ...TEXT_LIST },
  auditGraceSeconds: {
    option: 'auditGrace',
    kind: 'a whole number from 15 to 2592000',
    accepts: (value) => Number.isInteger(value) && (value as number) >= 15 && (value as number) <= 2_592_000,
  },
  syslog: { option: 'syslog', ...TEXT },
  syslogCa: { option: 'syslogCa', ...TEXT },
  syslogCert: { option: 'syslogCert', ...TEXT },
  syslogKey: { option: 'syslogKey', ...TEXT },
  approvedOnly: {
    option: 'approvedOnly',
    kind: 'true or false',
    accepts: (value) => typeof value === 'boolean',
  },
  hsmRandom: { option: 'hsmRandom', kind: 'true or false', accepts: (value) => typeof value === 'boolean' },
  limits: { option: 'limits', kind: 'an object of numbers', accepts: isObject },
};

/** Adds --config: the file's settings stand in for options that are neither on the command line nor in the environment. */
export function withConfigFile(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--config <file>',
        'JSON file of settings; the command line and the environment go before',
      ).env('HOLDFAST_CONFIG'),
    )
    .hook('preAction', async (_program, action) => {
      const { config } = action.opts<{ readonly config?: string }>();
      if (config !== undefined) await useConfigFile(action, config);
    });
}

async function useConfigFile(command: Command, path: string): Promise<void> {
  for (const [name, value] of Object.entries(await readConfigFile(path))) {
    const setting = SETTINGS[name];
    if (setting === undefined || !Object.hasOwn(SETTINGS, name)) {
      const known = Object.keys(SETTINGS).join(', ');
      throw new HoldfastError(
        'Configuration',
        `${path}: there is no setting named ${name}; there are ${known}`,
      );
    }
    if (!setting.accepts(value)) {
      throw new HoldfastError('Configuration', `${path}: ${name} is ${setting.kind}`);
    }
    const choices = command.options.find((one) => one.attributeName() === setting.option)?.argChoices;
    if (choices !== undefined && !choices.includes(value as string)) {
      throw new HoldfastError('Configuration', `${path}: ${name} is one of ${choices.join(', ')}`);
    }
    const source = command.getOptionValueSource(setting.option);
    if (source === undefined || source === 'default') {
      command.setOptionValueWithSource(setting.option, value, 'config');
    }
  }
}

async function readConfigFile(path: string): Promise<Readonly<Record<string, unknown>>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw unreadable(`the configuration file ${path}`, cause);
  }
  try {
    const settings: unknown = JSON.parse(text);
    if (isObject(settings)) return settings;
  } catch (cause) {
    throw new HoldfastError('Configuration', `${path} is not JSON`, { cause });
  }
  throw new HoldfastError('Configuration', `${path} is not a JSON object of settings`);
}
