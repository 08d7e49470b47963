import { randomBytes } from 'node:crypto';
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { HoldfastError, SecretBytes } from '@holdfast/core';
import { openSharedRootKey } from '@holdfast/hsm';
import type { AuditChainStore, Checkpoint, CheckpointSigner } from '@holdfast/store';
import { OutsideCheckpoints } from '../src/audit/outside-checkpoints';
import { Sequencer } from '../src/audit/sequencer';
import { createLogger } from '../src/log';
import { RootKeys } from '../src/root-keys';

const PROBED_AFTER_MS = 5_000;

test('the root of trust is there when the root key was replaced and the one before is gone', async () => {
  const root = () => openSharedRootKey(new SecretBytes(randomBytes(32)));
  const keys = new RootKeys(root());
  const confirmed: boolean[] = [];
  const chain: Partial<AuditChainStore> = {
    claim: () => Promise.resolve(1),
    newest: () => Promise.resolve(undefined),
    release: () => Promise.resolve(),
    link: (_epoch, _state, _signer, isConfirmed) => {
      confirmed.push(isConfirmed);
      return Promise.resolve({ isMore: false, refusedRows: 0 } as Awaited<
        ReturnType<AuditChainStore['link']>
      >);
    },
  };
  const outside: Partial<OutsideCheckpoints> = { furthest: () => Promise.resolve(undefined) };
  const now = jest.spyOn(Date, 'now').mockReturnValue(PROBED_AFTER_MS);
  const sequencer = new Sequencer(
    chain as AuditChainStore,
    {} as CheckpointSigner,
    outside as OutsideCheckpoints,
    keys,
    createLogger('silent'),
  );
  await sequencer.start();
  const next = root();
  keys.add(next);
  keys.prefer(next);
  await keys.dropOthers();
  now.mockReturnValue(2 * PROBED_AFTER_MS);
  await sequencer.advance();
  for (let turns = 0; turns < 10; turns++) await turn();
  await sequencer.advance();
  await sequencer.close();
  expect([confirmed[0], confirmed.at(-1)]).toEqual([true, true]);
  await keys.close();
});

test('a database that has not answered is not waited for again when the node stops', async () => {
  const keys = new RootKeys(openSharedRootKey(new SecretBytes(randomBytes(32))));
  const asked: string[] = [];
  const away = (what: string) => () => {
    asked.push(what);
    return Promise.reject(new HoldfastError('StoreUnavailable', 'the key store cannot be reached'));
  };
  const chain: Partial<AuditChainStore> = {
    claim: () => Promise.resolve(1),
    newest: () => Promise.resolve(undefined),
    link: away('link'),
    release: away('release'),
  };
  const outside: Partial<OutsideCheckpoints> = { furthest: () => Promise.resolve(undefined) };
  const sequencer = new Sequencer(
    chain as AuditChainStore,
    {} as CheckpointSigner,
    outside as OutsideCheckpoints,
    keys,
    createLogger('silent'),
  );
  await sequencer.start();
  await sequencer.finish();
  await sequencer.close();
  expect(asked).toEqual(['link']);
  await keys.close();
});

test('a checkpoint is kept behind the piece of a line that a crash left', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-'));
  try {
    const outside = new OutsideCheckpoints(dataDir);
    const [first, second] = [1, 2].map((position) => ({
      statement: JSON.stringify({ position }),
      signature: randomBytes(64),
    }));
    await outside.keep(first as Checkpoint);
    await appendFile(join(dataDir, 'audit', 'checkpoints.jsonl'), '{"checkpoint":"{\\"format\\":1,\\"posi');
    await outside.keep(second as Checkpoint);
    expect(await outside.kept()).toEqual([first, second]);
  } finally {
    await rm(dataDir, { recursive: true });
  }
});
