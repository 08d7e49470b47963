import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  ObjectType,
  cryptographicAlgorithmEnum,
  definitionOf,
  type AttributeKey,
  type AttributeValue,
} from '@holdfast/kmip';
import { HoldfastError, type ErrorCode } from '@holdfast/ttlv';
import type { OperationContext } from '../operation';
import type { AlgorithmFacts, KeyPairSpecification } from '../ports/crypto';
import { fingerprint } from './attribute-instance';
import type { AttributeSet } from './attribute-set';
import { isSameAlgorithm } from './defaults';
import { defaultsFor, fillIn } from './domain-policy';

/** What kind of key a request wants the server to make. */

/** @throws HoldfastError `code` where the attribute is not there */
export function requireAttribute<K extends AttributeKey>(
  attributes: AttributeSet,
  key: K,
  code: ErrorCode,
): AttributeValue<K> {
  const value = attributes.get(key);
  if (value === undefined) throw new HoldfastError(code, `${definitionOf(key).name} is missing`);
  return value;
}

/** Gives an attribute a value where it has none. */
function setIfAbsent<K extends AttributeKey>(
  attributes: AttributeSet,
  key: K,
  value: AttributeValue<K>,
): void {
  if (!attributes.has(key)) attributes.set(key, value);
}

/** Fills in what 2.x lets a client leave out: KMIP 2.1 chapter 4, table 28. */
export function fillDefaults(
  objectType: ObjectType,
  attributes: AttributeSet,
  context: OperationContext,
): void {
  if (!context.dialect.rules.fillsCreateDefaults) return;
  fillIn(attributes, defaultsFor(context.policy, objectType, attributes));
}

/**
 * Where a request names nothing of a key but the algorithm, and that of the defaults: the length and curve that they have for it.
 * KMIP 2.1 section 6.1.53.
 */
function fillKeyDescription(
  objectType: ObjectType,
  stated: CryptographicAlgorithm,
  attributes: AttributeSet,
  context: OperationContext,
): void {
  if (!context.dialect.rules.fillsCreateDefaults) return;
  if (attributes.has('CryptographicLength') || attributes.has('CryptographicDomainParameters')) return;
  const usual = defaultsFor(context.policy, objectType, attributes);
  const algorithm = usual.find(({ key }) => key === 'CryptographicAlgorithm');
  if (algorithm?.key !== 'CryptographicAlgorithm' || !isSameAlgorithm(algorithm.value, stated)) return;
  fillIn(
    attributes,
    usual.filter(({ key }) => key === 'CryptographicLength' || key === 'CryptographicDomainParameters'),
  );
}

const MAC_USAGE = CryptographicUsageMask.MACGenerate | CryptographicUsageMask.MACVerify;

/** Like fillDefaults, the usage mask alone: for keys whose algorithm is settled. */
export function fillUsageMask(
  objectType: ObjectType,
  attributes: AttributeSet,
  context: OperationContext,
): void {
  if (!context.dialect.rules.fillsCreateDefaults) return;
  const algorithm = attributes.get('CryptographicAlgorithm');
  const facts = algorithm === undefined ? undefined : context.crypto.algorithms.get(algorithm);
  const usual = defaultsFor(context.policy, objectType, attributes).find(
    ({ key }) => key === 'CryptographicUsageMask',
  );
  if (usual?.key !== 'CryptographicUsageMask') return;
  const fitting =
    facts?.kind === 'mac'
      ? MAC_USAGE
      : facts?.isForSecrets === true
        ? CryptographicUsageMask.DeriveKey
        : usual.value;
  setIfAbsent(attributes, 'CryptographicUsageMask', fitting);
}

/** The row of the algorithm table. @throws HoldfastError InvalidField where keys of the algorithm are not made so */
function factsOf(
  algorithm: CryptographicAlgorithm,
  isWanted: (facts: AlgorithmFacts) => boolean,
  { crypto }: OperationContext,
): AlgorithmFacts {
  const facts = crypto.algorithms.get(algorithm);
  if (facts !== undefined && isWanted(facts)) return facts;
  const name = cryptographicAlgorithmEnum.byValue.get(algorithm)?.name ?? 'this algorithm';
  throw new HoldfastError('InvalidField', `a key for ${name} cannot be made by this operation`);
}

/**
 * Algorithm and length of a symmetric key; the request's attributes are completed to match.
 * @throws HoldfastError InvalidField where the algorithm or the usage mask is missing (1.x), or the algorithm is no
 *   symmetric one
 */
export function describeSymmetricKey(
  attributes: AttributeSet,
  context: OperationContext,
): { readonly algorithm: CryptographicAlgorithm; readonly lengthBits: number } {
  const objectType = ObjectType.SymmetricKey;
  const stated = attributes.get('CryptographicAlgorithm');
  if (stated === undefined) fillDefaults(objectType, attributes, context);
  else fillKeyDescription(objectType, stated, attributes, context);
  const algorithm = requireAttribute(attributes, 'CryptographicAlgorithm', 'InvalidField');
  const facts = factsOf(algorithm, ({ kind }) => kind !== 'asymmetric', context);
  setIfAbsent(attributes, 'CryptographicLength', facts.defaultLengthBits);
  fillUsageMask(objectType, attributes, context);
  requireAttribute(attributes, 'CryptographicUsageMask', 'InvalidField');
  return { algorithm, lengthBits: requireAttribute(attributes, 'CryptographicLength', 'InvalidField') };
}

/** Attributes that both halves of a pair have alike. KMIP 1.4 section 4.2, table 168; KMIP 2.1 section 6.1.9, table 191. */
const SHARED = [
  'CryptographicAlgorithm',
  'CryptographicLength',
  'CryptographicDomainParameters',
  'CryptographicParameters',
] as const satisfies readonly AttributeKey[];

function isSameSet(mine: readonly string[], theirs: readonly string[]): boolean {
  const values = new Set(theirs);
  return mine.length === theirs.length && mine.every((value) => values.has(value));
}

/** Gives each half what only the other one states. @throws HoldfastError InvalidField where they contradict each other */
function share(privateKey: AttributeSet, publicKey: AttributeSet): void {
  for (const key of SHARED) {
    const [mine, theirs] = [privateKey.instances(key), publicKey.instances(key)];
    if (mine.length === 0) for (const instance of theirs) privateKey.add(instance);
    else if (theirs.length === 0) for (const instance of mine) publicKey.add(instance);
    else if (!isSameSet(mine.map(fingerprint), theirs.map(fingerprint))) {
      throw new HoldfastError(
        'InvalidField',
        `${definitionOf(key).name} differs between the keys of the pair`,
      );
    }
  }
}

/**
 * What a key pair is to be; the attributes of both halves are completed to match. A length that the request leaves open
 * follows from the curve, else from the algorithm.
 * @throws HoldfastError InvalidMessage where a mandatory attribute is missing (1.x), InvalidField
 */
export function describeKeyPair(
  privateKey: AttributeSet,
  publicKey: AttributeSet,
  context: OperationContext,
): KeyPairSpecification {
  share(privateKey, publicKey);
  const stated = privateKey.get('CryptographicAlgorithm');
  if (stated === undefined) fillDefaults(ObjectType.PrivateKey, privateKey, context);
  else fillKeyDescription(ObjectType.PrivateKey, stated, privateKey, context);
  share(privateKey, publicKey);
  const { recommendedCurve: curve, qLengthBits } = privateKey.get('CryptographicDomainParameters') ?? {};
  if (stated !== undefined && curve === undefined) {
    const facts = factsOf(stated, ({ kind }) => kind === 'asymmetric', context);
    setIfAbsent(privateKey, 'CryptographicLength', facts.defaultLengthBits);
  }
  for (const [half, objectType] of [
    [privateKey, ObjectType.PrivateKey],
    [publicKey, ObjectType.PublicKey],
  ] as const) {
    fillUsageMask(objectType, half, context);
    requireAttribute(half, 'CryptographicUsageMask', 'InvalidMessage');
  }
  return {
    algorithm: requireAttribute(privateKey, 'CryptographicAlgorithm', 'InvalidMessage'),
    lengthBits: privateKey.get('CryptographicLength'),
    curve,
    qLengthBits,
  };
}
