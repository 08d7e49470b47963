import type { AdminClient, VerificationAnswer } from '@holdfast/server/admin';
import { until } from './until';

/** Has the whole store verified. @returns what was found */
export async function verified(officer: AdminClient): Promise<VerificationAnswer> {
  let answer = await officer.call('POST /verification');
  await until(async () => {
    if (answer.state === 'running') answer = await officer.call('GET /verification');
    return answer.state !== 'running';
  }, 'the verification ends');
  expect(answer.state).toBe('done');
  return answer;
}
