import { counted, printable } from '../table';
import type { CaseResult } from './run';

/** A case's line, and under it where it failed. */
export function caseText({ name, folder, passed, exchange, problem, differences = [] }: CaseResult): string {
  const title = folder === '' ? name : `${folder}/${name}`;
  const lines = [`${passed ? 'pass' : 'FAIL'}  ${title}`];
  if (problem !== undefined) lines.push(`      ${problem}`);
  for (const { path, expected, actual } of differences) {
    lines.push(`      exchange ${exchange ?? 0}, ${path}: expected ${expected}, got ${actual}`);
  }
  return lines.map((line) => `${printable(line)}\n`).join('');
}

export function summary(results: readonly CaseResult[]): string {
  const passed = results.filter((result) => result.passed).length;
  return `${counted(results.length, 'case')}: ${passed} passed, ${results.length - passed} failed`;
}
