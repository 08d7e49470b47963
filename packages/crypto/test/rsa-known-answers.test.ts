import { createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import {
  CryptographicAlgorithm,
  DigitalSignatureAlgorithm,
  HashingAlgorithm,
  KeyFormatType,
  ObjectType,
  PaddingMethod,
} from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import { createCrypto } from '../src';
import { keyBlock } from './support';
import { OAEP_KEY, OAEP_VECTORS, PSS_VECTORS } from './rsa-vectors';

const crypto = createCrypto();
const { RSA } = CryptographicAlgorithm;

const jwkOf = (members: Readonly<Record<string, string>>): JsonWebKey => ({
  kty: 'RSA',
  ...Object.fromEntries(
    Object.entries(members).map(([name, hex]) => [name, Buffer.from(hex, 'hex').toString('base64url')]),
  ),
});
const blockOf = (key: KeyObject) =>
  keyBlock(
    KeyFormatType.PKCS_1,
    new SecretBytes(key.export({ format: 'der', type: 'pkcs1' })),
    RSA,
    key.asymmetricKeyDetails?.modulusLength,
  );

test.each(OAEP_VECTORS)('OAEP: the message %s', async (message, ciphertext) => {
  const key = createPrivateKey({ key: jwkOf(OAEP_KEY), format: 'jwk' });
  const running = crypto.decryption({
    value: { objectType: ObjectType.PrivateKey, keyBlock: blockOf(key) },
    algorithm: RSA,
    parameters: { paddingMethod: PaddingMethod.OAEP, hashingAlgorithm: HashingAlgorithm.SHA_1 },
    ivCounterNonce: undefined,
    additionalData: undefined,
    isTagAppended: false,
    tag: undefined,
    isIvPrefixed: false,
  });
  running.update(Buffer.from(ciphertext, 'hex'));
  expect((await running.final()).reveal().toString('hex')).toBe(message);
});

test.each(PSS_VECTORS.map((vector) => [vector.hash, vector.isValid, vector] as const))(
  'PSS with %s: %s',
  (_hash, _isValid, { hash, n, e, message, signature, isValid }) => {
    const key = createPublicKey({ key: jwkOf({ n, e }), format: 'jwk' });
    const running = crypto.verification(
      {
        value: { objectType: ObjectType.PublicKey, keyBlock: blockOf(key) },
        algorithm: RSA,
        parameters: {
          digitalSignatureAlgorithm: DigitalSignatureAlgorithm.RSASSA_PSS,
          hashingAlgorithm: HashingAlgorithm[hash],
          saltLengthBytes: 10,
        },
      },
      undefined,
    );
    running.update(SecretBytes.copyOf(Buffer.from(message, 'hex')));
    expect(running.verify(Buffer.from(signature, 'hex'))).toBe(isValid);
  },
);
