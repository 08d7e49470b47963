import type { HsmComputation, HsmKeyCalls, HsmPublicKey } from '@holdfast/core';
import {
  AesGcm240Params,
  KeyGenMechanism,
  KeyType,
  NamedCurve,
  ObjectClass,
  type ITemplate,
  type Key,
  type Session,
} from 'graphene-pk11';
import { CURVES, pointIn } from './curves';
import { DeviceFault, faultOfMaking, faultOfUse } from './faults';

/** CKA_LABEL of the keys of clients' objects. */
const LABEL = 'holdfast-key';
const PUBLIC_EXPONENT = Buffer.of(1, 0, 1);
const LONGEST_OVERHEAD_BYTES = 64;
/** Handles that are remembered; beyond that all are looked up anew. */
const MAX_HANDLES = 4096;
const KEY_CLASSES = [ObjectClass.SECRET_KEY, ObjectClass.PRIVATE_KEY] as const;
/** Never leaves the token, and nothing of it can be changed. */
const INSIDE: ITemplate = {
  label: LABEL,
  token: true,
  private: true,
  sensitive: true,
  extractable: false,
  modifiable: false,
};
/** A value on its way through C_WrapKey or C_UnwrapKey: the server knows it anyway. */
const PASSING: ITemplate = {
  class: ObjectClass.SECRET_KEY,
  keyType: KeyType.GENERIC_SECRET,
  token: false,
  private: true,
  sensitive: false,
  extractable: true,
};

/** Keys of clients' objects in one token, through the session of its process. */
export class TokenKeys {
  readonly #handles = new Map<string, Key>();

  constructor(private readonly session: Session) {}

  /** A key that is there already was made by an earlier try. */
  generateKey({ keyId, kind, lengthBytes }: HsmKeyCalls['generateHsmKey']['in']): undefined {
    if (this.#find(keyId).length > 0) return undefined;
    const isAes = kind === 'aes';
    const template = {
      ...INSIDE,
      class: ObjectClass.SECRET_KEY,
      keyType: isAes ? KeyType.AES : KeyType.GENERIC_SECRET,
      id: Buffer.from(keyId, 'hex'),
      valueLen: lengthBytes,
      encrypt: isAes,
      decrypt: isAes,
      wrap: isAes,
      unwrap: isAes,
      sign: true,
      verify: true,
    };
    made(() =>
      this.session.generateKey(isAes ? KeyGenMechanism.AES : KeyGenMechanism.GENERIC_SECRET, template),
    );
    return undefined;
  }

  /** What an earlier try left is made anew: the public half of that is not known. */
  generateKeyPair({ keyId, kind }: HsmKeyCalls['generateHsmKeyPair']['in']): HsmPublicKey {
    this.destroy({ keyId });
    const half = { ...INSIDE, class: ObjectClass.PRIVATE_KEY, id: Buffer.from(keyId, 'hex') };
    const shown = { class: ObjectClass.PUBLIC_KEY, token: false, private: false, verify: true };
    if ('rsaBits' in kind) {
      const type = { keyType: KeyType.RSA };
      const { modulus, publicExponent } = this.#pair(
        KeyGenMechanism.RSA,
        { ...shown, ...type, modulusBits: kind.rsaBits, publicExponent: PUBLIC_EXPONENT, encrypt: true },
        { ...half, ...type, sign: true, decrypt: true },
        { modulus: null, publicExponent: null },
      );
      return { modulus: modulus ?? Buffer.alloc(0), publicExponent: publicExponent ?? Buffer.alloc(0) };
    }
    const type = { keyType: KeyType.ECDSA };
    const { pointEC } = this.#pair(
      KeyGenMechanism.EC,
      { ...shown, ...type, paramsEC: NamedCurve.getByOid(CURVES[kind.curve].oid).value },
      { ...half, ...type, sign: true },
      { pointEC: null },
    );
    return { curve: kind.curve, point: pointIn(pointEC ?? Buffer.alloc(0), kind.curve) };
  }

  compute(computation: HsmComputation): Buffer {
    const key = this.#key(computation.keyId);
    try {
      return this.#compute(key, computation);
    } catch (error) {
      throw faultOfUse(error, () => this.#works(computation.keyId));
    }
  }

  destroy({ keyId }: HsmKeyCalls['destroyHsmKey']['in']): undefined {
    this.#handles.delete(keyId);
    const keys = this.#find(keyId);
    if (keys.length === 0) this.#requireToken();
    for (const key of keys) this.session.destroy(key);
    return undefined;
  }

  list(): readonly string[] {
    const keyIds: string[] = [];
    for (const keyClass of KEY_CLASSES) {
      const objects = this.session.find({ class: keyClass, token: true, label: LABEL });
      for (let index = 0; index < objects.length; index++) {
        keyIds.push((objects.items(index).getAttribute({ id: null }).id ?? Buffer.alloc(0)).toString('hex'));
      }
    }
    if (keyIds.length === 0) this.#requireToken();
    return keyIds;
  }

  /** Makes a pair. @returns what is asked of its public half, of which nothing stays in the token */
  #pair(mechanism: KeyGenMechanism, shown: ITemplate, half: ITemplate, asked: ITemplate): ITemplate {
    const { publicKey } = made(() => this.session.generateKeyPair(mechanism, shown, half));
    try {
      return publicKey.getAttribute(asked);
    } finally {
      this.session.destroy(publicKey);
    }
  }

  #compute(key: Key, computation: HsmComputation): Buffer {
    const { use, mechanism } = computation;
    const bytes = viewOf(computation.bytes);
    const room = Buffer.alloc(bytes.length + LONGEST_OVERHEAD_BYTES);
    switch (use) {
      // Data of no length would be a null pointer, which libraries refuse: nothing is given then.
      case 'encrypt': {
        const cipher = this.session.createCipher(mechanismOf(computation), key);
        return bytes.length === 0 ? cipher.final() : cipher.once(bytes, room);
      }
      case 'decrypt':
        return this.session.createDecipher(mechanismOf(computation), key).once(bytes, room);
      case 'sign': {
        const sign = this.session.createSign({ name: mechanism, params: null }, key);
        return bytes.length === 0 ? sign.final() : sign.once(bytes);
      }
      case 'wrap': {
        const passing = this.session.create({ ...PASSING, value: bytes }).toType<Key>();
        try {
          return this.session.wrapKey({ name: mechanism, params: null }, key, passing);
        } finally {
          this.session.destroy(passing);
        }
      }
      case 'unwrap': {
        const passing = this.session.unwrapKey({ name: mechanism, params: null }, key, bytes, PASSING);
        try {
          return passing.getAttribute({ value: null }).value ?? Buffer.alloc(0);
        } finally {
          this.session.destroy(passing);
        }
      }
    }
  }

  #find(keyId: string): Key[] {
    const found: Key[] = [];
    for (const keyClass of KEY_CLASSES) {
      const query = { class: keyClass, token: true, label: LABEL, id: Buffer.from(keyId, 'hex') };
      const objects = this.session.find(query);
      for (let index = 0; index < objects.length; index++) found.push(objects.items(index).toType<Key>());
    }
    return found;
  }

  #key(keyId: string): Key {
    let key = this.#handles.get(keyId);
    if (key === undefined) {
      [key] = this.#find(keyId);
      if (key === undefined) {
        this.#requireToken();
        throw new DeviceFault('absent', 'the token does not hold the key');
      }
      if (this.#handles.size >= MAX_HANDLES) this.#handles.clear();
      this.#handles.set(keyId, key);
    }
    return key;
  }

  /** Some libraries find nothing in a token that was taken away, and say no more: not even its root key is there. */
  #requireToken(): void {
    let count = 0;
    this.session.find({ class: ObjectClass.SECRET_KEY, token: true }, () => ++count === 0);
    if (count === 0) throw new DeviceFault('device', 'the token shows no key any more');
  }

  /** Whether the session can be trusted still: then it was what was asked that failed. */
  #works(keyId: string): boolean {
    try {
      this.session.generateRandom(1);
      return this.#find(keyId).length > 0;
    } catch {
      return false;
    }
  }
}

/** @throws DeviceFault */
function made<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw faultOfMaking(error);
  }
}

/** The same bytes, not a copy that nobody would zero. */
export function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function mechanismOf({ mechanism, iv, additionalData, tagLengthBytes }: HsmComputation) {
  if (mechanism === 'AES_GCM') {
    const [nonce, aad] = [Buffer.from(iv ?? []), Buffer.from(additionalData ?? [])];
    return { name: mechanism, params: new AesGcm240Params(nonce, aad, (tagLengthBytes ?? 16) * 8) };
  }
  return { name: mechanism, params: iv === undefined ? null : Buffer.from(iv) };
}
