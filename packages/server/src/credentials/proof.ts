import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import {
  DEVICE_IDENTIFIERS,
  HoldfastError,
  Turns,
  type Actor,
  type Clock,
  type DeviceIdentifiers,
  type SecretBytes,
  type User,
  type Users,
} from '@holdfast/core';
import { CredentialType, type Credential } from '@holdfast/kmip';
import { FailureLimit } from './failure-limit';
import { checkHashedPassword } from './hashed-password';
import { stepOf } from './one-time-password';
import { checkNobody, isPassword } from './password-hash';
import { unpackVerifiers } from './verifiers';

/** A credential that names a user; tickets and attestations do not. */
export type UserCredential = Exclude<
  Credential,
  { readonly credentialType: typeof CredentialType.Ticket | typeof CredentialType.Attestation }
>;

/** What was proved over one connection already, by user. */
export type Proved = Map<string, { readonly epoch: number; readonly password: Buffer }>;

/** Who tries, for the limit on failures. */
export interface Attempt {
  /** The client, or the address where no certificate was shown. */
  readonly source: string;
  readonly proved: Proved;
  readonly actor: Actor;
}

/** Finds the users that credentials name, and checks that they are right. */
export class Proofs {
  readonly #limit: FailureLimit;
  /** Attempts of one source are looked at one after the other: what fails counts before the next one. */
  readonly #turns = new Turns();
  /** Passwords that were proved are remembered under a key that dies with the process. */
  readonly #key = randomBytes(32);

  constructor(
    private readonly users: Users,
    private readonly clock: Clock,
    processes: number,
  ) {
    this.#limit = new FailureLimit(() => performance.now(), processes);
  }

  /**
   * The user whom a credential names; undefined where that is nobody registered.
   * @param concerns whether a user counts at all
   */
  async userOf(
    { credentialType, credentialValue }: UserCredential,
    concerns: (user: User) => boolean,
  ): Promise<User | undefined> {
    if (credentialType !== CredentialType.Device) {
      const named = await this.users.userNamed(credentialValue.username);
      return named !== undefined && concerns(named) ? named : undefined;
    }
    const shown: DeviceIdentifiers = credentialValue;
    const alike = await this.users.devicesLike(shown);
    const matching = alike.filter(
      (user) =>
        concerns(user) &&
        DEVICE_IDENTIFIERS.every((name) => {
          const kept = user.device?.[name];
          return kept === undefined || kept === shown[name];
        }),
    );
    // Of devices that are told apart by one identifier more, the one that has it is meant.
    const [best] = matching.toSorted((one, other) => identifierCount(other) - identifierCount(one));
    return best;
  }

  /**
   * Proves that a credential is right.
   * @param user undefined where nobody has the name: that takes as long and fails in the same way
   * @returns the Server Hashed Password, where the credential asks for one
   * @throws HoldfastError AuthenticationNotSuccessful, ServerLimitExceeded
   */
  async prove(
    credential: UserCredential,
    user: User | undefined,
    attempt: Attempt,
  ): Promise<Buffer | undefined> {
    if (user !== undefined && this.#isProved(credential, user, attempt)) return undefined;
    const endTurn = await this.#turns.take(attempt.source);
    try {
      return await this.#look(credential, user, attempt);
    } finally {
      endTurn();
    }
  }

  async #look(
    credential: UserCredential,
    user: User | undefined,
    attempt: Attempt,
  ): Promise<Buffer | undefined> {
    const name = nameIn(credential);
    const { password } = credential.credentialValue as { readonly password?: SecretBytes };
    const waitMs = this.#limit.waitMs(attempt.source, name);
    if (waitMs > 0) {
      const seconds = Math.ceil(waitMs / 1000);
      throw new HoldfastError(
        'AuthenticationNotSuccessful',
        `too many attempts have failed: the next one is looked at in ${seconds} s`,
        { retryable: true },
      );
    }
    const proof = user === undefined ? undefined : await this.#check(credential, user, attempt);
    if (user === undefined) await likeNobody(password);
    if (user === undefined || proof === undefined) {
      this.#limit.failed(attempt.source, name);
      throw wrong();
    }
    this.#limit.succeeded(attempt.source, name);
    return proof.serverHashedPassword;
  }

  async #check(
    { credentialType, credentialValue }: UserCredential,
    user: User,
    { proved, actor }: Attempt,
  ): Promise<{ readonly serverHashedPassword?: Buffer } | undefined> {
    const kept = unpackVerifiers(user.verifiers);
    switch (credentialType) {
      case CredentialType.UsernameAndPassword:
      case CredentialType.Device: {
        const { password } = credentialValue;
        // Who has one time passwords cannot do without them, and only a device may have no password.
        if (kept.oneTimeKey !== undefined) return likeNobody(password);
        if (kept.password === undefined) return user.device === undefined ? likeNobody(password) : {};
        if (password === undefined || !(await isPassword(password, kept.password))) return undefined;
        proved.set(user.id, { epoch: user.epoch, password: this.#remember(user, password) });
        return {};
      }
      case CredentialType.OneTimePassword: {
        const { password, oneTimePassword } = credentialValue;
        if (kept.oneTimeKey === undefined) return likeNobody(password);
        if (kept.password === undefined) await likeNobody(password);
        const key = Buffer.from(kept.oneTimeKey, 'base64');
        const step = stepOf(oneTimePassword, key, this.clock.nowSeconds());
        const isRight =
          kept.password === undefined ||
          (password !== undefined && (await isPassword(password, kept.password)));
        if (step === undefined || !isRight) return undefined;
        return (await this.users.advance(user, 'one-time-step', step, actor)) ? {} : undefined;
      }
      case CredentialType.HashedPassword: {
        if (kept.hashedPassword === undefined || kept.oneTimeKey !== undefined) return undefined;
        const serverHashedPassword = checkHashedPassword(credentialValue, kept.hashedPassword);
        if (serverHashedPassword === undefined) return undefined;
        const time = Number(credentialValue.timeStamp);
        if (!this.#isPlausible(time)) return undefined;
        return (await this.users.advance(user, 'time-stamp-us', time, actor))
          ? { serverHashedPassword }
          : undefined;
      }
    }
  }

  /** One from far ahead would shut its own user out for so long. */
  #isPlausible(timeStampUs: number): boolean {
    return Math.abs(timeStampUs / 1e6 - this.clock.nowSeconds()) <= MAX_SKEW_SECONDS;
  }

  #isProved({ credentialType, credentialValue }: UserCredential, user: User, { proved }: Attempt): boolean {
    const known = proved.get(user.id);
    if (known?.epoch !== user.epoch) return false;
    if (credentialType !== CredentialType.UsernameAndPassword && credentialType !== CredentialType.Device) {
      return false;
    }
    const { password } = credentialValue;
    return password !== undefined && timingSafeEqual(this.#remember(user, password), known.password);
  }

  #remember(user: User, password: SecretBytes): Buffer {
    return createHmac('sha256', this.#key).update(user.id).update(password.reveal()).digest();
  }
}

/** How far the Time Stamp of a Hashed Password may be from this server's clock. */
const MAX_SKEW_SECONDS = 300;

function identifierCount({ device = {} }: User): number {
  return Object.keys(device).length;
}

/** No proof, which took as long as of a name that nobody has: time tells neither who is known, nor by what. */
async function likeNobody(password: SecretBytes | undefined): Promise<undefined> {
  if (password !== undefined) await checkNobody(password);
  return undefined;
}

/** What a credential says of whom it is, for records and limits. */
export function nameIn({ credentialType, credentialValue }: UserCredential): string {
  if (credentialType !== CredentialType.Device) return credentialValue.username;
  const shown: DeviceIdentifiers = credentialValue;
  return DEVICE_IDENTIFIERS.map((name) => shown[name]).find((value) => value !== undefined) ?? '';
}

export function wrong(): HoldfastError {
  return new HoldfastError('AuthenticationNotSuccessful', 'the credential is not known or not right');
}
