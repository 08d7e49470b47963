import { runCommandLine } from './exit';
import { explain } from './holdfast/failure';
import { buildProgram } from './holdfast/program';

void runCommandLine(buildProgram(process.argv[2]), process.argv, explain);
