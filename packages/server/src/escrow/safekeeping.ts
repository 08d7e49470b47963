import { createHash } from 'node:crypto';
import {
  AWAITS_BACKUP,
  HoldfastError,
  awaitsBackup,
  isInHsm,
  markCovered,
  type Actor,
  type AuditLog,
  type Domain,
  type Keyring,
  type LocateFilter,
  type StoredObject,
} from '@holdfast/core';
import { recipientFrom, requireScheme, type EnvelopeHolders } from '@holdfast/crypto';
import { NameType } from '@holdfast/kmip';
import type { CustodyCopy, Store } from '@holdfast/store';
import type {
  BackupRequest,
  ConfirmedCopyAnswer,
  CustodyCopyAnswer,
  EscrowRequest,
  HoldersRequest,
} from '../admin-protocol';
import { isoDate } from '../administration-checks';
import { createBackup } from '../backup';
import type { KeyWrapper } from '../root-keys';
import { BackupOperators } from './backup-operators';
import { sealPackage, type PackageEntry } from './package-file';
import { recordOf } from './records';
import { remember } from './remember';

const MAX_ATTEMPTS = 8;

interface Covered {
  readonly domainId: string;
  readonly uniqueIdentifier: string;
  readonly generation: number;
}

/** What is to be copied, and what cannot be: a key inside the HSM never leaves it. */
interface Chosen {
  readonly objects: readonly Covered[];
  /** Identifiers. */
  readonly inHsm: readonly string[];
}

/** A copy on its way to its file. */
interface OpenCopy {
  readonly copy: Omit<CustodyCopy, 'id' | 'createdAtSeconds' | 'sha256'>;
  /** Objects that it lets be used. */
  readonly covered: readonly Covered[];
  /** Of how many that it is about the keys are inside the HSM. */
  readonly inHsm: number;
  sha256: Buffer | undefined;
}

/** Backups and escrow packages: makes them, and knows which were made. */
export class Safekeeping {
  readonly #copies = new Map<string, OpenCopy>();
  readonly #operators: BackupOperators;

  constructor(
    private readonly store: Pick<
      Store,
      'dump' | 'keyStore' | 'directory' | 'custodyCopies' | 'clock' | 'hsmKeys'
    >,
    private readonly root: KeyWrapper,
    private readonly keyring: Keyring,
    private readonly auditLog: AuditLog,
  ) {
    this.#operators = new BackupOperators(store.directory);
  }

  /** Sets for whom a backup operator makes backups. @throws HoldfastError as `requireBackupPossible` */
  bindOperator(operator: string, request: HoldersRequest, actor: Actor): Promise<void> {
    return this.#operators.bind(operator, holdersOf(request, 'a backup'), actor);
  }

  /** @throws HoldfastError as `backup` would now */
  requireBackupPossible(request: HoldersRequest): void {
    holdersOf(request, 'a backup');
  }

  /**
   * A backup of the store, sealed to its holders. It counts once it was confirmed.
   * @throws HoldfastError InvalidField for a recipient to whom nothing can be sealed, and without any; PermissionDenied for a
   * backup operator that was set other holders
   */
  async backup(request: BackupRequest, actor: Actor): Promise<AsyncIterable<Buffer>> {
    const holders = holdersOf(request, 'a backup');
    if (actor.kind === 'backup-operator') await this.#operators.requireBound(actor.name, holders);
    const covered: Covered[] = [];
    for (const { id } of await this.store.directory.listDomains()) {
      const { objects } = await this.#located(id, [{ kind: 'equals', attribute: AWAITS_BACKUP }]);
      for (const object of objects) covered.push(object);
    }
    const inHsm = (await this.store.hsmKeys.list()).filter(({ isHeld }) => isHeld).length;
    await this.#recordMaking('backup', holders, undefined, actor);
    const open = this.#open(request.id, {
      copy: { ...factsOf(holders), kind: 'backup', domainId: undefined, objects: covered.length },
      covered,
      inHsm,
      sha256: undefined,
    });
    return digested(createBackup(this.store, this.root, holders), open);
  }

  /**
   * A package of chosen objects of a domain, sealed to custodians.
   * @throws HoldfastError InvalidField, ItemNotFound where one of them is not there or has no value
   */
  async escrow(request: EscrowRequest, actor: Actor): Promise<AsyncIterable<Buffer>> {
    const { holders, domain, objects, inHsm } = await this.chosenForEscrow(request);
    await this.#recordMaking('escrow', holders, domain.id, actor);
    const open = this.#open(request.id, {
      copy: { ...factsOf(holders), kind: 'escrow', domainId: domain.id, objects: objects.length },
      covered: objects,
      inHsm: inHsm.length,
      sha256: undefined,
    });
    return digested(sealPackage(holders, this.#entries(domain, objects)), open);
  }

  /** What an escrow is to hold, and for whom. @throws HoldfastError as `escrow` */
  async chosenForEscrow(
    request: EscrowRequest,
  ): Promise<Chosen & { readonly holders: EnvelopeHolders; readonly domain: Domain }> {
    const holders = holdersOf(request, 'an escrow');
    requireScheme(request.threshold ?? 1, holders.recipients.length);
    const domain = await this.store.directory.domainNamed(request.domain);
    await this.keyring.ensure(domain.id);
    return { holders, domain, ...(await this.#chosen(domain, request)) };
  }

  /**
   * The file is on its disk, whole: it is listed, and what waited for it can be used.
   * @throws HoldfastError ItemNotFound for a copy that was not made here; IntegrityViolation where the file is another
   */
  async confirm(id: string, sha256: unknown, actor: Actor): Promise<ConfirmedCopyAnswer> {
    const open = this.#copies.get(id);
    if (open?.sha256 === undefined) {
      throw new HoldfastError('ItemNotFound', 'no such copy is being made on this node');
    }
    if (open.sha256.toString('hex') !== sha256) {
      throw new HoldfastError('IntegrityViolation', 'the file is not what was sent');
    }
    const copy = await this.store.custodyCopies.add({ ...open.copy, sha256: open.sha256 }, actor);
    for (const object of open.covered) await this.#cover(object, copy, actor);
    this.#copies.delete(id);
    return { ...this.#answer(copy, await this.#domainNames()), inHsm: open.inHsm };
  }

  async list(): Promise<readonly CustodyCopyAnswer[]> {
    const names = await this.#domainNames();
    return (await this.store.custodyCopies.list()).map((copy) => this.#answer(copy, names));
  }

  async #recordMaking(
    kind: CustodyCopy['kind'],
    { recipients, threshold }: EnvelopeHolders,
    domainId: string | undefined,
    actor: Actor,
  ): Promise<void> {
    const names = recipients.map(({ name }) => name).join(', ');
    // Recorded before anything leaves.
    await this.auditLog.append({
      actor,
      action: `store.${kind}`,
      domainId,
      subject: threshold === undefined ? names : `any ${threshold} of ${names}`,
      outcome: 'success',
    });
  }

  #open(id: unknown, open: OpenCopy): OpenCopy {
    if (typeof id === 'string') remember(this.#copies, id, open);
    return open;
  }

  async #located(domainId: string, filters: readonly LocateFilter[]): Promise<Chosen> {
    await this.keyring.ensure(domainId);
    const { uniqueIdentifiers } = await this.store.keyStore.locate({
      domainId,
      filters,
      storage: { online: true, archived: true, destroyed: false },
      order: 'oldest-first',
      offsetItems: 0,
      maximumItems: undefined,
      isCounted: false,
      nowSeconds: this.store.clock.nowSeconds(),
    });
    const objects: Covered[] = [];
    const inHsm: string[] = [];
    for (const uniqueIdentifier of uniqueIdentifiers) {
      const stored = await this.store.keyStore.fetch(domainId, uniqueIdentifier);
      if (stored?.hasValue !== true) continue;
      if (isInHsm(stored.attributes)) inHsm.push(uniqueIdentifier);
      else objects.push({ domainId, uniqueIdentifier, generation: stored.generation });
    }
    return { objects, inHsm };
  }

  async #chosen(
    { id, name: domainName }: Domain,
    { identifiers = [], names = [], all }: EscrowRequest,
  ): Promise<Chosen> {
    if (all === true) {
      const found = await this.#located(id, []);
      if (found.objects.length > 0) return found;
      throw new HoldfastError('ItemNotFound', `${domainName} has no object whose value can be escrowed`);
    }
    const chosen = new Map<string, Covered>();
    const inHsm = new Set<string>();
    for (const uniqueIdentifier of identifiers) {
      const stored = await this.store.keyStore.fetch(id, uniqueIdentifier);
      if (!isKept(stored)) {
        throw new HoldfastError(
          'ItemNotFound',
          `${domainName} has no ${uniqueIdentifier}, or not its value: it may be destroyed, or inside the HSM`,
        );
      }
      chosen.set(uniqueIdentifier, { domainId: id, uniqueIdentifier, generation: stored.generation });
    }
    for (const name of names) {
      const value = { nameValue: name, nameType: NameType.UninterpretedTextString };
      const found = await this.#located(id, [{ kind: 'equals', attribute: { key: 'Name', value } }]);
      if (found.objects.length === 0)
        throw new HoldfastError('ItemNotFound', `${domainName} has nothing named ${name} with a value`);
      for (const object of found.objects) chosen.set(object.uniqueIdentifier, object);
      for (const each of found.inHsm) inHsm.add(each);
    }
    if (chosen.size === 0)
      throw new HoldfastError('InvalidField', 'name objects by identifier or name, or take all');
    return { objects: [...chosen.values()], inHsm: [...inHsm] };
  }

  async *#entries(domain: Domain, objects: readonly Covered[]): AsyncGenerator<PackageEntry> {
    for (const { uniqueIdentifier } of objects) {
      const stored = await this.store.keyStore.fetch(domain.id, uniqueIdentifier);
      // Destroyed since it was chosen.
      if (!isKept(stored)) continue;
      const record = recordOf(domain, stored);
      const keyVersion = this.keyring.currentVersion(domain.id);
      const mac = this.keyring.mac(domain.id, keyVersion, 'escrowed-object', record).toString('base64');
      const { generation, revision } = stored;
      const object = { domain: domain.name, domainId: domain.id, uniqueIdentifier, generation, revision };
      yield { record, object: { ...object, keyVersion, mac } };
    }
  }

  /** Takes the mark off an object that is still the one which the copy has. */
  async #cover(
    { domainId, uniqueIdentifier, generation }: Covered,
    { kind }: CustodyCopy,
    actor: Actor,
  ): Promise<void> {
    const { keyStore, clock } = this.store;
    await repeatedly(async () => {
      const stored = await keyStore.fetch(domainId, uniqueIdentifier);
      if (stored?.generation !== generation || !awaitsBackup(stored.attributes)) return;
      const attributes = stored.attributes.clone();
      markCovered(attributes);
      attributes.set('LastChangeDate', clock.nowSeconds());
      await keyStore.commit([{ kind: 'update', object: stored, attributes, value: 'keep' }], {
        actor,
        operation: `covered by ${kind}`,
      });
    });
  }

  async #domainNames(): Promise<ReadonlyMap<string, string>> {
    return new Map((await this.store.directory.listDomains()).map(({ id, name }) => [id, name]));
  }

  #answer(copy: CustodyCopy, domains: ReadonlyMap<string, string>): CustodyCopyAnswer {
    const { id, kind, custodians, threshold, domainId, objects, sha256, createdAtSeconds } = copy;
    return {
      id,
      kind,
      custodians,
      threshold,
      domain: domainId === undefined ? undefined : (domains.get(domainId) ?? domainId),
      objects,
      sha256: sha256.toString('hex'),
      createdAt: isoDate(createdAtSeconds),
    };
  }
}

/** Whether there is a value that can be copied: a key inside the HSM never leaves it. */
function isKept(stored: StoredObject | undefined): stored is StoredObject {
  return stored?.hasValue === true && !isInHsm(stored.attributes);
}

function holdersOf({ recipients, threshold }: HoldersRequest, what: string): EnvelopeHolders {
  if (!Array.isArray(recipients) || recipients.length === 0) {
    throw new HoldfastError('InvalidField', `${what} needs somebody who can open it`);
  }
  const checked = recipients.map(({ name, pem }) => recipientFrom(String(name), String(pem)));
  if (threshold !== undefined) requireScheme(threshold, checked.length);
  return { recipients: checked, threshold };
}

function factsOf({ recipients, threshold }: EnvelopeHolders): Pick<CustodyCopy, 'custodians' | 'threshold'> {
  return { custodians: recipients.map(({ name }) => name), threshold };
}

async function* digested(content: AsyncIterable<Buffer>, open: OpenCopy): AsyncGenerator<Buffer> {
  const digest = createHash('sha256');
  for await (const part of content) {
    digest.update(part);
    yield part;
  }
  open.sha256 = digest.digest();
}

/** Runs work again where somebody else changed the object in between. */
async function repeatedly(work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await work();
      return;
    } catch (error) {
      const isConflict = error instanceof HoldfastError && error.code === 'RevisionConflict';
      if (!isConflict || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}
