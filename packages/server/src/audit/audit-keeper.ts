import { AUDIT_SIGNING_KEY, newSigningKey, signerOf, type Store } from '@holdfast/store';
import type { Logger } from '../log';
import type { KeyWrapper } from '../root-keys';
import { OutsideCheckpoints } from './outside-checkpoints';
import { Sequencer } from './sequencer';

/** What a node does for the audit log besides recording: linking it, and keeping checkpoints in its data folder. */
export class AuditKeeper {
  readonly outside: OutsideCheckpoints;
  #sequencer: Sequencer | undefined;

  constructor(
    private readonly store: Pick<Store, 'auditChain' | 'directory'>,
    private readonly root: KeyWrapper,
    dataDir: string,
    private readonly log: Logger,
  ) {
    this.outside = new OutsideCheckpoints(dataDir);
  }

  async start(): Promise<void> {
    const { directory, auditChain } = this.store;
    const { value } = await directory.serverSecret(AUDIT_SIGNING_KEY, () => Promise.resolve(newSigningKey()));
    const signer = signerOf(value);
    value.destroy();
    this.#sequencer = new Sequencer(auditChain, signer, this.outside, this.root, this.log);
    await this.#sequencer.start();
  }

  async close(): Promise<void> {
    const sequencer = this.#sequencer;
    this.#sequencer = undefined;
    await sequencer?.close();
  }
}
