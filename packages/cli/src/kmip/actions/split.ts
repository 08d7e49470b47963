import { createSplitKey, joinSplitKey } from '@holdfast/core';
import { CryptographicAlgorithm, ObjectType, secretDataTypeEnum, type SecretDataType } from '@holdfast/kmip';
import { attributesOf } from '../attribute-arguments';
import type { AttributeFlags } from '../options';
import { parseBigInteger, parseInteger, parseMember } from '../values';
import {
  algorithmOf,
  describing,
  lengthOf,
  newAttributes,
  objectTypeOf,
  splitKeyMethodOf,
  symmetricUsage,
} from './make';
import { perform, type CommonFlags } from './perform';

export interface CreateSplitKeyFlags extends CommonFlags, AttributeFlags {
  readonly parts: string;
  readonly threshold: string;
  readonly method?: string;
  readonly prime?: string;
  readonly algorithm?: string;
  readonly length?: string;
}

export async function createSplitKeyAction(
  uniqueIdentifier: string | undefined,
  flags: CreateSplitKeyFlags,
): Promise<void> {
  const isNew = uniqueIdentifier === undefined;
  const algorithm = flags.algorithm === undefined ? CryptographicAlgorithm.AES : algorithmOf(flags.algorithm);
  const made = isNew
    ? { algorithm, lengthBits: lengthOf(flags.length) ?? 256, usage: symmetricUsage(algorithm) }
    : {};
  const request = {
    objectType: ObjectType.SplitKey,
    uniqueIdentifier,
    splitKeyParts: parseInteger(flags.parts, 'the number of parts'),
    splitKeyThreshold: parseInteger(flags.threshold, 'the Split Key Threshold'),
    splitKeyMethod: splitKeyMethodOf(flags.method),
    primeFieldSize: flags.prime === undefined ? undefined : parseBigInteger(flags.prime, 'the prime'),
    newAttributes: newAttributes(describing(attributesOf(flags), made, flags)),
  };
  await perform(createSplitKey, request, flags);
}

export interface JoinSplitKeyFlags extends CommonFlags, AttributeFlags {
  readonly type?: string;
  readonly secretType?: string;
}

export async function joinSplitKeyAction(
  uniqueIdentifiers: readonly string[],
  flags: JoinSplitKeyFlags,
): Promise<void> {
  const request = {
    objectType: flags.type === undefined ? ObjectType.SymmetricKey : objectTypeOf(flags.type),
    uniqueIdentifiers,
    secretDataType:
      flags.secretType === undefined
        ? undefined
        : (parseMember(secretDataTypeEnum, flags.secretType, 'Secret Data Type') as SecretDataType),
    newAttributes: newAttributes(attributesOf(flags)),
  };
  await perform(joinSplitKey, request, flags);
}
