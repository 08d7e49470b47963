import { HoldfastError, ItemType, type Item } from '@holdfast/ttlv';
import {
  byteString,
  dateTimeExtended,
  enumerated,
  optional,
  repeated,
  required,
  structure,
  textString,
  wrongType,
  type Codec,
  type Infer,
} from './schema';
import { secretTextString } from './secret-codecs';
import { nonceStructure, ticketStructure } from './structures';
import * as enums from './vocabulary/enumerations';
import { Tag } from './vocabulary/tags';

/** Credentials of a request header. KMIP 1.4 section 2.1.2, KMIP 2.1 section 9.11. */

const usernameAndPassword = structure({
  username: required(Tag.Username, textString),
  password: optional(Tag.Password, secretTextString),
});
const device = structure({
  deviceSerialNumber: optional(Tag.DeviceSerialNumber, textString),
  password: optional(Tag.Password, secretTextString),
  deviceIdentifier: optional(Tag.DeviceIdentifier, textString),
  networkIdentifier: optional(Tag.NetworkIdentifier, textString),
  machineIdentifier: optional(Tag.MachineIdentifier, textString),
  mediaIdentifier: optional(Tag.MediaIdentifier, textString),
});
const attestation = structure({
  nonce: required(Tag.Nonce, nonceStructure),
  attestationType: required(Tag.AttestationType, enumerated(enums.attestationTypeEnum)),
  attestationMeasurement: optional(Tag.AttestationMeasurement, byteString),
  attestationAssertion: optional(Tag.AttestationAssertion, byteString),
});
const oneTimePassword = structure({
  username: required(Tag.Username, textString),
  password: optional(Tag.Password, secretTextString),
  oneTimePassword: required(Tag.OneTimePassword, secretTextString),
});
const hashedPassword = structure({
  username: required(Tag.Username, textString),
  /** Microseconds since 1970. */
  timeStamp: required(Tag.TimeStamp, dateTimeExtended),
  hashingAlgorithm: optional(Tag.HashingAlgorithm, enumerated(enums.hashingAlgorithmEnum)),
  hashedPassword: required(Tag.HashedPassword, byteString),
});
const ticket = structure({ ticket: required(Tag.Ticket, ticketStructure) });

const valueCodecs = {
  [enums.CredentialType.UsernameAndPassword]: usernameAndPassword,
  [enums.CredentialType.Device]: device,
  [enums.CredentialType.Attestation]: attestation,
  [enums.CredentialType.OneTimePassword]: oneTimePassword,
  [enums.CredentialType.HashedPassword]: hashedPassword,
  [enums.CredentialType.Ticket]: ticket,
} as const;

/** One credential; its type says which fields the value has. */
export type Credential = {
  [T in enums.CredentialType]: {
    readonly credentialType: T;
    readonly credentialValue: Infer<(typeof valueCodecs)[T]>;
  };
}[enums.CredentialType];

const credentialType = enumerated(enums.credentialTypeEnum);

function childOf(items: readonly Item[], tag: number, name: string): Item {
  const found = items.find((item) => item.tag === tag);
  if (found === undefined) throw new HoldfastError('InvalidMessage', `${name} is missing in Credential`);
  return found;
}

export const credential: Codec<Credential> = {
  type: ItemType.Structure,
  decode(item, dialect) {
    if (item.type !== ItemType.Structure) throw wrongType(item, ItemType.Structure);
    const type = credentialType.decode(childOf(item.value, Tag.CredentialType, 'Credential Type'), dialect);
    const value = childOf(item.value, Tag.CredentialValue, 'Credential Value');
    if (item.value.length !== 2) {
      throw new HoldfastError('InvalidMessage', 'Credential holds more than a type and a value');
    }
    return { credentialType: type, credentialValue: valueCodecs[type].decode(value, dialect) } as Credential;
  },
  encode(tag, value, dialect) {
    const type = credentialType.encode(Tag.CredentialType, value.credentialType, dialect);
    const codec = valueCodecs[value.credentialType] as Codec<Credential['credentialValue']>;
    const content = codec.encode(Tag.CredentialValue, value.credentialValue, dialect);
    if (type === undefined || content === undefined) return undefined;
    return { tag, type: ItemType.Structure, value: [type, content] };
  },
};

/** The header's Authentication; all credentials in it have to be satisfied. KMIP 2.1 section 9.4. */
export const authenticationStructure = structure({ credentials: repeated(Tag.Credential, credential) });
export type Authentication = Infer<typeof authenticationStructure>;
