import { runCommandLine } from './exit';
import { explain } from './kmip/explain';
import { buildProgram } from './kmip/program';

void runCommandLine(buildProgram(), process.argv, explain);
