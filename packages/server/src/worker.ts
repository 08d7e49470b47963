import {
  HoldfastError,
  SYSTEM_DOMAIN_ID,
  SecretBytes,
  type ErrorCode,
  type HsmKeyCalls,
  type HsmKeys,
} from '@holdfast/core';
import { createKeyring } from '@holdfast/crypto';
import { openStore, type Store, type Wrapping } from '@holdfast/store';
import { keyringSource } from './domain-keys';
import { watchDomainKeys } from './key-rotation';
import { createLogger, describeError } from './log';
import type { KeyWrapper } from './root-keys';
import { Service } from './service';
import type { RootCall, ToKeeper, ToWorker } from './worker-protocol';

/** A worker process: serves with a store of its own and asks the keeper where the root of trust is needed. */

interface Pending {
  readonly resolve: (answer: Extract<ToWorker, { kind: 'root' }>) => void;
  readonly reject: (error: HoldfastError) => void;
}

function tell(message: ToKeeper): void {
  if (process.connected) process.send?.(message);
}

/** The keeper's root keys, as far as domain keys need them. */
class RemoteRoot implements KeyWrapper {
  readonly #pending = new Map<number, Pending>();
  #next = 0;

  async wrap(key: SecretBytes, aad: Buffer): Promise<readonly Wrapping[]> {
    const { wrappings = [] } = await this.#ask({ call: 'wrap', bytes: key.reveal() }, aad);
    return wrappings.map(({ root: by, wrapped }) => ({ root: by, wrapped: Buffer.from(wrapped) }));
  }

  async unwrap(wrappings: readonly Wrapping[], aad: Buffer): Promise<SecretBytes> {
    const { bytes = Buffer.alloc(0) } = await this.#ask({ call: 'unwrap', wrappings }, aad);
    return new SecretBytes(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }

  answer(message: Extract<ToWorker, { kind: 'root' }>): void {
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.error === undefined) pending?.resolve(message);
    else {
      const [code, text] = message.error;
      pending?.reject(new HoldfastError(code as ErrorCode, text));
    }
  }

  #ask(call: RootCall, aad: Buffer): Promise<Extract<ToWorker, { kind: 'root' }>> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      tell({ kind: 'root', id, aad, ...call });
    });
  }
}

interface PendingHsmCall {
  readonly resolve: (output: never) => void;
  readonly reject: (error: HoldfastError) => void;
}

/** The keeper's way to the keys inside the HSM. */
class RemoteHsmKeys implements HsmKeys {
  readonly #pending = new Map<number, PendingHsmCall>();
  #next = 0;

  request<C extends keyof HsmKeyCalls>(call: C, input: HsmKeyCalls[C]['in']): Promise<HsmKeyCalls[C]['out']> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      tell({ kind: 'hsm', id, call, input });
    });
  }

  answer({ id, output, error }: Extract<ToWorker, { kind: 'hsm' }>): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (error === undefined) pending?.resolve(output as never);
    else pending?.reject(new HoldfastError(error[0] as ErrorCode, error[1]));
  }
}

const hsmKeys = new RemoteHsmKeys();
const root = new RemoteRoot();
let service: Service | undefined;
let store: Store | undefined;

async function start(message: Extract<ToWorker, { kind: 'start' }>): Promise<void> {
  const log = createLogger(message.config.logLevel);
  const keyring = createKeyring(
    keyringSource(
      () => (store as Store).domainKeys,
      () => root,
    ),
  );
  store = await openStore({
    connection: message.connection,
    keyring,
    log,
    maxKeptBytes: message.config.limits.maxKeptBytes,
  });
  await watchDomainKeys(store.directory, keyring, log);
  await keyring.ensure(SYSTEM_DOMAIN_ID);
  service = await Service.create(
    message.config,
    { store, keyring, hsmKeys: message.hasHsm ? hsmKeys : undefined },
    log,
  );
  tell({ kind: 'started' });
}

async function handle(message: ToWorker): Promise<void> {
  switch (message.kind) {
    case 'start':
      return start(message);
    case 'listen': {
      const addresses = await service?.listen();
      if (addresses !== undefined) tell({ kind: 'listening', addresses });
      return;
    }
    case 'connections':
      tell({ kind: 'lost', rows: store?.auditLosses.rows ?? 0 });
      tell({ kind: 'connections', id: message.id, count: (await service?.connections()) ?? 0 });
      return;
    case 'root':
      root.answer(message);
      return;
    case 'hsm':
      hsmKeys.answer(message);
      return;
    case 'stop':
      await service?.close();
      await store?.close();
      process.exit(0);
  }
}

function main(): void {
  process.on('message', (message: ToWorker) => {
    handle(message).catch((error: unknown) => {
      const known = error instanceof HoldfastError;
      createLogger('error').error({ error: describeError(error) }, 'worker failed');
      const failed: ToKeeper = {
        kind: 'failed',
        code: known ? error.code : 'InternalServerError',
        message: known ? error.message : 'a worker could not start; the log says why',
      };
      // The keeper starts another one, which may fare better.
      process.send?.(failed, undefined, undefined, () => process.exit(1));
    });
  });
  // The keeper alone decides when a worker stops; one that lost its keeper has nothing left to do.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => undefined);
  process.on('disconnect', () => process.exit(0));
}

main();
