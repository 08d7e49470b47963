import { Turns } from '../src/turns';

test('those who want the same take turns in the order in which they came; others do not wait', async () => {
  const turns = new Turns();
  const told: string[] = [];
  const work = async (key: string, name: string, rounds: number) => {
    const end = await turns.take(key);
    for (let round = 0; round < rounds; round++) {
      told.push(name);
      await Promise.resolve();
    }
    end();
  };
  const all = Promise.all([
    work('a', 'one', 3),
    work('a', 'two', 2),
    work('b', 'other', 1),
    work('a', 'three', 1),
  ]);
  expect([turns.isTaken('a'), turns.isTaken('b'), turns.isTaken('c')]).toEqual([true, true, false]);
  await all;
  expect(told.filter((name) => name !== 'other')).toEqual(['one', 'one', 'one', 'two', 'two', 'three']);
  expect(told.indexOf('other')).toBeLessThan(told.indexOf('two'));
  expect([turns.isTaken('a'), turns.isTaken('b')]).toEqual([false, false]);
});
