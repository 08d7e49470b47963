import { randomUUID } from 'node:crypto';
import {
  AttributeSet,
  HoldfastError,
  SecretBytes,
  markCovered,
  type Actor,
  type AuditLog,
  type Keyring,
} from '@holdfast/core';
import { readValue, type Store } from '@holdfast/store';
import type {
  ComparedAnswer,
  ImportAnswer,
  ImportRequest,
  RecoveryAnswer,
  RecoveryRequest,
} from '../admin-protocol';
import type { ManifestObject } from './package-file';
import { decodeRecord, recordOf, type RecordHead } from './records';
import { remember } from './remember';

const DESTINATIONS: readonly string[] = ['store', 'file'] satisfies readonly RecoveryRequest['into'][];

interface OpenRecovery {
  readonly request: RecoveryRequest;
  readonly actorId: string;
  /** Those that were handed in: as many as the recovery is of, and no more. */
  readonly objects: Set<string>;
}

/** Holds escrowed objects against those that are here, and takes them back. */
export class Recovery {
  readonly #recoveries = new Map<string, OpenRecovery>();

  constructor(
    private readonly store: Pick<Store, 'keyStore' | 'lostObjects' | 'directory'>,
    private readonly keyring: Keyring,
    private readonly auditLog: AuditLog,
  ) {}

  /** Holds objects of a package against those that are here. */
  async compare(objects: readonly ManifestObject[]): Promise<ComparedAnswer> {
    const counts = { same: 0, changedSince: 0, valueReplaced: 0, destroyed: 0, gone: 0, different: 0 };
    for (const object of objects) counts[await this.#compareOne(object)]++;
    return counts;
  }

  /** Begins to take objects back, or to hand them out: who, from which package, opened by whom is recorded first. */
  async recover(request: RecoveryRequest, actor: Actor): Promise<RecoveryAnswer> {
    await this.requirePossible(request);
    const { sha256, custodians, objects, into } = request;
    const isFile = into === 'file';
    await this.auditLog.append({
      actor,
      action: isFile ? 'escrow.recover-to-file' : 'escrow.recover',
      subject: `${objects} objects of ${sha256}, opened by ${custodians.join(', ')}`.slice(0, 1000),
      outcome: 'success',
    });
    const recovery = randomUUID();
    remember(this.#recoveries, recovery, { request, actorId: actor.id, objects: new Set() });
    return { recovery };
  }

  /** @throws HoldfastError InvalidField; ItemNotFound for a domain that there is not */
  async requirePossible({ sha256, objects, into, domain }: RecoveryRequest): Promise<void> {
    const isCount = Number.isInteger(objects) && objects > 0;
    if (!/^[0-9a-f]{64}$/.test(sha256) || !isCount || !DESTINATIONS.includes(into)) {
      throw new HoldfastError('InvalidField', 'no recovery is described');
    }
    if (domain !== undefined) await this.store.directory.domainNamed(domain);
  }

  /**
   * Puts one object back as it was, where it is missing; where it was destroyed, only if that is wanted.
   * @throws HoldfastError PermissionDenied without a recovery of the officer, and beyond the objects that it is of;
   * IntegrityViolation where this installation did not write the record, unless the recovery takes foreign ones
   */
  async import(request: ImportRequest, actor: Actor): Promise<ImportAnswer> {
    const open = this.#recoveries.get(request.recovery);
    if (open?.request.into !== 'store' || open.actorId !== actor.id) {
      throw new HoldfastError('PermissionDenied', 'no such recovery was begun by this officer');
    }
    const { request: recovery } = open;
    const bytes = Buffer.from(request.record, 'base64');
    try {
      const { head, attributes, value } = decodeRecord(bytes);
      countOne(open, head);
      if (recovery.takesForeign !== true) await this.#requireOwn(head.domainId, request, bytes);
      const domain = await this.store.directory.domainNamed(recovery.domain ?? head.domain);
      await this.keyring.ensure(domain.id);
      const { uniqueIdentifier, ownerId } = head;
      // To fetch one whose row is gone, but not its records, is an error.
      const lost = await this.store.lostObjects.find(domain.id, uniqueIdentifier);
      const before =
        lost === undefined ? await this.store.keyStore.fetch(domain.id, uniqueIdentifier) : undefined;
      if (before?.hasValue === true) return { outcome: 'there already' };
      const wasDestroyed = before !== undefined || lost?.wasDestroyed === true;
      if (wasDestroyed && recovery.replacesDestroyed !== true) return { outcome: 'destroyed' };
      const object = {
        attributes: AttributeSet.fromBytes(Buffer.from(attributes)),
        value: readValue(SecretBytes.copyOf(value)),
      };
      markCovered(object.attributes);
      const { namesMayRepeat } = domain.settings;
      const cause = { actor, operation: 'EscrowRecover', namesMayRepeat };
      if (lost !== undefined) {
        await this.store.lostObjects.recover(
          { ...object, domainId: domain.id, ownerId, uniqueIdentifier },
          cause,
        );
        return { outcome: wasDestroyed ? 'replaced' : 'restored' };
      }
      await this.store.keyStore.commit(
        [
          before === undefined
            ? { kind: 'create', object: { ...object, domainId: domain.id, ownerId, uniqueIdentifier } }
            : {
                kind: 'update',
                object: before,
                attributes: object.attributes,
                value: { replace: object.value },
              },
        ],
        cause,
      );
      return { outcome: before === undefined ? 'restored' : 'replaced' };
    } finally {
      bytes.fill(0);
    }
  }

  async #requireOwn(
    domainId: string,
    { keyVersion, mac }: Pick<ImportRequest, 'keyVersion' | 'mac'>,
    record: Buffer,
  ): Promise<void> {
    const isKnown = (await this.store.directory.listDomains()).some(({ id }) => id === domainId);
    if (isKnown && (await this.#isOfKey(domainId, keyVersion, record, mac))) return;
    throw new HoldfastError(
      'IntegrityViolation',
      'this installation did not write the record: say --foreign to take it all the same',
    );
  }

  async #isOfKey(domainId: string, keyVersion: number, record: Buffer, mac: string): Promise<boolean> {
    await this.keyring.ensure(domainId);
    try {
      const bytes = Buffer.from(mac, 'base64');
      return this.keyring.verifyMac(domainId, keyVersion, 'escrowed-object', record, bytes);
    } catch (error) {
      // A version of the key that there is not, or no longer.
      if (error instanceof HoldfastError) return false;
      throw error;
    }
  }

  async #compareOne(object: ManifestObject): Promise<keyof ComparedAnswer> {
    const { domainId, uniqueIdentifier, generation, revision, keyVersion, mac } = object;
    const domain = (await this.store.directory.listDomains()).find(({ id }) => id === domainId);
    if (domain === undefined) return 'gone';
    await this.keyring.ensure(domainId);
    if ((await this.store.lostObjects.find(domainId, uniqueIdentifier)) !== undefined) return 'gone';
    const live = await this.store.keyStore.fetch(domainId, uniqueIdentifier);
    if (live === undefined) return 'gone';
    if (!live.hasValue) return 'destroyed';
    if (live.generation !== generation) return 'valueReplaced';
    if (live.revision > revision) return 'changedSince';
    const record = recordOf(domain, live);
    try {
      return (await this.#isOfKey(domainId, keyVersion, record, mac)) ? 'same' : 'different';
    } finally {
      record.fill(0);
    }
  }
}

/** Counts an object, once however often it is handed in. @throws HoldfastError PermissionDenied */
function countOne({ request, objects }: OpenRecovery, head: RecordHead): void {
  const object = `${head.domainId} ${head.uniqueIdentifier}`;
  if (!objects.has(object) && objects.size >= request.objects) {
    throw new HoldfastError('PermissionDenied', `the recovery is of ${request.objects} objects, and no more`);
  }
  objects.add(object);
}
