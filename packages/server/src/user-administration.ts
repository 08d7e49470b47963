import { randomBytes } from 'node:crypto';
import {
  DEVICE_IDENTIFIERS,
  HoldfastError,
  SecretBytes,
  type Actor,
  type DeviceIdentifiers,
  type Directory,
  type User,
  type Users,
} from '@holdfast/core';
import type { AddUserRequest, AddedUserAnswer, UserAnswer } from './admin-protocol';
import { checkName, checkRole, isoDate, orTaken } from './administration-checks';
import { ONE_TIME_KEY_BYTES, oneTimePasswordUri } from './credentials/one-time-password';
import { packVerifiers, unpackVerifiers, verifiersFor } from './credentials/verifiers';

const MIN_PASSWORD_CHARACTERS = 8;
const MAX_PASSWORD_BYTES = 1024;
const MAX_IDENTIFIER_CHARACTERS = 256;

/** What officers do with users: those who prove their identity by a credential in the request header. */
export class UserAdministration {
  constructor(
    private readonly users: Users,
    private readonly directory: Directory,
  ) {}

  async listUsers(): Promise<readonly UserAnswer[]> {
    const domains = await this.directory.listDomains();
    const domainNames = new Map(domains.map(({ id, name }) => [id, name]));
    const clients = await this.directory.listClients();
    const clientNames = new Map(clients.map(({ id, name }) => [id, name]));
    return (await this.users.listUsers()).map((user) => answerOf(user, domainNames, clientNames));
  }

  async addUser(request: AddUserRequest, actor: Actor): Promise<AddedUserAnswer> {
    const name = checkName('user', request.name);
    const device = checkDevice(request.device);
    const hashedPassword = request.hashedPassword === true;
    const withOneTimePassword = request.oneTimePassword === true;
    const password = request.password === undefined ? undefined : checkPassword(request.password);
    if (password === undefined && (device === undefined || hashedPassword || withOneTimePassword)) {
      throw new HoldfastError('InvalidField', 'only a device may have no password');
    }
    if (device !== undefined && (hashedPassword || withOneTimePassword)) {
      throw new HoldfastError(
        'InvalidField',
        'a device has neither a Hashed Password nor one time passwords',
      );
    }
    const domain = await this.directory.domainNamed(request.domain ?? 'default');
    const clients = await Promise.all(
      (request.clients ?? []).map((client) => this.directory.clientNamed(client)),
    );
    const oneTimeKey = withOneTimePassword ? randomBytes(ONE_TIME_KEY_BYTES) : undefined;
    const verifiers = await verifiersFor(name, password, {
      hashedPassword,
      oneTimeKey: oneTimeKey?.toString('base64'),
    });
    password?.destroy();
    const user = await orTaken(
      `a user named ${name}, or a device with these identifiers,`,
      this.users.addUser(
        {
          name,
          domainId: domain.id,
          role: checkRole(request.role),
          clientIds: clients.map(({ client }) => client.id),
          device,
          verifiers: packVerifiers(verifiers),
        },
        actor,
      ),
    );
    const clientNames = new Map(clients.map(({ client }) => [client.id, client.name]));
    const answer = answerOf(user, new Map([[domain.id, domain.name]]), clientNames);
    return oneTimeKey === undefined
      ? answer
      : { ...answer, oneTimePasswordUri: oneTimePasswordUri(oneTimeKey, name) };
  }

  /** What was proved by the old password is to be proved again, on every node and connection. */
  async changePassword(name: string, text: unknown, actor: Actor): Promise<void> {
    const password = checkPassword(text);
    const user = (await this.users.listUsers()).find((each) => each.name === name);
    if (user === undefined) throw new HoldfastError('ItemNotFound', `no user is called ${name}`);
    const before = unpackVerifiers(user.verifiers);
    const verifiers = await verifiersFor(name, password, {
      hashedPassword: before.hashedPassword !== undefined,
      oneTimeKey: before.oneTimeKey,
    });
    password.destroy();
    await this.users.changeVerifiers(name, packVerifiers(verifiers), actor);
  }

  async removeUser(name: string, actor: Actor): Promise<void> {
    await this.users.removeUser(name, actor);
  }
}

function answerOf(
  user: User,
  domainNames: ReadonlyMap<string, string>,
  clientNames: ReadonlyMap<string, string>,
): UserAnswer {
  const { name, domainId, role, clientIds, device, createdAtSeconds } = user;
  const kept = unpackVerifiers(user.verifiers);
  return {
    name,
    domain: domainNames.get(domainId) ?? domainId,
    role,
    clients: clientIds.map((id) => clientNames.get(id) ?? id),
    device,
    proofs: [
      ...(kept.password === undefined ? [] : ['password']),
      ...(kept.hashedPassword === undefined ? [] : ['hashed-password']),
      ...(kept.oneTimeKey === undefined ? [] : ['one-time-password']),
    ],
    createdAt: isoDate(createdAtSeconds),
  };
}

function checkPassword(text: unknown): SecretBytes {
  const bytes = Buffer.from(typeof text === 'string' ? text : '', 'utf8');
  if (
    typeof text !== 'string' ||
    text.length < MIN_PASSWORD_CHARACTERS ||
    bytes.length > MAX_PASSWORD_BYTES
  ) {
    throw new HoldfastError(
      'InvalidField',
      `a password has at least ${MIN_PASSWORD_CHARACTERS} characters and at most ${MAX_PASSWORD_BYTES} bytes`,
    );
  }
  return new SecretBytes(bytes);
}

function checkDevice(device: unknown): DeviceIdentifiers | undefined {
  if (device === undefined) return undefined;
  const given = Object.entries(device as Record<string, unknown>);
  const isValid = given.every(
    ([name, value]) =>
      DEVICE_IDENTIFIERS.some((each) => each === name) &&
      typeof value === 'string' &&
      value !== '' &&
      value.length <= MAX_IDENTIFIER_CHARACTERS &&
      !value.includes('\0'),
  );
  if (!isValid || given.length === 0) {
    throw new HoldfastError(
      'InvalidField',
      `a device has one or more of ${DEVICE_IDENTIFIERS.join(', ')}, of 1 to ${MAX_IDENTIFIER_CHARACTERS} characters each`,
    );
  }
  return Object.fromEntries(given);
}
