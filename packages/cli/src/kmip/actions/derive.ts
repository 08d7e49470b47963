import { deriveKey } from '@holdfast/core';
import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  ObjectType,
  derivationMethodEnum,
  type DerivationMethod,
} from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import { attributesOf } from '../attribute-arguments';
import type { AttributeFlags } from '../options';
import { parseHexBytes, parseInteger, parseMember } from '../values';
import { optionalHex, parametersOf } from './cryptography';
import { algorithmOf, describing, lengthOf, newAttributes, objectTypeOf, symmetricUsage } from './make';
import { perform, type CommonFlags } from './perform';

export interface DeriveKeyFlags extends CommonFlags, AttributeFlags {
  readonly method: string;
  readonly type?: string;
  readonly algorithm?: string;
  readonly length?: string;
  readonly hash?: string;
  readonly mode?: string;
  readonly padding?: string;
  readonly data?: readonly string[];
  readonly iv?: string;
  readonly salt?: string;
  readonly iterations?: string;
}

const DEFAULT_LENGTH_BITS = 256;

export async function deriveKeyAction(
  uniqueIdentifiers: readonly string[],
  flags: DeriveKeyFlags,
): Promise<void> {
  const { algorithm: named, ...parameters } = flags;
  const objectType = flags.type === undefined ? ObjectType.SymmetricKey : objectTypeOf(flags.type);
  const isKey = objectType === ObjectType.SymmetricKey;
  const algorithm = named === undefined ? CryptographicAlgorithm.AES : algorithmOf(named);
  const what = {
    algorithm: isKey ? algorithm : undefined,
    lengthBits: lengthOf(flags.length) ?? DEFAULT_LENGTH_BITS,
    usage: isKey ? symmetricUsage(algorithm) : CryptographicUsageMask.DeriveKey,
  };
  const attributes = describing(attributesOf(flags), what, flags);
  const request = {
    objectType,
    uniqueIdentifiers,
    derivationMethod: parseMember(
      derivationMethodEnum,
      flags.method,
      'Derivation Method',
    ) as DerivationMethod,
    derivationParameters: {
      cryptographicParameters: parametersOf(parameters),
      initializationVector: optionalHex(flags.iv, '--iv'),
      derivationData: (flags.data ?? []).map((hex) => new SecretBytes(parseHexBytes(hex, '--data'))),
      salt: optionalHex(flags.salt, '--salt'),
      iterationCount:
        flags.iterations === undefined ? undefined : parseInteger(flags.iterations, 'the Iteration Count'),
    },
    newAttributes: newAttributes(attributes),
  };
  await perform(deriveKey, request, flags);
}
