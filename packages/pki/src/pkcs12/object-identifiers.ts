/** What PKCS#12 containers are made of: RFC 7292, RFC 8018 (PBES2), RFC 5652 (CMS content types), RFC 2985 (attributes). */
export const OID = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certificateBag: '1.2.840.113549.1.12.10.1.3',
  x509Certificate: '1.2.840.113549.1.9.22.1',
  friendlyName: '1.2.840.113549.1.9.20',
  localKeyId: '1.2.840.113549.1.9.21',
  threeKeyTripleDes: '1.2.840.113549.1.12.1.3',
  twoKeyTripleDes: '1.2.840.113549.1.12.1.4',
  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
  hmacSha256: '1.2.840.113549.2.9',
  sha256: '2.16.840.1.101.3.4.2.1',
  aes256Cbc: '2.16.840.1.101.3.4.1.42',
} as const;

/** Hashes of MACs: names of OpenSSL, block lengths in bytes. */
export const HASHES: ReadonlyMap<string, { readonly name: string; readonly blockLengthBytes: number }> =
  new Map([
    ['1.3.14.3.2.26', { name: 'sha1', blockLengthBytes: 64 }],
    [OID.sha256, { name: 'sha256', blockLengthBytes: 64 }],
    ['2.16.840.1.101.3.4.2.2', { name: 'sha384', blockLengthBytes: 128 }],
    ['2.16.840.1.101.3.4.2.3', { name: 'sha512', blockLengthBytes: 128 }],
  ]);

/** Pseudo-random functions of PBKDF2. */
export const PSEUDO_RANDOM_FUNCTIONS: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.2.7', 'sha1'],
  ['1.2.840.113549.2.8', 'sha224'],
  [OID.hmacSha256, 'sha256'],
  ['1.2.840.113549.2.10', 'sha384'],
  ['1.2.840.113549.2.11', 'sha512'],
]);

/** Ciphers of PBES2: names of OpenSSL and lengths of keys in bytes. */
export const CIPHERS: ReadonlyMap<string, { readonly name: string; readonly keyLengthBytes: number }> =
  new Map([
    ['1.2.840.113549.3.7', { name: 'des-ede3-cbc', keyLengthBytes: 24 }],
    ['2.16.840.1.101.3.4.1.2', { name: 'aes-128-cbc', keyLengthBytes: 16 }],
    ['2.16.840.1.101.3.4.1.22', { name: 'aes-192-cbc', keyLengthBytes: 24 }],
    [OID.aes256Cbc, { name: 'aes-256-cbc', keyLengthBytes: 32 }],
  ]);
