import { runCommandLine } from './exit';
import { explain } from './holdfast/failure';
import { buildProgram } from './holdfast/program';

void runCommandLine(buildProgram(), process.argv, explain);
