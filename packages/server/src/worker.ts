import {
  HoldfastError,
  SYSTEM_DOMAIN_ID,
  SecretBytes,
  type ErrorCode,
  type RootOfTrust,
} from '@holdfast/core';
import { createKeyring } from '@holdfast/crypto';
import { openStore, type Store } from '@holdfast/store';
import { keyringSource } from './domain-keys';
import { watchDomainKeys } from './key-rotation';
import { createLogger, describeError } from './log';
import { Service } from './service';
import type { ToKeeper, ToWorker } from './worker-protocol';

/** A worker process: serves with a store of its own and asks the keeper where the root of trust is needed. */

interface Pending {
  readonly resolve: (bytes: Buffer) => void;
  readonly reject: (error: HoldfastError) => void;
}

function tell(message: ToKeeper): void {
  if (process.connected) process.send?.(message);
}

/** The keeper's root of trust, as far as domain keys need it. */
class RemoteRoot implements Pick<RootOfTrust, 'wrap' | 'unwrap'> {
  readonly #pending = new Map<number, Pending>();
  #next = 0;

  wrap(key: SecretBytes, aad: Buffer): Promise<Buffer> {
    return this.#ask('wrap', key.reveal(), aad);
  }

  async unwrap(wrapped: Buffer, aad: Buffer): Promise<SecretBytes> {
    return new SecretBytes(await this.#ask('unwrap', wrapped, aad));
  }

  answer(message: Extract<ToWorker, { kind: 'root' }>): void {
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.bytes !== undefined) pending?.resolve(Buffer.from(message.bytes));
    else {
      const [code, text] = message.error ?? ['RootOfTrustUnavailable', 'the keeper gave no answer'];
      pending?.reject(new HoldfastError(code as ErrorCode, text));
    }
  }

  #ask(call: 'wrap' | 'unwrap', bytes: Buffer, aad: Buffer): Promise<Buffer> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      tell({ kind: 'root', id, call, bytes, aad });
    });
  }
}

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
  service = await Service.create(message.config, { store, keyring }, log);
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
      tell({ kind: 'connections', id: message.id, count: (await service?.connections()) ?? 0 });
      return;
    case 'root':
      root.answer(message);
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
      tell({
        kind: 'failed',
        code: known ? error.code : 'InternalServerError',
        message: known ? error.message : 'a worker could not start; the log says why',
      });
    });
  });
  // The keeper alone decides when a worker stops; one that lost its keeper has nothing left to do.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => undefined);
  process.on('disconnect', () => process.exit(0));
}

main();
