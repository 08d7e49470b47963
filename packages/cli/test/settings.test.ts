import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { profilesPath, readProfiles, requireProfileName, writeProfiles } from '../src/kmip/profiles';
import { connectionSettings, parseServer, parseServers, readNamedFile } from '../src/kmip/settings';

let environment: { XDG_CONFIG_HOME: string };
beforeEach(() => {
  environment = { XDG_CONFIG_HOME: mkdtempSync(join(tmpdir(), 'holdfast-profiles-')) };
});
afterEach(() => rmSync(environment.XDG_CONFIG_HOME, { recursive: true }));

const wrongUse = { name: 'CommandFailure', exitCode: 2 };

test.each([
  ['kms', { host: 'kms' }],
  ['kms.example.org:1234', { host: 'kms.example.org', port: 1234 }],
  ['10.0.0.1:5696', { host: '10.0.0.1', port: 5696 }],
  ['[::1]:5696', { host: '::1', port: 5696 }],
  ['[fe80::1%eth0]', { host: 'fe80::1%eth0' }],
  ['::1', { host: '::1' }],
  ['2001:db8::7', { host: '2001:db8::7' }],
])('%s is a server', (text, server) => {
  expect(parseServer(text)).toEqual(server);
});

test.each(['', ':5696', 'kms:', 'kms:0', 'kms:65536', 'kms:port', '[::1', '[kms]', 'a:b:c:d', 'https://kms'])(
  '%p is no server',
  (text) => {
    expect(() => parseServer(text)).toThrow(expect.objectContaining(wrongUse) as Error);
  },
);

test('a file is read as far as a message may go', async () => {
  const path = join(environment.XDG_CONFIG_HOME, 'file');
  writeFileSync(path, 'content');
  expect((await readNamedFile(path, 'the file')).toString()).toBe('content');
  for (const [name, reason] of [
    ['/dev/zero', 'is longer than 64 MiB'],
    [`${path}-not`, 'does not exist'],
    [environment.XDG_CONFIG_HOME, 'cannot be read'],
  ] as const) {
    await expect(readNamedFile(name, 'the file')).rejects.toMatchObject({
      ...wrongUse,
      message: `the file ${name} ${reason}`,
    });
  }
});

test('an option counts before the environment, and that before the profile', async () => {
  const profiles = {
    one: { server: 'a:1', cert: '/a', key: '/k', ca: '/c', version: '1.2' },
    two: { server: 'b:2', cert: undefined },
  };
  await writeProfiles({ default: 'one', profiles }, environment);
  expect(await connectionSettings({}, environment)).toMatchObject({
    server: 'a:1',
    cert: '/a',
    version: '1.2',
  });
  const variables = {
    ...environment,
    KMIP_SERVER: 'env:3',
    KMIP_CERT: '/env',
    KMIP_KEY: '',
    KMIP_PROFILE: '',
  };
  expect(await connectionSettings({ cert: '/option' }, variables)).toMatchObject({
    server: 'env:3',
    cert: '/option',
    key: '/k',
  });
  expect(await connectionSettings({}, { ...environment, KMIP_PROFILE: 'two' })).toMatchObject({
    server: 'b:2',
  });
  const chosen = await connectionSettings({ profile: 'one' }, { ...environment, KMIP_PROFILE: 'two' });
  expect(chosen.server).toBe('a:1');
});

test('so do the user and the ticket, of which one stands in for the other, and passwords', async () => {
  const profiles = { one: { server: 'a', username: 'ada', passwordFile: '/ada' } };
  await writeProfiles({ default: 'one', profiles }, environment);
  const settings = async (flags: Parameters<typeof connectionSettings>[0], variables = {}) => {
    const { username, ticket, password, passwordFile } = await connectionSettings(flags, {
      ...environment,
      ...variables,
    });
    return { username, ticket, password, passwordFile };
  };
  expect(await settings({})).toEqual({ username: 'ada', passwordFile: '/ada' });
  expect(await settings({ ticket: '/t' })).toMatchObject({ username: undefined, ticket: '/t' });
  const variables = { KMIP_TICKET: '/env', KMIP_PASSWORD: 'from the environment' };
  expect(await settings({}, variables)).toMatchObject({ username: undefined, ticket: '/env' });
  expect(await settings({ username: 'bob', passwordFile: '/bob' }, variables)).toEqual({
    username: 'bob',
    passwordFile: '/bob',
  });
  expect(await settings({ username: 'bob' }, variables)).toMatchObject({ password: 'from the environment' });
  await expect(settings({ username: 'bob', ticket: '/t' })).rejects.toMatchObject(wrongUse);
  await expect(settings({ ticket: '/t', passwordFile: '/bob' })).rejects.toMatchObject(wrongUse);
  expect(await settings({}, { KMIP_PASSWORD: '', KMIP_KEY_PASSPHRASE: '' })).toMatchObject({
    password: undefined,
    passwordFile: '/ada',
  });
});

test.each([
  ['a', { host: 'a', alternatives: [] }],
  ['a:1, b:2', { host: 'a', port: 1, alternatives: [{ host: 'b', port: 2 }] }],
  ['https://a', { host: 'a', alternatives: [], httpsPath: '/kmip' }],
  ['https://a:1/', { host: 'a', port: 1, alternatives: [], httpsPath: '/' }],
  ['https://[::1]:1/k,https://b/k', { host: '::1', port: 1, alternatives: [{ host: 'b' }], httpsPath: '/k' }],
])('%s are servers', (text, servers) => {
  expect(parseServers(text)).toEqual(servers);
});

test.each(['a,', 'https://', 'https://a/k?x', 'http://a', 'a,https://b', 'https://a/x,https://b/y'])(
  '%s are none',
  (text) => {
    expect(() => parseServers(text)).toThrow(expect.objectContaining(wrongUse) as Error);
  },
);

test('what is missing is wrong use', async () => {
  await expect(connectionSettings({}, environment)).rejects.toMatchObject(wrongUse);
  await expect(connectionSettings({ profile: 'constructor' }, environment)).rejects.toMatchObject(wrongUse);
  await expect(connectionSettings({ server: 'a', timeout: '-1' }, environment)).rejects.toMatchObject(
    wrongUse,
  );
  await expect(connectionSettings({ server: 'a', timeout: 'soon' }, environment)).rejects.toMatchObject(
    wrongUse,
  );
});

describe('the profiles file', () => {
  test('is the user’s alone', async () => {
    await writeProfiles({ profiles: { lab: { server: 'a' } } }, environment);
    const path = profilesPath(environment);
    expect(path).toBe(join(environment.XDG_CONFIG_HOME, 'holdfast', 'profiles.json'));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ profiles: { lab: { server: 'a' } } });
    expect(await readProfiles(environment)).toMatchObject({ profiles: { lab: { server: 'a' } } });
  });

  test.each([
    '',
    '[]',
    '{"profiles":[]}',
    '{"profiles":{"a":5}}',
    '{"profiles":{"a":{"server":5}}}',
    '{"profiles":{"-":{}}}',
  ])('that holds %p is told to be broken', async (text) => {
    mkdirSync(join(environment.XDG_CONFIG_HOME, 'holdfast'));
    writeFileSync(profilesPath(environment), text);
    await expect(readProfiles(environment)).rejects.toMatchObject(wrongUse);
    await expect(connectionSettings({}, environment)).rejects.toMatchObject(wrongUse);
    await expect(connectionSettings({ server: 'a', profile: 'b' }, environment)).rejects.toMatchObject(
      wrongUse,
    );
    const said = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    try {
      await expect(connectionSettings({ server: 'a' }, environment)).resolves.toMatchObject({ server: 'a' });
      expect(said).toHaveBeenCalledWith(expect.stringContaining('Correct it, or remove it'));
    } finally {
      said.mockRestore();
    }
  });

  test('has plain names', () => {
    expect(requireProfileName('lab-1.eu')).toBe('lab-1.eu');
    for (const name of ['', '-x', '../x', 'a b', '__proto__', 'x'.repeat(65)]) {
      expect(() => requireProfileName(name)).toThrow(expect.objectContaining(wrongUse) as Error);
    }
  });
});
