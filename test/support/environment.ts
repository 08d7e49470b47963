import vm, { Script, type CompileFunctionOptions } from 'node:vm';
import { TestEnvironment } from 'jest-environment-node';

/**
 * Where test files run: as jest has it, but that a worker compiles a module once, and not again for every file that loads
 * it. Code is all that is kept: each file evaluates its modules anew, in a context of its own.
 */
export default TestEnvironment;

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
