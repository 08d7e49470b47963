import vm, { Script, type CompileFunctionOptions } from 'node:vm';
import type { JestEnvironment } from '@jest/environment';
import { TestEnvironment } from 'jest-environment-node';

/** What keepLog of the testkit was given. */
const LOGS = Symbol.for('holdfast.logs');
/** Of each log, its end. */
const SHOWN_LENGTH = 20_000;

/**
 * Where test files run: as jest has it, but that a test which fails is followed by what servers have logged until then, and
 * that a worker compiles a module once, and not again for every file that loads it. Code is all that is kept: each file
 * evaluates its modules anew, in a context of its own.
 */
export default class Environment extends TestEnvironment {
  /** How much of each log was shown with another test. */
  readonly #shown = new Map<() => string, number>();

  handleTestEvent: NonNullable<JestEnvironment['handleTestEvent']> = (event) => {
    if (event.name !== 'test_done' || event.test.errors.length === 0) return;
    const { [LOGS]: logs } = this.global as { readonly [LOGS]?: ReadonlySet<() => string> };
    for (const log of logs ?? []) {
      const text = log();
      const added = text.slice(this.#shown.get(log) ?? 0);
      this.#shown.set(log, text.length);
      if (added !== '')
        process.stderr.write(`${event.test.name}: a server logged\n${added.slice(-SHOWN_LENGTH)}\n`);
    }
  };
}

interface Compiled {
  readonly source: string;
  readonly head: string;
  readonly script: Script;
}

const compile = vm.compileFunction.bind(vm);
const kept = new Map<string, Compiled>();

function compileOnce(
  source: string,
  parameters: readonly string[],
  options: CompileFunctionOptions,
): unknown {
  const { filename = '', parsingContext } = options;
  if (parsingContext === undefined) return compile(source, parameters, options);
  const head = `(function (${parameters.join(', ')}) {`;
  let compiled = kept.get(filename);
  if (compiled?.source !== source || compiled.head !== head) {
    // Jest resolves what import() asks for in the file that it compiled the code for.
    if (/\bimport\s*\(/.test(source)) return compile(source, parameters, options);
    const script = new Script(`${head}${source}\n})`, { filename, columnOffset: -head.length });
    kept.set(filename, (compiled = { source, head, script }));
  }
  return compiled.script.runInContext(parsingContext);
}

Object.assign(vm, { compileFunction: compileOnce });
