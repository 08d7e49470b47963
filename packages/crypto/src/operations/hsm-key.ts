import type { CryptoPort, HsmComputation, HsmKeys, HsmMechanism, KeyUseRequest } from '@holdfast/core';
import type { ManagedObjectValue } from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';

/** Using keys that live inside an HSM: what surrounds a computation is done here, the computation itself there. */

/** A request whose key is inside the HSM knows the way there. */
interface BoundRequest extends KeyUseRequest {
  readonly hsmKeys?: HsmKeys;
}

/** A key inside the HSM. */
export interface HsmKey {
  /** Of a symmetric key. */
  readonly lengthBytes: number;
  /** SubjectPublicKeyInfo that goes with a private key. */
  readonly publicKey: Buffer | undefined;
  compute(
    use: HsmComputation['use'],
    mechanism: HsmMechanism,
    bytes: Buffer,
    more?: Pick<HsmComputation, 'iv' | 'additionalData' | 'tagLengthBytes'>,
  ): Promise<Buffer>;
}

function referenceIn(value: ManagedObjectValue) {
  return 'keyBlock' in value ? value.keyBlock.hsmKey : undefined;
}

/** The key of a request where it is inside the HSM; undefined where the server holds it. */
export function hsmKeyOf(request: KeyUseRequest): HsmKey | undefined {
  const { value, hsmKeys } = request as BoundRequest;
  if (hsmKeys === undefined) return undefined;
  const reference = referenceIn(value);
  if (reference === undefined || !('keyBlock' in value)) return undefined;
  const { keyId, publicKey } = reference;
  return {
    lengthBytes: (value.keyBlock.cryptographicLengthBits ?? 0) / 8,
    publicKey,
    async compute(use, mechanism, bytes, more = {}) {
      const computation = { ...more, keyId, use, mechanism, bytes };
      const output = await hsmKeys.request('compute', computation);
      return Buffer.from(output.buffer, output.byteOffset, output.byteLength);
    },
  };
}

/**
 * The port with the way to the HSM: what is asked of keys that are inside it is done there.
 * @param hsmKeys undefined where the root of trust is no HSM: keys that are inside one cannot be used then
 */
export function withHsmKeys(crypto: CryptoPort, hsmKeys: HsmKeys | undefined): CryptoPort {
  const bind = <R extends KeyUseRequest>(request: R): R => {
    if (referenceIn(request.value) === undefined) return request;
    if (hsmKeys === undefined) {
      throw new HoldfastError('RootOfTrustUnavailable', 'the key is inside an HSM that is not connected');
    }
    return { ...request, hsmKeys };
  };
  return {
    ...crypto,
    wrapBytes: (request, content) => crypto.wrapBytes(bind(request), content),
    unwrapBytes: (request, wrapped) => crypto.unwrapBytes(bind(request), wrapped),
    deriveBytes: (request, lengthBytes) => crypto.deriveBytes(bind(request), lengthBytes),
    encryption: (request) => crypto.encryption(bind(request)),
    decryption: (request) => crypto.decryption(bind(request)),
    mac: (request) => crypto.mac(bind(request)),
    signing: (request, digestedData) => crypto.signing(bind(request), digestedData),
  };
}
