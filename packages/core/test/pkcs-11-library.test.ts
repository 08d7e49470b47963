import { Pkcs11Library } from '../src/pkcs11/library';

test('the handles of a library are those of the objects used last, and no other gets one that is forgotten', () => {
  const library = new Pkcs11Library({ close: () => undefined });
  const [used, unused] = [library.handleOf('used'), library.handleOf('unused')];
  const others = Array.from({ length: 50_000 }, (_, n) => {
    if (n % 1000 === 0) expect(library.identifierOf(used)).toBe('used');
    return library.handleOf(`other ${n}`);
  });
  expect(library.identifierOf(unused)).toBeUndefined();
  expect(library.handleOf('used')).toBe(used);
  const anew = library.handleOf('unused');
  expect(new Set([used, unused, anew, ...others]).size).toBe(50_003);
  expect(library.identifierOf(anew)).toBe('unused');
});

test('what searches have found is bounded for all sessions of a library together', () => {
  const library = new Pkcs11Library({ close: () => undefined });
  const found = Array.from({ length: 10_000 }, (_, n) => `object ${n}`);
  const sessions = [1, 2, 3].map(() => library.session(library.openSession(true)));
  const keep = (index: number) => library.keepFound(sessions[index]!, found);
  expect([keep(0), keep(1), keep(2), sessions[2]!.found]).toEqual([true, true, false, undefined]);
  sessions[0]!.found = found.slice(0, 0);
  expect(keep(2)).toBe(true);
});
