import type { ConnectionOptions } from 'node:tls';
import type { Item } from '@holdfast/ttlv';
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  PaddingMethod,
  Tag,
  type VersionName,
} from '@holdfast/kmip';
import {
  HttpsWire,
  Peer,
  Wire,
  addClient,
  asFirstOfficer,
  attribute,
  enumeration,
  integer,
  nameValue,
  structure,
  tlsOptions,
  type PeerOptions,
  type ServerProcess,
} from '@holdfast/testkit';

/** One customer of the server: a domain of its own, with one client in it. */
export class Site {
  #options: ConnectionOptions | undefined;

  constructor(
    private readonly name: string,
    private readonly server: () => ServerProcess,
  ) {}

  /** A new TLS session of the client. */
  async connect(version: VersionName, options?: PeerOptions): Promise<Peer<Wire>> {
    return Peer.connect(await this.#tls(), version, options);
  }

  /** Registers a user of the site's domain. */
  async addUser(name: string, password: string): Promise<void> {
    await this.#tls();
    const officer = await asFirstOfficer(this.server());
    await officer.call('POST /users', { name, password, domain: this.name });
  }

  /** Lets several objects of the site's domain have one name. */
  async letNamesRepeat(): Promise<void> {
    await this.#tls();
    const officer = await asFirstOfficer(this.server());
    await officer.call('POST /domains/:name/settings', { namesMayRepeat: true }, { name: this.name });
  }

  /** The same over HTTPS. */
  async connectHttps(version: VersionName, options?: PeerOptions): Promise<Peer> {
    const tls = { ...(await this.#tls()), port: this.server().https?.port };
    return Peer.over(new HttpsWire(tls), version, options);
  }

  async #tls(): Promise<ConnectionOptions> {
    const server = this.server();
    this.#options ??= tlsOptions(server, await addClient(server, this.name, { domain: this.name }));
    return this.#options;
  }

  /** A TLS session for one exchange, as clients have it that connect anew for every operation. */
  async session<T>(
    version: VersionName,
    talk: (peer: Peer<Wire>) => Promise<T>,
    options?: PeerOptions,
  ): Promise<T> {
    const peer = await this.connect(version, options);
    const answer = await talk(peer);
    await peer.close();
    return answer;
  }
}

/** Encrypt and Decrypt. */
export const ENCRYPT_DECRYPT = 12;

/** The parameters with which clients have data keys encrypted. */
export const CBC_PKCS5 = structure(
  Tag.CryptographicParameters,
  enumeration(Tag.BlockCipherMode, BlockCipherMode.CBC),
  enumeration(Tag.PaddingMethod, PaddingMethod.PKCS5),
);

/** The 1.x attributes of an AES key for encryption, in the order that most clients have. */
export function aesAttributes(lengthBits: number, usageMask = ENCRYPT_DECRYPT): Item[] {
  return [
    attribute('Cryptographic Algorithm', enumeration(Tag.AttributeValue, CryptographicAlgorithm.AES)),
    attribute('Cryptographic Length', integer(Tag.AttributeValue, lengthBits)),
    attribute('Cryptographic Usage Mask', integer(Tag.AttributeValue, usageMask)),
  ];
}

export function nameAttribute(name: string, index?: number): Item {
  return attribute('Name', nameValue(name), index);
}
