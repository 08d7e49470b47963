import { decrypt, encrypt, hash, mac, macVerify, rngSeed, sign, signatureVerify } from '@holdfast/core';
import { cryptographicParametersStructure, type CryptographicParameters } from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import { wrongUse } from '../../exit';
import { keyDestination, type KeyOutputFlags } from '../../key-output';
import { withClient } from '../connect';
import { inputBytes } from '../input';
import { plainListing, print, type PlainRecord } from '../output';
import { plainStructure } from '../plain';
import { readNamedFile } from '../settings';
import { parseHexBytes, parseValue } from '../values';
import { concludeValidity } from './conclude';
import { deliver } from './deliver';
import { perform, type CommonFlags } from './perform';

/** Options that stand for one member of Cryptographic Parameters each. */
const PARAMETER_FLAGS = [
  ['mode', 'blockCipherMode'],
  ['padding', 'paddingMethod'],
  ['hash', 'hashingAlgorithm'],
  ['algorithm', 'cryptographicAlgorithm'],
  ['signatureAlgorithm', 'digitalSignatureAlgorithm'],
  ['tagLength', 'tagLengthBytes'],
  ['saltLength', 'saltLengthBytes'],
  ['maskHash', 'maskGeneratorHashingAlgorithm'],
] as const;

interface ParameterFlags {
  readonly mode?: string;
  readonly padding?: string;
  readonly hash?: string;
  readonly algorithm?: string;
  readonly signatureAlgorithm?: string;
  readonly tagLength?: string;
  readonly saltLength?: string;
  readonly maskHash?: string;
}

export interface UseFlags extends CommonFlags, ParameterFlags {
  readonly file?: string;
  readonly hex?: string;
}

/** Undefined where no option says anything: the parameters of the key count then. */
export function parametersOf(
  flags: ParameterFlags,
  more: CryptographicParameters = {},
): CryptographicParameters | undefined {
  const { fields } = cryptographicParametersStructure;
  const members: Record<string, unknown> = { ...more };
  for (const [flag, member] of PARAMETER_FLAGS) {
    const text = flags[flag];
    const codec = fields[member]?.codec;
    if (text !== undefined && codec !== undefined) members[member] = parseValue(codec, text, `--${flag}`);
  }
  return Object.keys(members).length === 0 ? undefined : members;
}

async function dataOf({ file, hex }: UseFlags): Promise<Buffer> {
  return inputBytes(
    { ...(file === undefined ? {} : { file }), ...(hex === undefined ? {} : { hex }) },
    'the data',
  );
}

export const optionalHex = (text: string | undefined, what: string) =>
  text === undefined ? undefined : parseHexBytes(text, what);

export interface EncryptFlags extends UseFlags, KeyOutputFlags {
  readonly iv?: string;
  readonly randomIv?: boolean;
  readonly aad?: string;
}

export async function encryptAction(uniqueIdentifier: string, flags: EncryptFlags): Promise<void> {
  const destination = await keyDestination(flags);
  if (flags.iv !== undefined && flags.randomIv === true)
    throw wrongUse('--iv and --random-iv are both given', 'Use one of them.');
  const request = {
    uniqueIdentifier,
    cryptographicParameters: parametersOf(flags, flags.randomIv === true ? { randomIV: true } : {}),
    ivCounterNonce: optionalHex(flags.iv, '--iv'),
    additionalData: optionalHex(flags.aad, '--aad'),
    data: new SecretBytes(await dataOf(flags)),
  };
  await withClient(flags, async (client) => {
    const { data, ...facts } = await client.call(encrypt, request);
    request.data.destroy();
    const fields = encrypt.response.fields;
    if (destination === undefined || data === undefined) {
      print(plainStructure(fields, { ...facts, data }), flags, plainListing);
      return;
    }
    const bytes = { bytes: new SecretBytes(data), pemLabel: undefined };
    await deliver(bytes, destination, plainStructure(fields, facts), flags);
  });
}

export interface DecryptFlags extends UseFlags, KeyOutputFlags {
  readonly iv?: string;
  readonly aad?: string;
  readonly tag?: string;
}

export async function decryptAction(uniqueIdentifier: string, flags: DecryptFlags): Promise<void> {
  const destination = await keyDestination(flags);
  if (destination === undefined) {
    throw wrongUse('where the data shall go is not said', 'Use --format hex|base64|raw or --out FILE.');
  }
  const request = {
    uniqueIdentifier,
    cryptographicParameters: parametersOf(flags),
    ivCounterNonce: optionalHex(flags.iv, '--iv'),
    additionalData: optionalHex(flags.aad, '--aad'),
    authenticatedEncryptionTag: optionalHex(flags.tag, '--tag'),
    data: await dataOf(flags),
  };
  await withClient(flags, async (client) => {
    const { data, ...facts } = await client.call(decrypt, request);
    const bytes = data ?? new SecretBytes(Buffer.alloc(0));
    const told = plainStructure(decrypt.response.fields, facts);
    await deliver({ bytes, pemLabel: undefined }, destination, told, flags);
  });
}

export interface SignFlags extends UseFlags, KeyOutputFlags {
  readonly digest?: boolean;
}

function sourceOf(content: Buffer, isDigest: boolean | undefined) {
  const bytes = new SecretBytes(content);
  return isDigest === true ? { digestedData: bytes } : { data: bytes };
}

/** Prints a result in hex with the other members, or writes it where it was asked for. */
async function tell(
  facts: PlainRecord,
  member: string,
  result: Buffer | undefined,
  flags: CommonFlags & KeyOutputFlags,
): Promise<void> {
  const destination = await keyDestination(flags);
  const bytes = result ?? Buffer.alloc(0);
  if (destination === undefined) print({ ...facts, [member]: bytes.toString('hex') }, flags, plainListing);
  else await deliver({ bytes: new SecretBytes(bytes), pemLabel: undefined }, destination, facts, flags);
}

export async function signAction(uniqueIdentifier: string, flags: SignFlags): Promise<void> {
  await keyDestination(flags);
  const cryptographicParameters = parametersOf(flags);
  const source = sourceOf(await dataOf(flags), flags.digest);
  await withClient(flags, async (client) => {
    const { signatureData } = await client.call(sign, {
      uniqueIdentifier,
      cryptographicParameters,
      ...source,
    });
    await tell({ uniqueIdentifier }, 'signatureData', signatureData, flags);
  });
}

export async function macAction(uniqueIdentifier: string, flags: SignFlags): Promise<void> {
  await keyDestination(flags);
  const cryptographicParameters = parametersOf(flags);
  const data = new SecretBytes(await dataOf(flags));
  await withClient(flags, async (client) => {
    const { macData } = await client.call(mac, { uniqueIdentifier, cryptographicParameters, data });
    await tell({ uniqueIdentifier }, 'macData', macData, flags);
  });
}

export async function hashAction(flags: SignFlags): Promise<void> {
  await keyDestination(flags);
  const cryptographicParameters = parametersOf({ hash: 'SHA-256', ...flags }) ?? {};
  const data = new SecretBytes(await dataOf(flags));
  await withClient(flags, async (client) => {
    const { data: digest } = await client.call(hash, { cryptographicParameters, data });
    await tell({}, 'data', digest, flags);
  });
}

export interface VerifyFlags extends UseFlags {
  readonly digest?: boolean;
  readonly signature?: string;
  readonly signatureHex?: string;
  readonly mac?: string;
}

async function claimedSignature({ signature, signatureHex }: VerifyFlags): Promise<Buffer> {
  if (signature !== undefined && signatureHex !== undefined)
    throw wrongUse('--signature and --signature-hex are both given', 'Use one of them.');
  if (signatureHex !== undefined) return parseHexBytes(signatureHex, '--signature-hex');
  if (signature !== undefined) return readNamedFile(signature, 'the signature');
  throw wrongUse('the signature is missing', 'Use --signature FILE or --signature-hex HEX.');
}

export async function signatureVerifyAction(uniqueIdentifier: string, flags: VerifyFlags): Promise<void> {
  const cryptographicParameters = parametersOf(flags);
  const signatureData = await claimedSignature(flags);
  const source = sourceOf(await dataOf(flags), flags.digest);
  const request = { uniqueIdentifier, cryptographicParameters, signatureData, ...source };
  await withClient(flags, async (client) => {
    concludeValidity(await client.call(signatureVerify, request), flags);
  });
}

export async function macVerifyAction(uniqueIdentifier: string, flags: VerifyFlags): Promise<void> {
  const cryptographicParameters = parametersOf(flags);
  if (flags.mac === undefined) throw wrongUse('the MAC is missing', 'Use --mac HEX.');
  const macData = parseHexBytes(flags.mac, '--mac');
  const data = new SecretBytes(await dataOf(flags));
  await withClient(flags, async (client) => {
    concludeValidity(
      await client.call(macVerify, { uniqueIdentifier, cryptographicParameters, data, macData }),
      flags,
    );
  });
}

export async function rngSeedAction(flags: UseFlags): Promise<void> {
  await perform(rngSeed, { data: new SecretBytes(await dataOf(flags)) }, flags);
}
