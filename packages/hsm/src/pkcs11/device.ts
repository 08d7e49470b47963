import { createHash, randomBytes } from 'node:crypto';
import {
  AesGcm240Params,
  KeyGenMechanism,
  KeyType,
  MechanismEnum,
  Module,
  ObjectClass,
  SessionFlag,
  type ITemplate,
  type Key,
  type SecretKey,
  type Session,
  type Slot,
} from 'graphene-pk11';
import { DeviceFault, codeOf } from './faults';
import { TokenKeys, viewOf } from './token-keys';
import type { DeviceCalls, KeyedBytes, Pkcs11Target, RootKeyFacts, TokenFacts } from './protocol';

const WRAP_FORMAT = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + NONCE_BYTES;
const ROOT_KEY_BYTES = 32;
const KEY_ID_BYTES = 16;
const BLOCK_BYTES = 16;
const CHECK_VALUE_LABEL = 'holdfast root key check value 1';
/** CKF_OS_LOCKING_OK: without it some libraries are not safe against their own threads. */
const OS_LOCKING = 2;
const READ_WRITE = (SessionFlag.SERIAL_SESSION | SessionFlag.RW_SESSION) as SessionFlag;
const CKR_USER_ALREADY_LOGGED_IN = 0x100;

type Handlers = { readonly [C in keyof DeviceCalls]: (input: DeviceCalls[C]['in']) => DeviceCalls[C]['out'] };

/**
 * One session with one token, in the process that loaded the library. All calls are synchronous, as those of PKCS#11 are.
 * A key is wrapped by CKM_AES_GCM through C_Encrypt, which every HSM has in the same form (PKCS#11 2.40 section 2.12.3).
 */
export class Device {
  readonly calls: Handlers = {
    listRootKeys: ({ label }) => this.#find({ label }).map((key) => this.#factsOf(key)),
    generateRootKey: ({ label, besides }) => this.#generate(label, besides),
    destroyRootKey: ({ label, checkValue }) => this.#destroy(label, checkValue),
    wrap: (input) => this.#wrap(input),
    unwrap: (input) => this.#unwrap(input),
    random: ({ lengthBytes }) => this.session.generateRandom(lengthBytes),
    describe: () => this.#describe(),
    generateHsmKey: (input) => this.#tokenKeys.generateKey(input),
    generateHsmKeyPair: (input) => this.#tokenKeys.generateKeyPair(input),
    compute: (input) => this.#tokenKeys.compute(input),
    destroyHsmKey: (input) => this.#tokenKeys.destroy(input),
    listHsmKeys: () => this.#tokenKeys.list(),
  };
  readonly #tokenKeys: TokenKeys;
  readonly #keys = new Map<string, Key>();

  private constructor(
    private readonly module: Module,
    private readonly slot: Slot,
    private readonly session: Session,
  ) {
    this.#tokenKeys = new TokenKeys(session);
  }

  /**
   * Loads the library, looks the token up by its label and logs in, once.
   * @throws DeviceFault, or what the library throws
   */
  static open({ modulePath, tokenLabel }: Pkcs11Target, pin: string, mayWrite: boolean): Device {
    const module = Module.load(modulePath, tokenLabel);
    module.initialize({ flags: OS_LOCKING });
    const slot = slotOf(module, tokenLabel);
    const session = mayWrite ? slot.open(READ_WRITE) : slot.open(SessionFlag.SERIAL_SESSION);
    try {
      session.login(pin);
    } catch (error) {
      if (codeOf(error) !== CKR_USER_ALREADY_LOGGED_IN) throw error;
    }
    return new Device(module, slot, session);
  }

  #find(template: { readonly label?: string; readonly id?: Buffer }): SecretKey[] {
    const query: ITemplate = {
      class: ObjectClass.SECRET_KEY,
      keyType: KeyType.AES,
      token: true,
      ...template,
    };
    const found: SecretKey[] = [];
    const objects = this.session.find(query);
    for (let index = 0; index < objects.length; index++) found.push(objects.items(index).toType<SecretKey>());
    return found;
  }

  #key(id: string): Key {
    let key = this.#keys.get(id);
    if (key === undefined) {
      const [only] = this.#find({ id: Buffer.from(id, 'hex') });
      // The token may have lost it, or not be the one that it was: another process, or another token, may find it.
      if (only === undefined) throw new DeviceFault('device', 'the token has no root key with this CKA_ID');
      key = only;
      this.#keys.set(id, key);
    }
    return key;
  }

  #destroy(label: string, checkValue: string): boolean {
    const key = this.#find({ label }).find((each) => this.#factsOf(each).checkValue === checkValue);
    key?.destroy();
    return key !== undefined;
  }

  #generate(label: string, besides: boolean): RootKeyFacts {
    if (!besides && this.#find({ label }).length > 0) {
      throw new DeviceFault('refused', `the token has a key labelled "${label}" already`);
    }
    const key = this.session.generateKey(KeyGenMechanism.AES, {
      class: ObjectClass.SECRET_KEY,
      keyType: KeyType.AES,
      valueLen: ROOT_KEY_BYTES,
      label,
      id: randomBytes(KEY_ID_BYTES),
      token: true,
      private: true,
      sensitive: true,
      extractable: false,
      modifiable: false,
      encrypt: true,
      decrypt: true,
      wrap: false,
      unwrap: false,
    });
    return this.#factsOf(key);
  }

  #factsOf(key: SecretKey): RootKeyFacts {
    const { id, label, sensitive, extractable, alwaysSensitive, neverExtractable } = key.getAttribute({
      id: null,
      label: null,
      sensitive: null,
      extractable: null,
      alwaysSensitive: null,
      neverExtractable: null,
    });
    return {
      id: (id ?? Buffer.alloc(0)).toString('hex'),
      label: label ?? '',
      checkValue: this.#checkValue(key.toType<Key>()),
      sensitive: sensitive === true,
      extractable: extractable !== false,
      alwaysSensitive: alwaysSensitive === true,
      neverExtractable: neverExtractable === true,
    };
  }

  /** SHA-256 over the label and its encryption: neither shows the key, nor anything that GCM makes use of. */
  #checkValue(key: Key): string {
    const block = createHash('sha256').update(CHECK_VALUE_LABEL).digest().subarray(0, BLOCK_BYTES);
    const cipher = this.session.createCipher({ name: 'AES_ECB', params: null }, key);
    const encrypted = cipher.once(block, Buffer.alloc(2 * BLOCK_BYTES));
    return createHash('sha256').update(CHECK_VALUE_LABEL).update(encrypted).digest('hex').slice(0, 32);
  }

  #wrap({ keyId, bytes, aad }: KeyedBytes): Buffer {
    const header = Buffer.concat([Buffer.of(WRAP_FORMAT), randomBytes(NONCE_BYTES)]);
    return Buffer.concat([header, this.#encrypt(this.#key(keyId), header.subarray(1), bytes, aad)]);
  }

  #encrypt(key: Key, nonce: Buffer, bytes: Uint8Array, aad: Uint8Array): Buffer {
    const cipher = this.session.createCipher(gcm(nonce, aad), key);
    return cipher.once(viewOf(bytes), Buffer.alloc(bytes.length + 2 * TAG_BYTES));
  }

  #decrypt(key: Key, nonce: Buffer, bytes: Uint8Array, aad: Uint8Array): Buffer {
    const decipher = this.session.createDecipher(gcm(nonce, aad), key);
    return decipher.once(viewOf(bytes), Buffer.alloc(bytes.length + TAG_BYTES));
  }

  #unwrap({ keyId, bytes, aad }: KeyedBytes): Buffer {
    const wrapped = Buffer.from(bytes);
    if (wrapped[0] !== WRAP_FORMAT || wrapped.length <= HEADER_BYTES + TAG_BYTES) throw notAuthentic();
    const key = this.#key(keyId);
    try {
      return this.#decrypt(key, wrapped.subarray(1, HEADER_BYTES), wrapped.subarray(HEADER_BYTES), aad);
    } catch (error) {
      // A wrong tag looks like a broken device (CKR_GENERAL_ERROR, CKR_ENCRYPTED_DATA_INVALID): only a device that opens
      // what it has just sealed has found one.
      if (codeOf(error) !== undefined && this.#opensItsOwn(key)) throw notAuthentic();
      throw error;
    }
  }

  #opensItsOwn(key: Key): boolean {
    try {
      const nonce = randomBytes(NONCE_BYTES);
      const probe = randomBytes(BLOCK_BYTES);
      const aad = Buffer.alloc(0);
      return this.#decrypt(key, nonce, this.#encrypt(key, nonce, probe, aad), aad).equals(probe);
    } catch {
      return false;
    }
  }

  #describe(): TokenFacts {
    const token = this.slot.getToken();
    const mechanisms = this.slot.getMechanisms();
    const names: string[] = [];
    for (let index = 0; index < mechanisms.length; index++) {
      const mechanism = mechanisms.items(index);
      names.push(MechanismEnum[mechanism.type] ?? `0x${mechanism.type.toString(16)}`);
    }
    return {
      tokenLabel: token.label.trim(),
      manufacturer: token.manufacturerID.trim(),
      model: token.model.trim(),
      serialNumber: token.serialNumber.trim(),
      libraryDescription: this.module.libraryDescription.trim(),
      mechanisms: names.sort(),
    };
  }
}

function slotOf(module: Module, tokenLabel: string): Slot {
  const slots = module.getSlots(true);
  for (let index = 0; index < slots.length; index++) {
    const slot = slots.items(index);
    if (slot.getToken().label.trim() === tokenLabel) return slot;
  }
  throw new DeviceFault('device', `no token is labelled "${tokenLabel}"`);
}

/** The format number is authenticated with the caller's context, as the software root does it. */
function gcm(nonce: Buffer, aad: Uint8Array): { readonly name: string; readonly params: AesGcm240Params } {
  const bound = Buffer.concat([Buffer.of(WRAP_FORMAT), aad]);
  return { name: 'AES_GCM', params: new AesGcm240Params(nonce, bound, TAG_BYTES * 8) };
}

function notAuthentic(): DeviceFault {
  return new DeviceFault('not-authentic', 'the wrapped bytes do not open under the root key');
}
