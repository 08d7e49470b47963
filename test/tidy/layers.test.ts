import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';

/** The layers of docs/ARCHITECTURE.md, held as a test: the compiler does not stop an import that runs upwards. */

const root = resolve(__dirname, '../..');

/** Who may import whom, and which foreign packages each may use. */
const LAYERS: Readonly<
  Record<string, { readonly own: readonly string[]; readonly foreign: readonly string[] }>
> = {
  ttlv: { own: [], foreign: ['binary-parser', 'saxes'] },
  kmip: { own: ['ttlv'], foreign: [] },
  core: { own: ['ttlv', 'kmip'], foreign: [] },
  crypto: { own: ['ttlv', 'kmip', 'core'], foreign: ['@noble/post-quantum'] },
  store: { own: ['ttlv', 'kmip', 'core'], foreign: ['pg', 'pg-copy-streams'] },
  hsm: { own: ['core'], foreign: ['graphene-pk11'] },
  pki: { own: ['core'], foreign: ['@peculiar/x509', 'reflect-metadata'] },
  server: { own: ['ttlv', 'kmip', 'core', 'crypto', 'store', 'hsm', 'pki'], foreign: ['pino'] },
  client: { own: ['ttlv', 'kmip', 'core'], foreign: [] },
  cli: { own: ['ttlv', 'kmip', 'core', 'client', 'server'], foreign: ['commander'] },
  testkit: {
    own: ['ttlv', 'kmip', 'core', 'crypto', 'store', 'hsm', 'pki', 'server', 'client'],
    foreign: ['pg', '@jest/globals'],
  },
};

/** Node modules that a pure package may use; all others are I/O. */
const PURE_BUILTINS: Readonly<Record<string, readonly string[]>> = {
  ttlv: ['node:crypto', 'node:buffer'],
  kmip: [],
  core: [],
};

/** The only files that may read secret bytes. */
const MAY_REVEAL = [
  /^packages\/ttlv\/src\/secret\.ts$/,
  /^packages\/kmip\/src\/(objects|structures|secret-codecs)\.ts$/,
  /^packages\/crypto\/src\//,
  /^packages\/hsm\/src\//,
  /^packages\/pki\/src\//,
  /^packages\/core\/src\/(objects\/[a-z-]+|pkcs11\/codec)\.ts$/,
  /^packages\/store\/src\/(objects\/value-codec|directory\/tickets|backup\/dump|chain\/signing)\.ts$/,
  /^packages\/testkit\/src\//,
  /^packages\/server\/src\/(approval-rules|audit\/retention|escrow\/backup-operators)\.ts$/,
  /^packages\/server\/src\/escrow\/records\.ts$/,
  /^packages\/server\/src\/credentials\/[a-z-]+\.ts$/,
  /^packages\/server\/src\/(tls-identity|administration|asynchronous|worker|worker-pool)\.ts$/,
  /^packages\/server\/src\/(built-in-authorities|kmip-authority)\.ts$/,
  /^packages\/cli\/src\/(key-output|holdfast\/secret)\.ts$/,
];

interface SourceFile {
  readonly path: string;
  readonly package: string;
  readonly text: string;
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesBelow(path) : path.endsWith('.ts') ? [path] : [];
  });
}

const sources: readonly SourceFile[] = Object.keys(LAYERS).flatMap((name) =>
  filesBelow(join(root, 'packages', name, 'src')).map((path) => ({
    path: relative(root, path).split(sep).join('/'),
    package: name,
    text: readFileSync(path, 'utf8'),
  })),
);

function importsOf(text: string): string[] {
  return [...text.matchAll(/(?:\bfrom\s+|\bimport\s+|\bimport\(\s*|\brequire\(\s*)['"]([^'"]+)['"]/g)].map(
    (match) => match[1] as string,
  );
}

/** What breaks a rule, as "file: what". */
function offences(find: (file: SourceFile) => readonly string[]): string[] {
  return sources.flatMap((file) => find(file).map((what) => `${file.path}: ${what}`));
}

test('every package folder has its place in the layers', () => {
  expect(readdirSync(join(root, 'packages')).sort()).toEqual(Object.keys(LAYERS).sort());
});

test('a package imports only what stands to its left', () => {
  expect(
    offences((file) =>
      importsOf(file.text).filter((specifier) => {
        if (specifier.startsWith('.')) {
          const target = relative(root, resolve(root, file.path, '..', specifier))
            .split(sep)
            .join('/');
          return (
            !target.startsWith(`packages/${file.package}/src/`) && target !== `packages/${file.package}/src`
          );
        }
        if (specifier.startsWith('node:')) return false;
        const layer = LAYERS[file.package];
        const own = /^@holdfast\/([a-z]+)(?:\/(?:admin|basics|hsm|names))?$/.exec(specifier);
        if (own !== null) return layer?.own.includes(own[1] as string) !== true;
        return layer?.foreign.some((name) => specifier === name || specifier.startsWith(`${name}/`)) !== true;
      }),
    ),
  ).toEqual([]);
});

test('each package.json names exactly the layers that its sources import', () => {
  for (const [name, layer] of Object.entries(LAYERS)) {
    const manifest = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')) as {
      dependencies?: Record<string, string>;
    };
    const declared = Object.keys(manifest.dependencies ?? {}).filter((dependency) =>
      dependency.startsWith('@holdfast/'),
    );
    const used = new Set(
      sources
        .filter((file) => file.package === name)
        .flatMap((file) => importsOf(file.text))
        .filter((specifier) => specifier.startsWith('@holdfast/'))
        .map((specifier) => specifier.split('/').slice(0, 2).join('/')),
    );
    for (const specifier of used)
      expect([name, declared]).toEqual([name, expect.arrayContaining([specifier])]);
    expect(declared.every((dependency) => layer.own.includes(dependency.slice('@holdfast/'.length)))).toBe(
      true,
    );
  }
});

test('ttlv, kmip and core do no input or output', () => {
  expect(
    offences((file) => {
      const allowed = PURE_BUILTINS[file.package];
      if (allowed === undefined) return [];
      const builtins = importsOf(file.text).filter(
        (specifier) => specifier.startsWith('node:') && !allowed.includes(specifier),
      );
      const ambient =
        file.package === 'core'
          ? (file.text.match(/\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(/g) ?? [])
          : [];
      return [...builtins, ...ambient];
    }),
  ).toEqual([]);
});

test('files of a package do not import each other in circles', () => {
  const graph = new Map<string, readonly string[]>();
  for (const file of sources) {
    // Type-only imports vanish at run time and may point back.
    const runtime = file.text.replace(/^import type [^;]*;/gms, '');
    graph.set(
      file.path,
      importsOf(runtime)
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) =>
          relative(root, resolve(root, file.path, '..', specifier))
            .split(sep)
            .join('/'),
        )
        .map((target) =>
          sources.some(({ path }) => path === `${target}.ts`) ? `${target}.ts` : `${target}/index.ts`,
        ),
    );
  }
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
    if (done.has(path) || trail.includes(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  expect(circles).toEqual([]);
});

test('holdfast starts without the operations: a command that needs more imports it when it runs', () => {
  const reached = new Set<string>();
  const visit = (path: string): void => {
    const file = sources.find(
      (each) => each.path === path || each.path === path.replace(/\.ts$/, '/index.ts'),
    );
    if (file === undefined || reached.has(file.path)) return;
    reached.add(file.path);
    const runtime = file.text.replace(/^(?:import|export) type [^;]*;/gms, '');
    for (const [, specifier = ''] of runtime.matchAll(/\b(?:from\s+|require\(|load<.*>\()'([^']+)'/g)) {
      const [, name, entry = 'index'] = /^@holdfast\/([a-z]+)(?:\/([a-z]+))?$/.exec(specifier) ?? [];
      if (name !== undefined) visit(`packages/${name}/src/${entry}.ts`);
      else if (specifier.startsWith('.'))
        visit(`${relative(root, resolve(root, file.path, '..', specifier))}.ts`);
    }
  };
  visit('packages/cli/src/holdfast.ts');
  expect(reached).toContain('packages/cli/src/holdfast/status.ts');
  expect([...reached].filter((path) => /^packages\/(?:core|kmip)\/src\/index\.ts$/.test(path))).toEqual([]);
});

test('protocol versions are compared in the versions folder alone', () => {
  const comparison =
    /protocolVersion(?:Major|Minor)\s*[<>=!]=|[<>]=?\s*\w*\.?protocolVersion|\.ordinal\s*[<>=!]|dialect\.name\s*[=!<>]=|\bversion\s*[<>]=?\s*['"]?[12]\./;
  expect(
    offences((file) =>
      file.path.startsWith('packages/kmip/src/versions/')
        ? []
        : file.text
            .split('\n')
            .filter((line) => comparison.test(line))
            .map((line) => line.trim()),
    ),
  ).toEqual([]);
});

test('secret bytes are read in few files', () => {
  expect(
    offences((file) =>
      /\.reveal\(\)/.test(file.text) && !MAY_REVEAL.some((allowed) => allowed.test(file.path))
        ? ['reveal()']
        : [],
    ),
  ).toEqual([]);
});

test('sources fit a sitting', () => {
  const tables = /(vocabulary\/|attributes\/table|algorithms|result-reasons|migrations)/;
  expect(
    offences((file) =>
      !tables.test(file.path) && file.text.split('\n').length > 450 ? ['more than 450 lines'] : [],
    ),
  ).toEqual([]);
});

test('servers are started in test files alone, by which npm run test:pkcs11 finds what to run again', () => {
  const folders = [
    'test',
    ...readdirSync(join(root, 'packages')).map((name) => join('packages', name, 'test')),
  ];
  const helpers = folders
    .map((folder) => join(root, folder))
    .filter((folder) => existsSync(folder))
    .flatMap(filesBelow)
    .filter(
      (path) => !path.endsWith('.test.ts') && /\bstartServerProcess\(/.test(readFileSync(path, 'utf8')),
    );
  expect(helpers).toEqual([]);
});
