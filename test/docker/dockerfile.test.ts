import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';

/** Dockerfile and compose file against the tree and each other: what can be held without a container engine. */

const root = resolve(__dirname, '../..');
const holdfast = join(root, 'packages/cli/bin/holdfast.js');

interface Instruction {
  readonly keyword: string;
  readonly text: string;
}

/** The instructions, continuation lines joined, comments left out. */
function instructionsOf(dockerfile: string): Instruction[] {
  return dockerfile
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, keyword = '', text = ''] = /^(\S+)\s+(.*)$/.exec(line) ?? [];
      return { keyword, text };
    });
}

const instructions = instructionsOf(readFileSync(join(root, 'docker/Dockerfile'), 'utf8'));
const runtime = instructions.slice(instructions.map(({ keyword }) => keyword).lastIndexOf('FROM'));

function only(keyword: string): string {
  const found = runtime.filter((instruction) => instruction.keyword === keyword);
  expect([keyword, found.length]).toEqual([keyword, 1]);
  return found[0]?.text ?? '';
}

function execForm(text: string): string[] {
  return JSON.parse(text) as string[];
}

interface Service {
  readonly command?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes: readonly string[];
  readonly networks: readonly string[];
  readonly build?: {
    readonly context: string;
    readonly dockerfile: string;
    readonly args: Record<string, string>;
  };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly [other: string]: unknown;
}
interface Compose {
  readonly services: Readonly<Record<'server' | 'postgres', Service>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly networks: Readonly<Record<string, unknown>>;
}

const compose = parse(readFileSync(join(root, 'docker/compose.yaml'), 'utf8')) as Compose;
const { server, postgres } = compose.services;

/** The long options that the help of a command names. */
function optionsInHelp(command: string): string[] {
  const help = execFileSync(process.execPath, [holdfast, command, '--help'], { encoding: 'utf8' });
  return [...help.matchAll(/--[a-z-]+/g)].map(([option]) => option);
}

/** The .dockerignore, as far as this project uses its language: everything is out but for what "!" brings back. */
function inContext(path: string): boolean {
  const patterns = readFileSync(join(root, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  let included = true;
  for (const pattern of patterns) {
    const brings = pattern.startsWith('!');
    const regex = new RegExp(
      `^${pattern
        .replace(/^!/, '')
        .replace(/[.]/g, '\\.')
        .replace(/\*\*\//g, '(.+/)?')
        .replace(/\*/g, '[^/]*')}(/.*)?$`,
    );
    if (regex.test(path)) included = brings;
  }
  return included;
}

test('what is copied from the context is there and not ignored', () => {
  const copied = instructions
    .filter(({ keyword, text }) => keyword === 'COPY' && !text.startsWith('--from='))
    .flatMap(({ text }) => text.split(' ').slice(0, -1));
  expect(copied.length).toBeGreaterThan(0);
  expect(copied.filter((path) => !existsSync(join(root, path)) || !inContext(path))).toEqual([]);
});

test('the context holds the sources, and neither built nor tested nor secret files', () => {
  const out = ['node_modules', 'docker/secrets', '.git', 'data', 'packages/cli/dist', 'packages/cli/test'];
  expect(out.filter(inContext)).toEqual([]);
  expect(inContext('packages/cli/src/holdfast.ts')).toBe(true);
  expect(inContext('packages/cli/bin/holdfast.js')).toBe(true);
});

test('every workspace of the image is a package that the build can see', () => {
  const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    workspaces: string[];
  };
  expect([...workspaces].sort()).toEqual(
    readdirSync(join(root, 'packages')).map((name) => `packages/${name}`),
  );
});

test('what the final stage takes from the build stage is made there', () => {
  const [, stage] =
    /AS (\S+)$/.exec(instructions.find(({ keyword }) => keyword === 'FROM')?.text ?? '') ?? [];
  const directory = instructions.find(({ keyword }) => keyword === 'WORKDIR')?.text ?? '';
  const sources = runtime
    .filter(({ keyword, text }) => keyword === 'COPY' && text.startsWith('--from='))
    .map(({ text }) => text.split(' '));
  expect(sources.map(([from]) => from)).toEqual(sources.map(() => `--from=${stage ?? ''}`));
  expect(sources.map(([, path]) => path)).toEqual([`${directory}/node_modules`, `${directory}/packages`]);
  expect(only('WORKDIR')).toBe(directory);
});

test('native packages are built where there is a compiler, for the system that they run on', () => {
  const defaultOf = (name: string): string =>
    instructions
      .find(({ keyword, text }) => keyword === 'ARG' && text.startsWith(`${name}=`))
      ?.text.slice(name.length + 1) ?? '';
  const stages = instructions.filter(({ keyword }) => keyword === 'FROM').map(({ text }) => text);
  expect(stages).toEqual(['${BUILD_IMAGE} AS build', '${NODE_IMAGE}']);
  expect(defaultOf('NODE_IMAGE')).toBe(`${defaultOf('BUILD_IMAGE')}-slim`);
});

test('the image runs as a user that is not root, by number, who owns the data folder', () => {
  const [uid, gid] = only('USER').split(':');
  expect(Number(uid)).toBeGreaterThan(0);
  const made = runtime.find(({ keyword }) => keyword === 'RUN')?.text ?? '';
  expect(made).toContain(`--uid ${uid ?? ''} --gid ${gid ?? ''}`);
  expect(made).toContain(`--mode=0700 ${only('VOLUME')}`);
});

test('the commands in the image are commands of holdfast, with options that it has', () => {
  const [program] = execForm(only('ENTRYPOINT'));
  const [, health = ''] = /CMD (.*)$/.exec(only('HEALTHCHECK')) ?? [];
  const [checker, ...check] = execForm(health);
  expect([program, checker]).toEqual(['holdfast', 'holdfast']);
  for (const [command = '', ...rest] of [execForm(only('CMD')), check, [...(server.command ?? [])]]) {
    const options = optionsInHelp(command);
    expect(options).toEqual(expect.arrayContaining(rest.filter((argument) => argument.startsWith('--'))));
    expect(rest[rest.indexOf('--data-dir') + 1]).toBe(only('VOLUME'));
  }
});

test('ports and folders agree', () => {
  const port = only('EXPOSE');
  for (const command of [execForm(only('CMD')), server.command ?? []]) {
    expect(command[command.indexOf('--listen') + 1]).toBe(`0.0.0.0:${port}`);
  }
  expect(server.ports?.map((mapping) => mapping.split(':').at(-1))).toEqual([port]);
  expect(server.volumes).toEqual([`data:${only('VOLUME')}`]);
  expect(only('ENV')).toContain(`HOLDFAST_DATA_DIR=${only('VOLUME')}`);
});

test('the compose file builds this Dockerfile with arguments that it takes', () => {
  const { context, dockerfile, args } = server.build ?? { context: '', dockerfile: '', args: {} };
  expect(resolve(root, 'docker', context)).toBe(root);
  expect(existsSync(resolve(root, 'docker', context, dockerfile))).toBe(true);
  const known = instructions.filter(({ keyword }) => keyword === 'ARG').map(({ text }) => text.split('=')[0]);
  expect(known).toEqual(expect.arrayContaining(Object.keys(args)));
});

test('volumes, networks and secrets that services use are declared', () => {
  for (const service of [server, postgres]) {
    expect(Object.keys(compose.networks)).toEqual(expect.arrayContaining([...service.networks]));
    expect(Object.keys(compose.secrets)).toEqual(expect.arrayContaining([...service.secrets]));
    const volumes = service.volumes.map((mount) => mount.split(':')[0]);
    expect(Object.keys(compose.volumes)).toEqual(expect.arrayContaining(volumes));
  }
  expect(server.depends_on?.['postgres']?.condition).toBe('service_healthy');
});

test('neither service has more rights than it needs', () => {
  for (const service of [server, postgres]) {
    expect(service['read_only']).toBe(true);
    expect(service['cap_drop']).toEqual(['ALL']);
    expect(service['security_opt']).toEqual(['no-new-privileges:true']);
    expect(service['privileged']).toBeUndefined();
  }
  expect(server['cap_add']).toBeUndefined();
  expect(postgres.ports).toBeUndefined();
});

test('secrets come as files that make-secrets makes, never as values', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
  try {
    mkdirSync(join(folder, 'docker'));
    copyFileSync(join(root, 'docker/make-secrets'), join(folder, 'docker/make-secrets'));
    const make = (): string =>
      execFileSync('sh', [join(folder, 'docker/make-secrets')], { encoding: 'utf8', stdio: 'pipe' });
    make();
    expect(make).toThrow('exists already');
    const secret = (file: string): string => readFileSync(join(folder, 'docker', file), 'utf8');
    for (const { file } of Object.values(compose.secrets)) {
      expect(secret(file)).not.toBe('');
      expect(statSync(join(folder, 'docker', file)).mode & 0o077).toBe(0);
    }
    const url = new URL(secret('secrets/database-url'));
    expect(url.password).toBe(secret('secrets/database-password'));
    expect([url.username, url.pathname]).toEqual([
      postgres.environment['POSTGRES_USER'],
      `/${postgres.environment['POSTGRES_DB'] ?? ''}`,
    ]);
    expect(Object.keys(compose.services)).toContain(url.hostname);
  } finally {
    rmSync(folder, { recursive: true });
  }
  for (const service of [server, postgres]) {
    const named = Object.values(service.environment).filter((value) => value.startsWith('/run/secrets/'));
    expect(named.sort()).toEqual(service.secrets.map((name) => `/run/secrets/${name}`).sort());
    const inClear = Object.keys(service.environment).filter((name) =>
      /(PASSWORD|PASSPHRASE|DATABASE_URL)$/.test(name),
    );
    expect(inClear).toEqual([]);
  }
});
