import {
  HoldfastError,
  type Actor,
  type CertificatesPort,
  type Client,
  type ClientSettings,
  type Clock,
  type Credential,
  type Directory,
  type Domain,
  type DomainSettings,
  type NewCredential,
  type OfficerRole,
  type ParsedCertificate,
  type PublishedAddresses,
} from '@holdfast/core';
import type {
  AddClientRequest,
  ClientAnswer,
  CredentialAnswer,
  CredentialRequest,
  DomainAnswer,
  IssuedAnswer,
  OfficerAnswer,
  OfficerCredential,
} from './admin-protocol';
import {
  checkClientSettings,
  checkDomainSettings,
  checkName,
  checkRole,
  isoDate,
  keyAlgorithmOf,
  orTaken,
} from './administration-checks';
import { Authorities } from './authorities';
import { newOfficerToken, officerTokenSha256 } from './officer';

const SECONDS_PER_DAY = 86_400;
const MAX_VALIDITY_DAYS = 3650;

/** What officers do: domains, clients and their credentials, officers, and authorities. */
export class Administration {
  readonly authorities: Authorities;

  constructor(
    private readonly directory: Directory,
    private readonly certificates: CertificatesPort,
    private readonly clock: Clock,
    private readonly addresses: PublishedAddresses,
    private readonly hasHsm: () => boolean,
  ) {
    this.authorities = new Authorities(directory, certificates, clock);
  }

  async listDomains(): Promise<readonly DomainAnswer[]> {
    return (await this.directory.listDomains()).map((domain) => this.#domainAnswer(domain));
  }

  async addDomain(name: unknown, settings: unknown, actor: Actor): Promise<DomainAnswer> {
    const checked = checkName('domain', name);
    const domain = await orTaken(
      `a domain named ${checked}`,
      this.directory.addDomain(checked, actor, checkDomainSettings(settings, this.hasHsm())),
    );
    return this.#domainAnswer(domain);
  }

  /**
   * Settings that are not named stay as they are; null takes one back to its default.
   * @throws HoldfastError PermissionDenied: names that may repeat go on doing so, since some do perhaps
   */
  async changeDomain(name: string, changes: unknown, actor: Actor): Promise<DomainAnswer> {
    const next = (before: DomainSettings) => this.#changedDomain(before, changes);
    return this.#domainAnswer(await this.directory.changeDomain(name, next, actor));
  }

  /** @throws HoldfastError as changeDomain would now */
  async requireDomainChangeable(name: string, changes: unknown): Promise<void> {
    this.#changedDomain((await this.directory.domainNamed(name)).settings, changes);
  }

  #changedDomain(before: DomainSettings, changes: unknown): DomainSettings {
    // What was set under another root of trust may stay until it is taken back.
    const hasHsm = this.hasHsm() || before.keysInHsm === true;
    const checked = checkDomainSettings(mergedSettings(before, changes), hasHsm);
    if (before.namesMayRepeat !== undefined && checked.namesMayRepeat === undefined) {
      throw new HoldfastError('PermissionDenied', 'names that may repeat cannot be made unique again');
    }
    return checked;
  }

  /** Settings that are not named stay as they are; null takes one back to its default. */
  async changeClient(name: string, changes: unknown, actor: Actor): Promise<ClientAnswer> {
    await this.directory.changeClient(name, (before) => changedClient(before, changes), actor);
    return this.showClient(name);
  }

  /** @throws HoldfastError as changeClient would now */
  async requireClientChangeable(name: string, changes: unknown): Promise<void> {
    changedClient((await this.directory.clientNamed(name)).client.settings, changes);
  }

  async listClients(): Promise<readonly ClientAnswer[]> {
    const domains = await this.#domainNames();
    return (await this.directory.listClients()).map((client) => this.#clientAnswer(client, domains));
  }

  async showClient(name: string): Promise<ClientAnswer> {
    const { client, credentials } = await this.directory.clientNamed(name);
    const authorities = new Map(
      (await this.directory.listAuthorities()).map(({ id, name: label }) => [id, label]),
    );
    const domains = await this.#domainNames();
    return {
      ...this.#clientAnswer(client, domains),
      credentials: credentials.map((credential) => this.#credentialAnswer(credential, authorities)),
    };
  }

  /** @param deliver gets what was issued before the client is added, so that no interruption loses it */
  async addClient(
    request: AddClientRequest,
    actor: Actor,
    deliver?: (issued: Omit<IssuedAnswer, 'client'>) => Promise<void>,
  ): Promise<IssuedAnswer> {
    const name = checkName('client', request.name);
    const role = checkRole(request.role);
    const settings = checkClientSettings(request.settings);
    const domain = await this.directory.domainNamed(request.domain ?? 'default');
    if (await this.#isClient(name))
      throw new HoldfastError('ObjectAlreadyExists', `a client named ${name} exists already`);
    const made = await this.makeCredential(request.credential, name, domain.name);
    await deliver?.(made.files);
    await orTaken(
      'another client with this certificate',
      this.directory.addClient({ name, domainId: domain.id, role, settings }, [made.credential], actor),
    );
    return { client: await this.showClient(name), ...made.files };
  }

  async addCredential(name: string, request: CredentialRequest, actor: Actor): Promise<IssuedAnswer> {
    const { client } = await this.directory.clientNamed(name);
    if (client.revokedAtSeconds !== undefined)
      throw new HoldfastError('PermissionDenied', `the client ${name} is revoked`);
    const domains = await this.#domainNames();
    const made = await this.makeCredential(request, name, domains.get(client.domainId) ?? '');
    await orTaken(
      'a client with this certificate',
      this.directory.addCredential(client.id, made.credential, actor),
    );
    return { client: await this.showClient(name), ...made.files };
  }

  /** Revokes one credential, or the client with all of them. */
  async revokeClient(name: string, credentialId: string | undefined, actor: Actor): Promise<ClientAnswer> {
    const { client, credentials } = await this.directory.clientNamed(name);
    if (credentialId === undefined) await this.directory.revokeClient(client.id, actor);
    else if (credentials.some(({ id }) => id === credentialId)) {
      await this.directory.revokeCredential(credentialId, actor);
    } else throw new HoldfastError('ItemNotFound', `the client ${name} has no credential ${credentialId}`);
    return this.showClient(name);
  }

  async listOfficers(role: OfficerRole): Promise<readonly OfficerAnswer[]> {
    return (await this.directory.listOfficers(role)).map((officer) => ({
      name: officer.name,
      createdAt: isoDate(officer.createdAtSeconds),
      status: officer.revokedAtSeconds === undefined ? 'valid' : 'revoked',
    }));
  }

  async addOfficer(name: unknown, role: OfficerRole, actor: Actor): Promise<OfficerCredential> {
    const token = newOfficerToken();
    const checked = checkName(role, name);
    const officer = await orTaken(
      `an officer, auditor or backup operator named ${checked}`,
      this.directory.addOfficer({ name: checked, role, tokenSha256: officerTokenSha256(token) }, actor),
    );
    return { officer: officer.name, token };
  }

  /** Revokes one who is no officer: all of a role may be. */
  revokeFromRole(name: string, role: Exclude<OfficerRole, 'officer'>, actor: Actor): Promise<void> {
    return this.directory.revokeOfficer(name, actor, role);
  }

  /** @param remaining how many officers have to be left */
  revokeOfficer(name: string, remaining: number, actor: Actor): Promise<void> {
    return this.directory.revokeOfficer(name, actor, 'officer', remaining);
  }

  /** Whether that can be done as things are. @throws HoldfastError as `revokeOfficer` */
  requireRevocable(name: string, remaining: number): Promise<void> {
    return this.directory.requireRevocable(name, 'officer', remaining);
  }

  async #isClient(name: string): Promise<boolean> {
    try {
      await this.directory.clientNamed(name);
      return true;
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'ItemNotFound') return false;
      throw error;
    }
  }

  /** A credential as the request wants it, and what was issued for it; nothing is stored. */
  async makeCredential(
    request: CredentialRequest,
    name: string,
    domain: string,
  ): Promise<{ credential: NewCredential; files: Omit<IssuedAnswer, 'client'> }> {
    const caPem = await this.authorities.bundlePem();
    if (request.subject !== undefined || request.alternativeName !== undefined) {
      return { credential: await this.#ruleCredential(request), files: { caPem } };
    }
    if (request.certificatePem !== undefined) {
      return {
        credential: await this.#broughtCredential(this.authorities.parseOne(request.certificatePem)),
        files: { caPem },
      };
    }
    const issued = await this.#issue(request, name, domain);
    return { credential: issued.credential, files: { caPem, ...issued.files } };
  }

  async #issue(
    request: CredentialRequest,
    name: string,
    domain: string,
  ): Promise<{ credential: NewCredential; files: { certificatePem: string; privateKeyPem?: string } }> {
    const ca = await this.authorities.issuing();
    const certificateRequest = {
      name,
      domain,
      ...this.addresses,
      nowSeconds: this.clock.nowSeconds(),
      keyAlgorithm: keyAlgorithmOf(request.keyAlgorithm),
      ...(request.validityDays === undefined
        ? {}
        : { validitySeconds: validitySeconds(request.validityDays) }),
    };
    const credentialOf = (issued: { readonly pem: string }): NewCredential => {
      const parsed = this.authorities.parseOne(issued.pem);
      return { ...fingerprintCredential(parsed), authorityId: ca.id };
    };
    if (request.csrPem !== undefined) {
      const issued = await this.certificates.signClientRequest(ca, request.csrPem, certificateRequest);
      return { credential: credentialOf(issued), files: { certificatePem: issued.pem } };
    }
    const issued = await this.certificates.issueClient(ca, certificateRequest);
    const keyPem = this.certificates.privateKeyPem(issued.privateKey);
    issued.privateKey.destroy();
    const files = { certificatePem: issued.pem, privateKeyPem: keyPem.reveal().toString('latin1') };
    keyPem.destroy();
    return { credential: credentialOf(issued), files };
  }

  async #broughtCredential(parsed: ParsedCertificate): Promise<NewCredential> {
    if (parsed.notAfterSeconds < this.clock.nowSeconds()) {
      throw new HoldfastError('InvalidField', 'the certificate has expired');
    }
    await this.authorities.requireForeign(parsed.der);
    const authority = (await this.directory.listAuthorities()).find(
      ({ certificateDer, revokedAtSeconds }) =>
        revokedAtSeconds === undefined && this.certificates.isIssuedBy(parsed.der, certificateDer),
    );
    return { ...fingerprintCredential(parsed), authorityId: authority?.id };
  }

  async #ruleCredential(request: CredentialRequest): Promise<NewCredential> {
    const name = request.authority;
    if (name === undefined) {
      throw new HoldfastError(
        'InvalidField',
        'a subject or alternative name needs the authority that certifies it',
      );
    }
    const authority = (await this.directory.listAuthorities()).find(
      (candidate) => candidate.name === name && candidate.revokedAtSeconds === undefined,
    );
    if (authority === undefined)
      throw new HoldfastError('ItemNotFound', `no trusted authority is named ${name}`);
    const rule =
      request.subject !== undefined
        ? ({ kind: 'subject', authorityId: authority.id, subject: request.subject } as const)
        : ({
            kind: 'alternative-name',
            authorityId: authority.id,
            alternativeName: request.alternativeName ?? '',
          } as const);
    return {
      rule,
      serialHex: undefined,
      subject: request.subject,
      notAfterSeconds: undefined,
      authorityId: authority.id,
    };
  }

  async #domainNames(): Promise<ReadonlyMap<string, string>> {
    return new Map((await this.directory.listDomains()).map(({ id, name }) => [id, name]));
  }

  #domainAnswer(domain: Domain): DomainAnswer {
    return { name: domain.name, settings: domain.settings, createdAt: isoDate(domain.createdAtSeconds) };
  }

  #clientAnswer(client: Client, domains: ReadonlyMap<string, string>): ClientAnswer {
    return {
      name: client.name,
      domain: domains.get(client.domainId) ?? client.domainId,
      role: client.role,
      settings: client.settings,
      status: client.revokedAtSeconds === undefined ? 'valid' : 'revoked',
      createdAt: isoDate(client.createdAtSeconds),
    };
  }

  #credentialAnswer(credential: Credential, authorities: ReadonlyMap<string, string>): CredentialAnswer {
    const { rule } = credential;
    const expired = (credential.notAfterSeconds ?? Infinity) < this.clock.nowSeconds();
    return {
      id: credential.id,
      rule:
        rule.kind === 'fingerprint'
          ? `sha256:${rule.sha256Hex}`
          : rule.kind === 'subject'
            ? `subject:${rule.subject}`
            : rule.alternativeName,
      subject: credential.subject,
      serial: credential.serialHex,
      authority: credential.authorityId === undefined ? undefined : authorities.get(credential.authorityId),
      notAfter: credential.notAfterSeconds === undefined ? undefined : isoDate(credential.notAfterSeconds),
      status: credential.revokedAtSeconds !== undefined ? 'revoked' : expired ? 'expired' : 'valid',
    };
  }
}

function fingerprintCredential(parsed: ParsedCertificate): NewCredential {
  return {
    rule: { kind: 'fingerprint', sha256Hex: parsed.sha256Hex },
    serialHex: parsed.serialHex,
    subject: parsed.subject.text,
    notAfterSeconds: parsed.notAfterSeconds,
    authorityId: undefined,
  };
}

function validitySeconds(days: number): number {
  if (!Number.isInteger(days) || days < 1 || days > MAX_VALIDITY_DAYS) {
    throw new HoldfastError('InvalidField', `a certificate is valid for 1 to ${MAX_VALIDITY_DAYS} days`);
  }
  return days * SECONDS_PER_DAY;
}

function changedClient(before: ClientSettings, changes: unknown): ClientSettings {
  return checkClientSettings(mergedSettings(before, changes));
}

/** Settings with those that are named in place of what they were; null takes one back. */
function mergedSettings(before: object, changes: unknown): Readonly<Record<string, unknown>> {
  const merged: Readonly<Record<string, unknown>> = { ...before, ...(changes as object) };
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null));
}
