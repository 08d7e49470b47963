import { diffieHellman, type KeyObject } from 'node:crypto';
import { resolve } from 'node:path';
import type { DerivationRequest } from '@holdfast/core';
import type { AsymmetricKey } from '../keys/asymmetric-key';
import { bitLength } from '../keys/der';
import {
  readFiniteFieldKey,
  writeFiniteFieldPrivateKey,
  writeFiniteFieldPublicKey,
} from '../keys/finite-field';
import { withKeyInfo } from '../keys/key-info';
import { isQuantumSafe, privateKeyOf, publicKeyOf } from '../operations/key';
import { attempt, badParameters, unsupported } from '../operations/refusals';
import { Threads } from '../operations/threads';
import type { AgreementJob } from './agreement-thread';

/** Agreement in finite fields takes from three milliseconds (2048 bits) to two hundred (8192). */
const threads = new Threads<AgreementJob, Uint8Array>(
  // The compiled thread, also where this file runs uncompiled.
  resolve(__dirname, '../../dist/derivation/agreement-thread.js'),
);

/** Kinds of keys that agree. */
const AGREEING = ['ec', 'x25519', 'x448', 'dh'];

/** As node:crypto names them, which has no name for DH keys of X9.42. */
function kindOf({ family, keyObject }: AsymmetricKey): string {
  return family === 'dh' ? family : (keyObject.asymmetricKeyType ?? '');
}

/**
 * The secret that a private key and the other party's public key make: NIST SP 800-56A sections 5.7.1.1 and 5.7.1.2 (the
 * x coordinate, as long as the field; an integer, as long as the prime), RFC 7748 for X25519 and X448.
 * @throws HoldfastError BadCryptographicParameters where the keys are not of one kind, CryptographicFailure where one of
 * them is none that agrees
 */
export function agree(request: DerivationRequest): Buffer | Promise<Buffer> {
  const { parameters, peer, algorithm } = request;
  if (peer === undefined) throw badParameters('key agreement takes a private key and a public key');
  if (parameters.hashingAlgorithm !== undefined) {
    throw unsupported('the secret of a key agreement is given as it is: it is not hashed');
  }
  const privateKey = privateKeyOf(request);
  const publicKey = publicKeyOf({ value: peer, algorithm, parameters: {} });
  if (isQuantumSafe(privateKey) || isQuantumSafe(publicKey)) {
    throw badParameters('quantum-safe keys do not agree on a secret: those of ML-KEM encapsulate one');
  }
  const named = parameters.cryptographicAlgorithm;
  const kind = kindOf(privateKey);
  if (!AGREEING.includes(kind) || (named !== undefined && !privateKey.algorithms.includes(named))) {
    throw badParameters('the private key is not one that agrees so');
  }
  if (
    kindOf(publicKey) !== kind ||
    publicKey.weierstrass !== privateKey.weierstrass ||
    publicKey.lengthBits !== privateKey.lengthBits
  ) {
    throw badParameters('private and public key are not over the same curve or group');
  }
  return attempt('the keys do not agree on a secret', () =>
    kind === 'dh'
      ? agreeInGroup(privateKey.keyObject, publicKey.keyObject)
      : diffieHellman({ privateKey: privateKey.keyObject, publicKey: publicKey.keyObject }),
  );
}

/** Longer orders are those of safe primes, whose other subgroups OpenSSL refuses; they would take long to compute with. */
const MAX_SUBGROUP_BITS = 512;
/** The longest group of NIST SP 800-56A (appendix D); longer primes would keep a thread for long. */
const MAX_PRIME_BITS = 8192;

/** Node agrees with keys of PKCS #3 alone; those of X9.42, which know the order of their subgroup, are written as such. */
async function agreeInGroup(privateKey: KeyObject, publicKey: KeyObject): Promise<Buffer> {
  const mine = withKeyInfo(privateKey, readFiniteFieldKey);
  const theirs = withKeyInfo(publicKey, readFiniteFieldKey);
  const { p, g, q = theirs.q } = mine;
  if (p !== theirs.p || g !== theirs.g || (theirs.q !== undefined && q !== theirs.q)) {
    throw badParameters('private and public key are not over the same curve or group');
  }
  if (bitLength(p) > MAX_PRIME_BITS)
    throw unsupported(`keys agree over primes of at most ${MAX_PRIME_BITS} bits here`);
  // NIST SP 800-56A section 5.6.2.3.1: a value outside the subgroup would tell of the private one.
  const isSmall = q !== undefined && bitLength(q) <= MAX_SUBGROUP_BITS;
  const subgroup = isSmall ? { value: theirs.value, q, p } : undefined;
  const pkcs8 = writeFiniteFieldPrivateKey('dh', { p, g, value: mine.value });
  const spki = writeFiniteFieldPublicKey('dh', { p, g, value: theirs.value });
  try {
    const job = { privateKey: pkcs8, publicKey: spki, subgroup };
    const { buffer, byteOffset, byteLength } = await threads.run(job);
    return Buffer.from(buffer, byteOffset, byteLength);
  } finally {
    pkcs8.fill(0);
  }
}
