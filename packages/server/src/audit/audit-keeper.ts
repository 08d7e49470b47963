import { HoldfastError } from '@holdfast/core';
import { AUDIT_SIGNING_KEY, newSigningKey, signerOf, type Store } from '@holdfast/store';
import type { Logger } from '../log';
import type { KeyWrapper } from '../root-keys';
import { Archiver } from './archiver';
import { OutsideCheckpoints } from './outside-checkpoints';
import type { SyslogAnswer } from './protocol';
import { Sequencer } from './sequencer';
import type { SyslogConfig } from './syslog-connection';
import { SyslogForwarder } from './syslog-forwarder';

/** What a node does for the audit log besides recording: linking it, and keeping checkpoints in its data folder. */
export class AuditKeeper {
  readonly outside: OutsideCheckpoints;
  #sequencer: Sequencer | undefined;
  #signer: ReturnType<typeof signerOf> | undefined;
  #forwarder: SyslogForwarder | undefined;
  #archiver: Archiver | undefined;

  constructor(
    private readonly store: Pick<Store, 'auditChain' | 'auditLog' | 'directory' | 'clock'>,
    private readonly root: KeyWrapper,
    dataDir: string,
    private readonly syslog: SyslogConfig | undefined,
    private readonly log: Logger,
  ) {
    this.outside = new OutsideCheckpoints(dataDir);
  }

  async start(): Promise<void> {
    const { directory, auditChain } = this.store;
    const { value } = await directory.serverSecret(AUDIT_SIGNING_KEY, () => Promise.resolve(newSigningKey()));
    const signer = (this.#signer = signerOf(value));
    value.destroy();
    this.#sequencer = new Sequencer(auditChain, signer, this.outside, this.root, this.log);
    await this.#sequencer.start();
    const isInCharge = (): boolean => this.#sequencer?.isLinking === true;
    if (this.syslog !== undefined) {
      this.#forwarder = new SyslogForwarder(this.syslog, auditChain, signer, isInCharge, this.log);
      this.#forwarder.start();
    }
    const limit = (): number => this.#forwarder?.position ?? Infinity;
    this.#archiver = new Archiver(this.store, signer, isInCharge, limit, this.log);
    this.#archiver.start();
  }

  /** Signs for the log. @throws HoldfastError RootOfTrustUnavailable while the node is sealed */
  get signer(): ReturnType<typeof signerOf> {
    return this.#signer ?? sealed();
  }

  /** @throws HoldfastError RootOfTrustUnavailable while the node is sealed */
  get archiver(): Archiver {
    return this.#archiver ?? sealed();
  }

  /** How far the log is forwarded, where it is. */
  get forwarding(): SyslogAnswer | undefined {
    return this.#forwarder?.status;
  }

  /** Whether records cannot be linked now, or checkpoints not be kept in the data folder. */
  get isFailing(): boolean {
    return this.#sequencer?.isFailing === true;
  }

  /** Links what has been committed so far, where it is this node that links. */
  async advance(): Promise<void> {
    await this.#sequencer?.advance();
  }

  async close(): Promise<void> {
    const [sequencer, forwarder] = [this.#sequencer, this.#forwarder];
    await this.#archiver?.close();
    // What was linked last is forwarded before the place is given up.
    await sequencer?.finish();
    await forwarder?.close();
    this.#sequencer = this.#signer = this.#forwarder = this.#archiver = undefined;
    await sequencer?.close();
  }
}

function sealed(): never {
  throw new HoldfastError('RootOfTrustUnavailable', 'the node is sealed');
}
