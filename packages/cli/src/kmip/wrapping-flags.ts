import {
  BlockCipherMode,
  EncodingOption,
  HashingAlgorithm,
  PaddingMethod,
  WrappingMethod,
  blockCipherModeEnum,
  keyWrappingSpecificationStructure,
  type CryptographicParameters,
  type Dialect,
  type KeyWrappingSpecification,
} from '@holdfast/kmip';
import type { Command } from 'commander';
import { wrongUse } from '../exit';
import { repeatable } from './options';
import { normalised, parseMember } from './values';

/** How a key is to be wrapped, as options. */
export interface WrappingFlags {
  readonly wrapWith?: string;
  readonly wrapMode?: string;
  readonly wrapAttribute?: readonly string[];
  readonly macWith?: string;
  readonly macFirst?: boolean;
}

export function withWrappingOptions(command: Command): Command {
  return command
    .option('--wrap-with <id>', 'have the key wrapped by this key')
    .option(
      '--wrap-mode <mode>',
      'block cipher mode, such as GCM, or OAEP for a public key (default: NISTKeyWrap)',
    )
    .option('--wrap-attribute <name>', 'an attribute to be wrapped with the key', repeatable)
    .option('--mac-with <id>', 'have a MAC or signature made by this key')
    .option('--mac-first', 'over the key itself, not over what is encrypted');
}

/** The mode, with the padding without which it does not take every key. */
function parametersOf(mode: string | undefined): CryptographicParameters {
  if (mode === undefined) return { blockCipherMode: BlockCipherMode.NISTKeyWrap };
  if (normalised(mode) === 'oaep') {
    return { paddingMethod: PaddingMethod.OAEP, hashingAlgorithm: HashingAlgorithm.SHA_256 };
  }
  const blockCipherMode = parseMember(blockCipherModeEnum, mode, 'Block Cipher Mode') as BlockCipherMode;
  const isPadded = blockCipherMode === BlockCipherMode.CBC || blockCipherMode === BlockCipherMode.ECB;
  return isPadded ? { blockCipherMode, paddingMethod: PaddingMethod.PKCS5 } : { blockCipherMode };
}

function methodOf({ wrapWith, macWith, macFirst }: WrappingFlags): WrappingMethod {
  if (macWith === undefined) return WrappingMethod.Encrypt;
  if (wrapWith === undefined) return WrappingMethod.MACSign;
  return macFirst === true ? WrappingMethod.MACSignThenEncrypt : WrappingMethod.EncryptThenMACSign;
}

/**
 * The same as a version can ask for it: KMIP 1.0 has no Encoding Option, and wraps the Key Value as a structure always.
 * KMIP 1.0 section 2.1.5.
 */
export function wrappingIn(
  specification: KeyWrappingSpecification,
  dialect: Dialect,
): KeyWrappingSpecification {
  const { encodingOption } = keyWrappingSpecificationStructure.fields;
  const isThere = encodingOption !== undefined && dialect.knows(encodingOption.window);
  return isThere ? specification : { ...specification, encodingOption: undefined };
}

/** What the flags ask for: the bytes of the key alone, or with attributes as a structure. @throws CommandFailure wrong use */
export function wrappingOf(flags: WrappingFlags): KeyWrappingSpecification | undefined {
  const { wrapWith, wrapMode, macWith, macFirst = false, wrapAttribute: attributeNames = [] } = flags;
  if (macFirst && (wrapWith === undefined || macWith === undefined))
    throw wrongUse('--mac-first says what comes before what', 'Use it with --wrap-with and --mac-with.');
  if (wrapWith === undefined && macWith === undefined) {
    if (wrapMode === undefined && attributeNames.length === 0) return undefined;
    throw wrongUse('the key that shall wrap is not named', 'Use --wrap-with ID.');
  }
  const isBare = attributeNames.length === 0;
  return {
    wrappingMethod: methodOf(flags),
    encryptionKeyInformation:
      wrapWith === undefined
        ? undefined
        : { uniqueIdentifier: wrapWith, cryptographicParameters: parametersOf(wrapMode) },
    macSignatureKeyInformation: macWith === undefined ? undefined : { uniqueIdentifier: macWith },
    attributeNames,
    encodingOption: isBare ? EncodingOption.NoEncoding : EncodingOption.TTLVEncoding,
  };
}
