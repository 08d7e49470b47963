import {
  AUTHORITY_KEY_TYPES,
  HoldfastError,
  SecretBytes,
  type Actor,
  type AuthorityKeyType,
  type CertificateAuthority,
  type CertificatesPort,
  type Clock,
  type Directory,
  type EndEntityRequest,
  type IssuedCertificate,
  type IssuingAuthority,
  type KeyPairAlgorithm,
  type ServerSecret,
} from '@holdfast/core';

const KEY_ALGORITHMS: Readonly<Record<AuthorityKeyType, KeyPairAlgorithm>> = {
  EC: 'EC-P256',
  RSA: 'RSA-3072',
};
const ORGANIZATION = 'Holdfast';

interface Generation {
  readonly certificateDer: Buffer;
  /** Absent once a newer one has taken over. */
  readonly privateKey: SecretBytes | undefined;
}

/**
 * The CA that Certify signs with: one for each kind of key, made when it is first needed and sealed in the database. It
 * is no authority of the directory, so its certificates identify nobody to this server. Older generations stay trusted
 * in Validate.
 */
export class KmipAuthority implements IssuingAuthority {
  constructor(
    private readonly ports: {
      readonly directory: Directory;
      readonly certificates: CertificatesPort;
      readonly clock: Clock;
    },
  ) {}

  async issue(request: EndEntityRequest, keyType: AuthorityKeyType): Promise<IssuedCertificate> {
    const generations = await this.#obtain(keyType);
    try {
      return await this.ports.certificates.issueEndEntity(signingOne(generations), request);
    } finally {
      destroyKeys(generations);
    }
  }

  async trustAnchors(): Promise<readonly Buffer[]> {
    const authorities = await this.ports.directory.listAuthorities();
    const trusted = authorities.filter(({ revokedAtSeconds }) => revokedAtSeconds === undefined);
    return [...(await this.#allExisting()), ...trusted.map(({ certificateDer }) => certificateDer)];
  }

  /** The certificates of the CA of this kind, newest first; it is made where there is none yet. */
  async certificatesOf(keyType: AuthorityKeyType): Promise<readonly Buffer[]> {
    const generations = await this.#obtain(keyType);
    destroyKeys(generations);
    return generations.map(({ certificateDer }) => certificateDer);
  }

  /** Makes a new generation, which signs from now on. */
  async roll(keyType: AuthorityKeyType, actor: Actor): Promise<void> {
    const generations = await this.#obtain(keyType);
    destroyKeys(generations);
    const next = await this.#make(keyType, generations.length + 1);
    const name = secretName(keyType);
    const made: SecretBytes[] = [];
    const withNext = (before: SecretBytes | undefined): SecretBytes => {
      const opened = before === undefined ? [] : open({ name, value: before });
      destroyKeys(opened);
      const older = opened.map(({ certificateDer }) => ({ certificateDer, privateKey: undefined }));
      const value = new SecretBytes(encode([next, ...older]));
      made.push(value);
      return value;
    };
    try {
      await this.ports.directory.changeServerSecret(name, withNext, actor);
    } finally {
      for (const each of [...made, next.privateKey]) each.destroy();
    }
  }

  /** Whether the certificate is one of this CA, or that of the CA itself. */
  async isOwn(certificateDer: Buffer): Promise<boolean> {
    const { certificates } = this.ports;
    return (await this.#allExisting()).some(
      (ca) => ca.equals(certificateDer) || certificates.isIssuedBy(certificateDer, ca),
    );
  }

  /** Like `certificatesOf`, none where there is no such CA yet. */
  async existing(keyType: AuthorityKeyType): Promise<readonly Buffer[]> {
    const secret = await this.ports.directory.findServerSecret(secretName(keyType));
    const generations = secret === undefined ? [] : open(secret);
    destroyKeys(generations);
    return generations.map(({ certificateDer }) => certificateDer);
  }

  async #allExisting(): Promise<readonly Buffer[]> {
    return (await Promise.all(AUTHORITY_KEY_TYPES.map((keyType) => this.existing(keyType)))).flat();
  }

  async #obtain(keyType: AuthorityKeyType): Promise<readonly Generation[]> {
    const secret = await this.ports.directory.serverSecret(secretName(keyType), async () => {
      const first = await this.#make(keyType, 1);
      const encoded = encode([first]);
      first.privateKey.destroy();
      return encoded;
    });
    return open(secret);
  }

  async #make(keyType: AuthorityKeyType, generation: number): Promise<CertificateAuthority> {
    const { der, privateKey } = await this.ports.certificates.createAuthority({
      commonName: `KMIP CA ${keyType} ${generation}`,
      organization: ORGANIZATION,
      keyAlgorithm: KEY_ALGORITHMS[keyType],
      nowSeconds: this.ports.clock.nowSeconds(),
    });
    return { certificateDer: der, privateKey };
  }
}

function secretName(keyType: AuthorityKeyType): string {
  return `kmip-authority:${keyType}`;
}

function signingOne([newest]: readonly Generation[]): CertificateAuthority {
  if (newest?.privateKey === undefined) {
    throw new HoldfastError('IntegrityViolation', 'the KMIP authority has no key');
  }
  return { certificateDer: newest.certificateDer, privateKey: newest.privateKey };
}

function destroyKeys(generations: readonly Generation[]): void {
  for (const { privateKey } of generations) privateKey?.destroy();
}

/** Certificate and key of each generation in turn, each after its length in four octets; a key that is gone has none. */
function encode(generations: readonly Generation[]): Buffer {
  const parts = generations.flatMap(({ certificateDer, privateKey }) => [
    certificateDer,
    privateKey?.reveal() ?? Buffer.alloc(0),
  ]);
  return Buffer.concat(
    parts.flatMap((part) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(part.length);
      return [length, part];
    }),
  );
}

function open({ value }: ServerSecret): readonly Generation[] {
  const bytes = value.reveal();
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 4 + bytes.readUInt32BE(at);
    parts.push(bytes.subarray(at + 4, end));
    at = end;
  }
  const generations: Generation[] = [];
  for (let index = 0; index + 1 < parts.length; index += 2) {
    const [certificate, key] = [parts[index] ?? bytes, parts[index + 1] ?? bytes];
    generations.push({
      certificateDer: Buffer.from(certificate),
      privateKey: key.length === 0 ? undefined : SecretBytes.copyOf(key),
    });
  }
  value.destroy();
  return generations;
}
