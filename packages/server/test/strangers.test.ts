import type { AuditRecord } from '@holdfast/core';
import { StrangersAudit } from '../src/audit/strangers';
import { createLogger } from '../src/log';

test('what one address is refused is recorded up to a number, and counted from there; others are recorded', async () => {
  const written: AuditRecord[] = [];
  const append = (...records: AuditRecord[]) => {
    written.push(...records);
    return Promise.resolve();
  };
  const audit = new StrangersAudit({ append, appendIf: () => Promise.resolve(true) }, createLogger('silent'));
  const refused = (id: string, peer: string) =>
    audit.append({
      actor: { kind: 'client', id, name: '', peer },
      action: 'connection',
      outcome: 'failure',
      reason: 'refused',
    });
  for (let port = 1; port <= 7000; port++) {
    const of = [`10.0.0.1:${port}`, `2001:db8::${port.toString(16)}:${port}`] as const;
    for (const peer of of) await refused(peer, peer);
    await refused('a known client', of[0]);
  }
  await refused('10.0.0.2:1', '10.0.0.2:1');
  expect(written).toHaveLength(6000 + 6000 + 7000 + 1);
  written.length = 0;
  await audit.tell();
  expect(written.map(({ actor, reason }) => [actor.id, reason])).toEqual([
    ['10.0.0.1', '1000 more refusals within a minute'],
    ['2001:db8:0:0::/64', '1000 more refusals within a minute'],
  ]);
  await audit.tell();
  expect(written).toHaveLength(2);
  await refused('10.0.0.1:1', '10.0.0.1:1');
  expect(written).toHaveLength(3);
  await audit.tell();
});
