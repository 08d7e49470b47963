import {
  AUTHORITY_KEY_TYPES,
  HoldfastError,
  SecretBytes,
  type Actor,
  type AuthorityKeyType,
  type CertificatesPort,
  type CertificationAuthority,
  type Clock,
  type Directory,
  type ParsedCertificate,
} from '@holdfast/core';
import { checkName, isoDate, keyAlgorithmOf, orTaken } from './administration-checks';
import type { AuthorityAnswer, AuthorityDetails, CrlAnswer, RollRequest } from './admin-protocol';
import {
  SERVING_SECRET,
  builtInAuthorities,
  nameOfGeneration,
  servingAuthority,
  type BuiltInAuthority,
} from './built-in-authorities';
import { KmipAuthority } from './kmip-authority';

/** A CRL is to be fetched and published again before this has passed. */
const CRL_VALIDITY_SECONDS = 7 * 86_400;

/** What the KMIP authorities are called in administration. */
const KMIP_NAMES: ReadonlyMap<string, AuthorityKeyType> = new Map(
  AUTHORITY_KEY_TYPES.map((keyType) => [`kmip-${keyType.toLowerCase()}`, keyType]),
);

/** What officers do with certification authorities. */
export class Authorities {
  readonly #kmipAuthority: KmipAuthority;

  constructor(
    private readonly directory: Directory,
    private readonly certificates: CertificatesPort,
    private readonly clock: Clock,
  ) {
    this.#kmipAuthority = new KmipAuthority({ directory, certificates, clock });
  }

  async list(): Promise<readonly AuthorityAnswer[]> {
    const serving = await servingAuthority(this.directory);
    const listed = (await this.directory.listAuthorities()).map((authority) =>
      this.#answer(authority, serving),
    );
    for (const [name, keyType] of KMIP_NAMES) {
      const [newest] = await this.#kmipAuthority.existing(keyType);
      if (newest !== undefined) listed.push(this.#kmipAnswer(name, newest));
    }
    return listed;
  }

  /** One authority with its certificates. A KMIP authority that nobody has needed yet is made. */
  async show(name: string): Promise<AuthorityDetails> {
    const keyType = KMIP_NAMES.get(name);
    if (keyType !== undefined) {
      const generations = await this.#kmipAuthority.certificatesOf(keyType);
      const [newest = Buffer.alloc(0)] = generations;
      return { ...this.#kmipAnswer(name, newest), certificatePem: this.#pem(generations) };
    }
    const authority = await this.#named(name);
    const serving = await servingAuthority(this.directory);
    return { ...this.#answer(authority, serving), certificatePem: this.#pem([authority.certificateDer]) };
  }

  /** Trusts a further CA: certificates under it can be given to clients by subject or alternative name. */
  async add(name: unknown, certificatePem: unknown, actor: Actor): Promise<AuthorityAnswer> {
    const { checked, parsed } = await this.requireAddable(name, certificatePem);
    return this.#add(checked, { certificateDer: parsed.der, privateKey: undefined }, actor);
  }

  /** @throws HoldfastError as `add` would now */
  async requireAddable(
    name: unknown,
    certificatePem: unknown,
  ): Promise<{ readonly checked: string; readonly parsed: ParsedCertificate }> {
    const parsed = this.parseOne(certificatePem);
    if (!parsed.isCa)
      throw new HoldfastError('InvalidField', 'the certificate is not that of a certification authority');
    await this.requireForeign(parsed.der);
    const checked = checkName('authority', name);
    if (KMIP_NAMES.has(checked))
      throw new HoldfastError('ObjectAlreadyExists', `${checked} is the name of a KMIP authority`);
    const authorities = await this.directory.listAuthorities();
    if (authorities.some((authority) => authority.name === checked)) {
      throw new HoldfastError('ObjectAlreadyExists', `an authority named ${checked} exists already`);
    }
    const twin = authorities.find(
      ({ certificateDer, revokedAtSeconds }) =>
        revokedAtSeconds === undefined && certificateDer.equals(parsed.der),
    );
    if (twin !== undefined)
      throw new HoldfastError('ObjectAlreadyExists', `this authority is trusted already, as ${twin.name}`);
    return { checked, parsed };
  }

  /**
   * Makes the next generation of a built-in authority. A KMIP authority signs with it from now on; one of the server's
   * own certifies new clients, while the server goes on with its certificate until `serve`, so that its clients can be
   * told of the new authority first.
   */
  async roll(request: RollRequest, actor: Actor): Promise<AuthorityAnswer> {
    await this.requireRollable(request);
    const { name, keyAlgorithm } = request;
    const keyType = KMIP_NAMES.get(name);
    if (keyType !== undefined) {
      await this.#kmipAuthority.roll(keyType, actor);
      return this.show(name);
    }
    const taken = new Set((await this.directory.listAuthorities()).map((authority) => authority.name));
    let generation = 2;
    while (taken.has(nameOfGeneration(generation))) generation += 1;
    const made = await this.certificates.createAuthority({
      commonName: `Holdfast CA ${generation}`,
      keyAlgorithm: keyAlgorithmOf(keyAlgorithm),
      nowSeconds: this.clock.nowSeconds(),
    });
    const next = { certificateDer: made.der, privateKey: made.privateKey };
    return this.#add(nameOfGeneration(generation), next, actor);
  }

  /** @throws HoldfastError as `roll` would now */
  async requireRollable({ name, keyAlgorithm }: RollRequest): Promise<void> {
    if (!KMIP_NAMES.has(name)) {
      await this.requireBuiltIn(name);
      keyAlgorithmOf(keyAlgorithm);
    } else if (keyAlgorithm !== undefined) {
      throw new HoldfastError('InvalidField', 'the kind of key of a KMIP authority stays as it is');
    }
  }

  /** Has the server certificates come from this authority from now on, on every node. */
  async serve(name: string, actor: Actor): Promise<AuthorityAnswer> {
    const authority = await this.requireBuiltIn(name);
    const value = new SecretBytes(Buffer.from(name, 'utf8'));
    await this.directory.replaceServerSecret({ name: SERVING_SECRET, value }, actor);
    return this.#answer(authority, authority);
  }

  async revoke(name: string, actor: Actor): Promise<void> {
    await this.requireRevocable(name);
    await this.directory.revokeAuthority(name, actor);
  }

  /** @throws HoldfastError as `revoke` would now */
  async requireRevocable(name: string): Promise<void> {
    if (KMIP_NAMES.has(name)) {
      throw new HoldfastError(
        'PermissionDenied',
        'a KMIP authority is trusted for no client: roll it instead',
      );
    }
    if (name === (await servingAuthority(this.directory)).name) {
      throw new HoldfastError(
        'PermissionDenied',
        'the built-in authority signs the server certificate and stays: roll it, and serve with the new one first',
      );
    }
    await this.#named(name);
  }

  /**
   * Signs a CRL of a built-in authority (undefined: that of the server certificate) for publishing where issued
   * certificates point to. RFC 5280 section 5.
   */
  async crl(name: string | undefined): Promise<CrlAnswer> {
    const ca = name === undefined ? await servingAuthority(this.directory) : await this.requireBuiltIn(name);
    const revoked = (await this.#credentials())
      .filter(({ authorityId, serialHex }) => authorityId === ca.id && serialHex !== undefined)
      .flatMap(({ serialHex, revokedAtSeconds }) =>
        serialHex === undefined || revokedAtSeconds === undefined ? [] : [{ serialHex, revokedAtSeconds }],
      );
    const thisUpdateSeconds = this.clock.nowSeconds();
    const nextUpdateSeconds = thisUpdateSeconds + CRL_VALIDITY_SECONDS;
    const list = await this.certificates.issueCrl(ca, {
      revoked,
      // Larger in each further CRL, whichever node signs it.
      crlNumber: BigInt(thisUpdateSeconds),
      thisUpdateSeconds,
      nextUpdateSeconds,
    });
    return { pem: list.pem, derBase64: list.der.toString('base64'), nextUpdate: isoDate(nextUpdateSeconds) };
  }

  /** @throws HoldfastError ItemNotFound; PermissionDenied for one that is not the server's own, or was revoked */
  async requireBuiltIn(name: string): Promise<BuiltInAuthority> {
    await this.#named(name);
    const found = (await builtInAuthorities(this.directory)).find((authority) => authority.name === name);
    if (found !== undefined) return found;
    throw new HoldfastError('PermissionDenied', `${name} is no valid authority of this server's own`);
  }

  /** The authority that certifies new clients: the newest. */
  async issuing(): Promise<BuiltInAuthority> {
    const [newest] = await builtInAuthorities(this.directory);
    return newest ?? servingAuthority(this.directory);
  }

  /** The certificates that clients need to trust this server, now and after a switch; PEM, that of now first. */
  async bundlePem(): Promise<string> {
    const serving = await servingAuthority(this.directory);
    const others = (await builtInAuthorities(this.directory)).filter(({ id }) => id !== serving.id);
    return this.#pem([serving, ...others].map(({ certificateDer }) => certificateDer));
  }

  /** What clients can have certified by Certify must never identify a client. @throws HoldfastError PermissionDenied */
  async requireForeign(certificateDer: Buffer): Promise<void> {
    if (!(await this.#kmipAuthority.isOwn(certificateDer))) return;
    throw new HoldfastError(
      'PermissionDenied',
      'certificates of a KMIP authority identify nobody to this server: clients can have them issued',
    );
  }

  /** The first certificate of a PEM text. @throws HoldfastError InvalidField */
  parseOne(certificate: unknown): ParsedCertificate {
    if (typeof certificate !== 'string' && !Buffer.isBuffer(certificate)) {
      throw new HoldfastError('InvalidField', 'a certificate in PEM form is missing');
    }
    const [parsed] = this.certificates.parse(certificate);
    if (parsed === undefined) throw new HoldfastError('InvalidField', 'there is no certificate in the file');
    return parsed;
  }

  async #add(
    name: string,
    authority: Pick<CertificationAuthority, 'certificateDer' | 'privateKey'>,
    actor: Actor,
  ): Promise<AuthorityAnswer> {
    const added = this.directory.addAuthority({ name, ...authority }, actor);
    return this.#answer(
      await orTaken(`an authority named ${name}`, added),
      await servingAuthority(this.directory),
    );
  }

  async #named(name: string): Promise<CertificationAuthority> {
    const found = (await this.directory.listAuthorities()).find((authority) => authority.name === name);
    if (found === undefined) throw new HoldfastError('ItemNotFound', `there is no authority named ${name}`);
    return found;
  }

  async #credentials() {
    const clients = await this.directory.listClients();
    const found = await Promise.all(clients.map(({ name }) => this.directory.clientNamed(name)));
    return found.flatMap(({ credentials }) => credentials);
  }

  #pem(ders: readonly Buffer[]): string {
    return ders.map((der) => this.parseOne(der).pem).join('');
  }

  #answer(authority: CertificationAuthority, serving: CertificationAuthority): AuthorityAnswer {
    return {
      name: authority.name,
      kind: authority.privateKey === undefined ? 'trusted' : 'built-in',
      ...this.#facts(authority.certificateDer),
      isServing: authority.id === serving.id,
      status: authority.revokedAtSeconds === undefined ? 'valid' : 'revoked',
    };
  }

  #kmipAnswer(name: string, certificateDer: Buffer): AuthorityAnswer {
    return { name, kind: 'kmip', ...this.#facts(certificateDer), isServing: false, status: 'valid' };
  }

  #facts(certificateDer: Buffer): Pick<AuthorityAnswer, 'subject' | 'notAfter' | 'sha256'> {
    const { subject, notAfterSeconds, sha256Hex } = this.parseOne(certificateDer);
    return { subject: subject.text, notAfter: isoDate(notAfterSeconds), sha256: sha256Hex };
  }
}
