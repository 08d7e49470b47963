import type { SecretBytes } from '@holdfast/ttlv';
import type { Actor, Role } from '../identity';

/** What a device says of itself in a Device credential; a registered device has at least one. KMIP 2.1 section 9.11. */
export interface DeviceIdentifiers {
  readonly deviceSerialNumber?: string | undefined;
  readonly networkIdentifier?: string | undefined;
  readonly machineIdentifier?: string | undefined;
  readonly mediaIdentifier?: string | undefined;
  readonly deviceIdentifier?: string | undefined;
}
/** In the order in which a device is looked up by them. */
export const DEVICE_IDENTIFIERS = [
  'deviceSerialNumber',
  'networkIdentifier',
  'machineIdentifier',
  'mediaIdentifier',
  'deviceIdentifier',
] as const satisfies readonly (keyof DeviceIdentifiers)[];

/** Somebody who proves its identity by a credential in the request header. */
export interface User {
  readonly id: string;
  /** The Username of its credentials; for a device, what officers call it. */
  readonly name: string;
  readonly domainId: string;
  readonly role: Role;
  /** The clients on whose connections alone it may be used; empty: any client of its domain. */
  readonly clientIds: readonly string[];
  /** Undefined for users who show a name. */
  readonly device: DeviceIdentifiers | undefined;
  /** Counts changes of the verifiers: what was proved against earlier ones is to be proved again. */
  readonly epoch: number;
  /** What its proofs are checked against, in a form that is the server's own; sealed at rest. */
  readonly verifiers: SecretBytes | undefined;
  readonly createdAtSeconds: number;
}

export type NewUser = Pick<User, 'name' | 'domainId' | 'role' | 'clientIds' | 'device' | 'verifiers'>;

/** What may be used once only, and moves forward alone: the time of a Hashed Password, the step of a one time password. */
export type UserCounter = 'time-stamp-us' | 'one-time-step';

/**
 * The users of all domains. Rows are MACed, verifiers sealed; a row that is not what was written fails with
 * IntegrityViolation. Names are unique over all domains, and so is what a device says of itself.
 */
export interface Users {
  /** @throws HoldfastError ObjectAlreadyExists */
  addUser(user: NewUser, actor: Actor): Promise<User>;
  listUsers(): Promise<readonly User[]>;
  /** @throws HoldfastError ItemNotFound */
  changeVerifiers(name: string, verifiers: SecretBytes, actor: Actor): Promise<User>;
  /** The name may be given to another user afterwards. @throws HoldfastError ItemNotFound */
  removeUser(name: string, actor: Actor): Promise<void>;
  /** The user of that name; undefined where there is none, or where it is a device's. */
  userNamed(name: string): Promise<User | undefined>;
  /** The devices of which one identifier is among these; the caller compares the others. */
  devicesLike(identifiers: DeviceIdentifiers): Promise<readonly User[]>;
  /** @returns whether the value is greater than all before it */
  advance(user: User, counter: UserCounter, value: number, actor: Actor): Promise<boolean>;
}
