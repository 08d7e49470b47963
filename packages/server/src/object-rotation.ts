import { setTimeout as delay } from 'node:timers/promises';
import { LinkType, ObjectType, ResultStatus, State, Tag, dialectNamed } from '@holdfast/kmip';
import {
  HoldfastError,
  linkedBy,
  reCertify,
  reKey,
  reKeyKeyPair,
  rotationDateOf,
  type Actor,
  type AttributeSet,
  type Lead,
  type OperationDefinition,
  type Principal,
  type StoredObject,
} from '@holdfast/core';
import { ItemType, type Item } from '@holdfast/ttlv';
import type { DueRotation, RotationStore } from '@holdfast/store';
import { requestOf, type AsynchronousPorts } from './asynchronous';
import { Batch } from './batch';
import type { BatchPorts } from './batch-ports';
import type { AuditGate } from './audit/gate';
import type { AnyOperation } from './catalogue';
import type { ServerLimits } from './config';
import { describeError, type Logger } from './log';

const LOOK_INTERVAL_MS = 1000;
/** How soon another process takes over from one that has ended. */
const LEAD_INTERVAL_MS = 10_000;
/** How often those that could not be rotated are looked at again. */
const RETRY_INTERVAL_MS = 10_000;
const FIRST_PAUSE_MS = 10_000;
const LONGEST_PAUSE_MS = 3600_000;
const MAX_AT_ONCE = 100;
/** Objects that could not be rotated of which a process remembers when to try again. */
const MAX_REMEMBERED = 100_000;

const SYSTEM: Actor = { kind: 'system', id: 'system', name: 'rotation' };
/** The version that has the Rotate attributes. */
const DIALECT = dialectNamed('2.1');

export interface RotationPorts
  extends BatchPorts, Pick<AsynchronousPorts, 'directory' | 'users' | 'prepare'> {
  readonly rotations: RotationStore;
  readonly gate: AuditGate;
}

/** What a client would ask for to do the same. */
interface Rotation {
  readonly operation: AnyOperation;
  readonly payload: Item | undefined;
}

interface Pause {
  readonly notBeforeMs: number;
  readonly pauseMs: number;
}

/**
 * Rotates objects whose clients left that to the server (KMIP 2.1 sections 4.48 to 4.54): by Re-key, Re-key Key Pair or
 * Re-certify, with the rights that their owner has by then. One process of all does so; where another one comes in between, or
 * a client, an object is still replaced once, since its row must not have changed since it was read.
 */
export class ObjectRotation {
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #lead: Lead | undefined;
  #leadNotBeforeMs = 0;
  #retryAtMs = 0;
  /** Up to here all have been looked at. */
  #after: DueRotation | undefined;
  readonly #paused = new Map<string, Pause>();
  #hasAdopted = false;

  constructor(
    private readonly ports: RotationPorts,
    private readonly limits: ServerLimits,
    private readonly log: Logger,
  ) {}

  start(): void {
    this.#timer = setInterval(() => this.#look(), LOOK_INTERVAL_MS);
    this.#timer.unref();
  }

  /** Begins nothing new, and waits for what is under way up to the limit of a drain: what then fails is undone. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    const drained = delay(this.limits.drainTimeoutMs, undefined, { ref: false });
    await Promise.race([this.#looking, drained]);
    await this.#lead?.end();
  }

  #look(): void {
    this.#looking ??= this.#rotateDue()
      .catch((error: unknown) =>
        this.log.warn({ error: describeError(error) }, 'objects that are to be rotated cannot be looked for'),
      )
      .finally(() => (this.#looking = undefined));
  }

  async #rotateDue(): Promise<void> {
    const { rotations, clock } = this.ports;
    if (Date.now() >= this.#retryAtMs) {
      this.#retryAtMs = Date.now() + RETRY_INTERVAL_MS;
      this.#after = undefined;
      if (!this.#hasAdopted && (await this.#leads())) await this.#adopt();
    }
    for (;;) {
      const due = await rotations.due(clock.nowSeconds(), this.#after, MAX_AT_ONCE);
      if (due.length === 0 || !(await this.#leads())) return;
      for (const each of due) {
        if (this.#timer === undefined || this.#lead?.isHeld !== true) return;
        await this.#rotateUnlessPaused(each);
        this.#after = each;
      }
    }
  }

  /** What was stored before the server rotated by itself is found from now on. One process does this, since there may be much of it. */
  async #adopt(): Promise<void> {
    const { directory, rotations } = this.ports;
    for (const { id } of await directory.listDomains()) await rotations.adopt(id);
    this.#hasAdopted = true;
  }

  async #leads(): Promise<boolean> {
    if (this.#lead?.isHeld === true) return true;
    if (Date.now() < this.#leadNotBeforeMs) return false;
    this.#leadNotBeforeMs = Date.now() + LEAD_INTERVAL_MS;
    this.#lead = await this.ports.rotations.lead();
    return this.#lead !== undefined;
  }

  async #rotateUnlessPaused({ domainId, uniqueIdentifier }: DueRotation): Promise<void> {
    const key = `${domainId} ${uniqueIdentifier}`;
    const paused = this.#paused.get(key);
    if (paused !== undefined && paused.notBeforeMs > Date.now()) return;
    this.#paused.delete(key);
    this.ports.gate.requireOpen();
    const problem = await this.#rotate(domainId, uniqueIdentifier);
    if (problem === undefined) return;
    const pauseMs = paused === undefined ? FIRST_PAUSE_MS : Math.min(2 * paused.pauseMs, LONGEST_PAUSE_MS);
    this.#paused.set(key, { notBeforeMs: Date.now() + pauseMs, pauseMs });
    const [oldest] = this.#paused.keys();
    if (this.#paused.size > MAX_REMEMBERED && oldest !== undefined) this.#paused.delete(oldest);
    this.log.warn(
      { domainId, uniqueIdentifier, problem, againInSeconds: pauseMs / 1000 },
      'an object could not be rotated; it is tried again',
    );
  }

  /** @returns why it could not be, which is recorded */
  async #rotate(domainId: string, uniqueIdentifier: string): Promise<string | undefined> {
    const { keyStore, auditLog, clock } = this.ports;
    let action = 'rotation';
    try {
      const object = await keyStore.fetch(domainId, uniqueIdentifier);
      // Others were faster, or the projection is not that of the object.
      if (object === undefined || !isDue(object.attributes, clock.nowSeconds())) return undefined;
      const rotation = rotationOf(object);
      action = rotation.operation.name;
      return await this.#carryOut(rotation, uniqueIdentifier, await this.#principalOf(object));
    } catch (error) {
      const known = error instanceof HoldfastError;
      const reason = known ? error.code : 'InternalServerError';
      await auditLog.append({
        actor: SYSTEM,
        action,
        domainId,
        subject: uniqueIdentifier,
        outcome: 'failure',
        reason,
      });
      if (known) return error.message;
      this.log.error({ error: describeError(error) }, 'a rotation failed');
      return 'unexpected';
    }
  }

  /** @returns why it was refused: the batch has recorded it */
  async #carryOut(
    { operation, payload }: Rotation,
    uniqueIdentifier: string,
    principal: Principal,
  ): Promise<string | undefined> {
    if (payload?.type !== ItemType.Structure)
      throw new HoldfastError('InternalServerError', 'no request can be made');
    await this.ports.prepare(principal);
    const { code } = operation;
    const guarded = whileDue(operation, uniqueIdentifier);
    const catalogue = { all: [guarded as OperationDefinition], byCode: new Map([[code, guarded]]) };
    const request = requestOf({ dialect: DIALECT, operation: code, isEphemeral: false }, payload);
    const ports = { ...this.ports, catalogue };
    const batch = new Batch(request, principal, ports, this.limits.maxResponseBytes, this.log);
    const [answer] = (await batch.run()) ?? [];
    if (answer?.resultStatus === ResultStatus.Success) return undefined;
    return answer?.resultMessage ?? 'refused';
  }

  /** The owner of the object with the rights that it has now; what is made is its own. @throws HoldfastError PermissionDenied */
  async #principalOf({ ownerId, domainId }: StoredObject): Promise<Principal> {
    const { directory, users } = this.ports;
    const owner =
      (await directory.standing(ownerId)) ?? (await users.listUsers()).find(({ id }) => id === ownerId);
    if (owner?.domainId !== domainId)
      throw new HoldfastError('PermissionDenied', 'the owner of the object is revoked');
    const { namesMayRepeat } = (await directory.domain(domainId)).settings;
    return {
      clientId: ownerId,
      clientName: owner.name,
      domainId,
      role: owner.role,
      credentialId: '',
      peer: '',
      settings: 'settings' in owner ? owner.settings : undefined,
      namesMayRepeat,
      actor: SYSTEM,
    };
  }
}

/** @throws HoldfastError PermissionDenied for a public key that is of no pair */
function rotationOf(object: StoredObject): Rotation {
  const { uniqueIdentifier, attributes } = object;
  const offsetSeconds = attributes.get('RotateOffset');
  const objectType = attributes.get('ObjectType');
  if (objectType === ObjectType.SymmetricKey || objectType === ObjectType.Certificate) {
    const operation = objectType === ObjectType.Certificate ? reCertify : reKey;
    const asked = { uniqueIdentifier, offsetSeconds, newAttributes: NO_ATTRIBUTES };
    return {
      operation: operation,
      payload: operation.request.encode(Tag.RequestPayload, asked, DIALECT),
    };
  }
  const privateKeyUniqueIdentifier =
    objectType === ObjectType.PrivateKey ? uniqueIdentifier : linkedBy(object, LinkType.PrivateKeyLink);
  if (privateKeyUniqueIdentifier === undefined)
    throw new HoldfastError('PermissionDenied', 'the public key has no Link to a private key: it is no pair');
  const asked = {
    privateKeyUniqueIdentifier,
    offsetSeconds,
    commonAttributes: NO_ATTRIBUTES,
    privateKeyAttributes: NO_ATTRIBUTES,
    publicKeyAttributes: NO_ATTRIBUTES,
  };
  return {
    operation: reKeyKeyPair,
    payload: reKeyKeyPair.request.encode(Tag.RequestPayload, asked, DIALECT),
  };
}

const NO_ATTRIBUTES = { templateNames: [], attributes: [] };

/** The operation where the object that it is about is still to be rotated when it is read to be changed. */
function whileDue(operation: AnyOperation, uniqueIdentifier: string): AnyOperation {
  return {
    ...operation,
    execute: async (request, context) => {
      const { attributes, state } = await context.objects.fetch(uniqueIdentifier);
      if (!isDue(attributes, context.nowSeconds))
        throw new HoldfastError('PermissionDenied', 'the object is not to be rotated any more');
      if (state === State.Deactivated && !attributes.has('RotateOffset'))
        throw new HoldfastError(
          'WrongKeyLifecycleState',
          'the object is Deactivated, and without a Rotate Offset its replacement would be so too',
        );
      return operation.execute(request, context);
    },
  };
}

function isDue(attributes: AttributeSet, nowSeconds: number): boolean {
  const rotationDate = rotationDateOf(attributes);
  return rotationDate !== undefined && rotationDate <= nowSeconds;
}
