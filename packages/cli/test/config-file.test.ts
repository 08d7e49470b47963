import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { withConfigFile } from '../src/holdfast/config-file';
import { withRootOptions } from '../src/holdfast/root-options';

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'holdfast-test-'))));
afterAll(() => rmSync(folder, { recursive: true }));

/** The options that a command sees with this file and these arguments. */
async function optionsWith(content: unknown, ...args: readonly string[]): Promise<Record<string, unknown>> {
  const path = join(folder, 'holdfast.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  let seen: Record<string, unknown> = {};
  const command = withRootOptions(withConfigFile(new Command('serve')))
    .exitOverride()
    .option('--listen <host:port>', '', '127.0.0.1:5696')
    .option('--workers <number>', '', Number, 1)
    .option('--host <name>', '')
    .option('--log-level <level>', '', 'info')
    .action((options: Record<string, unknown>) => {
      seen = options;
    });
  await command.parseAsync(['--config', path, ...args], { from: 'user' });
  return seen;
}

test('settings of the file stand in for options that are not given', async () => {
  const options = await optionsWith({
    listen: '0.0.0.0:5696',
    hosts: ['kms.example.org'],
    root: 'shares',
    limits: { maxConnections: 10 },
  });
  expect(options).toMatchObject({
    listen: '0.0.0.0:5696',
    host: ['kms.example.org'],
    root: 'shares',
    limits: { maxConnections: 10 },
    workers: 1,
    logLevel: 'info',
  });
});

test('the command line goes before the file', async () => {
  const options = await optionsWith({ workers: 4, logLevel: 'warn' }, '--workers', '2');
  expect(options).toMatchObject({ workers: 2, logLevel: 'warn' });
});

test.each([
  [{ listn: 'x' }, 'there is no setting named listn'],
  [{ constructor: 'x' }, 'there is no setting named constructor'],
  [{ workers: '2' }, 'workers is a whole number'],
  [{ workers: 0 }, 'workers is a whole number'],
  [{ hosts: 'kms.example.org' }, 'hosts is a list of texts'],
  [{ limits: [1] }, 'limits is an object'],
  [{ root: 'Software' }, 'root is one of software, pkcs11, shares'],
  [[], 'is not a JSON object'],
  ['{', 'is not JSON'],
])('%j is refused in words', async (content, message) => {
  await expect(optionsWith(content)).rejects.toMatchObject({
    code: 'Configuration',
    message: expect.stringContaining(message) as unknown,
  });
});

test('a file that is not there is named', async () => {
  const command = withConfigFile(new Command('serve')).action(() => undefined);
  await expect(command.parseAsync(['--config', '/nowhere.json'], { from: 'user' })).rejects.toMatchObject({
    message: 'cannot read the configuration file /nowhere.json: it does not exist',
  });
});
