import { randomBytes } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { SecretBytes } from '@holdfast/core';
import { openSharedRootKey } from '@holdfast/hsm';
import type { AuditChainStore, CheckpointSigner } from '@holdfast/store';
import type { OutsideCheckpoints } from '../src/audit/outside-checkpoints';
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
