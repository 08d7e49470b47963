import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { Script } from 'node:vm';

/**
 * The hundreds of commands and servers that tests start spend a good part of their time finding and compiling the same modules.
 * Loaded before all else (--require), this takes both from one file, which `node code-cache.js FILE` makes of what was built;
 * without that file it does nothing. For Node 20 alone: since Node 22 there is NODE_COMPILE_CACHE.
 */

interface Cache {
  /** Paths of modules, by folder and what is required there. */
  readonly paths: Map<string, string>;
  /** V8's compiled form of a module, by path; V8 itself refuses what another version or other flags made. */
  readonly code: Map<string, Buffer>;
}

type Parent = NodeJS.Module | null | undefined;
type Resolve = (request: string, parent: Parent, ...others: readonly unknown[]) => string;

/** What Node lets tools replace. */
const loader = Module as unknown as {
  _resolveFilename: Resolve;
  readonly prototype: { _compile: (this: NodeJS.Module, content: string, filename: string) => unknown };
};
const find = loader._resolveFilename;
const compile = loader.prototype._compile;

function keyOf(request: string, parent: Parent): string {
  return `${parent?.path ?? ''}\0${request}`;
}

/** Runs a module as Node does. */
function evaluate(module: NodeJS.Module, script: Script, filename: string): unknown {
  const run = script.runInThisContext() as (this: unknown, ...parts: readonly unknown[]) => unknown;
  return run.call(
    module.exports,
    module.exports,
    createRequire(filename),
    module,
    filename,
    dirname(filename),
  );
}

function use({ paths, code }: Cache): void {
  loader._resolveFilename = function (request, parent, ...others) {
    const known = others[1] === undefined ? paths.get(keyOf(request, parent)) : undefined;
    return known ?? find.call(this, request, parent, ...others);
  };
  loader.prototype._compile = function (content, filename) {
    const cachedData = code.get(filename);
    if (cachedData === undefined) return compile.call(this, content, filename);
    return evaluate(this, new Script(Module.wrap(content), { filename, cachedData }), filename);
  };
}

/** Loads what commands and servers load, and keeps what that made. */
function make(file: string): void {
  const paths = new Map<string, string>();
  const scripts = new Map<string, Script>();
  loader._resolveFilename = function (request, parent, ...others) {
    const path = find.call(this, request, parent, ...others);
    if (parent && isAbsolute(path)) paths.set(keyOf(request, parent), path);
    return path;
  };
  loader.prototype._compile = function (content, filename) {
    // A script of ours would not know how to import.
    if (/\bimport\(|^#!/.test(content)) return compile.call(this, content, filename);
    const script = new Script(Module.wrap(content), { filename });
    scripts.set(filename, script);
    return evaluate(this, script, filename);
  };
  const packages = resolve(__dirname, '../..');
  const from = (name: string): NodeJS.Require => createRequire(join(packages, name, 'dist/index.js'));
  from('cli')('./holdfast/program');
  from('cli')('./kmip/program');
  from('cli')('@holdfast/server');
  from('pki')('reflect-metadata');
  from('pki')('@peculiar/x509');
  const code = new Map([...scripts].map(([path, script]) => [path, script.createCachedData()]));
  const unfinished = `${file}.${process.pid}`;
  writeFileSync(unfinished, serialize({ paths, code } satisfies Cache));
  renameSync(unfinished, file);
}

function read(file: string): Cache | undefined {
  try {
    return deserialize(readFileSync(file)) as Cache;
  } catch {
    return undefined;
  }
}

if (require.main === module) {
  make(process.argv[2] ?? '');
} else {
  const cache = read(process.env['HOLDFAST_TEST_CODE'] ?? '');
  if (cache !== undefined) use(cache);
}
