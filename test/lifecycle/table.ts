/**
 * Which operation takes which object in which state, written by hand from the specifications and from nothing else:
 * KMIP 1.4 appendix D with Errata 01 (which object), section 3.22 and figure 1 (states and transitions), section 11
 * (reasons); KMIP 2.0 section 4.49 and chapter 6, KMIP 2.1 section 4.57 and chapter 6. Where these are silent, the note of the row says
 * what was chosen, and docs/kmip-divergences.md why.
 */

/** The columns of `types`: objects that clients register. */
export const TYPES = [
  'SymmetricKey',
  'PublicKey',
  'PrivateKey',
  'SplitKey',
  'SecretData',
  'OpaqueObject',
  'Certificate',
  'PGPKey',
  'CertificateRequest',
  'Template',
] as const;
export type TypeName = (typeof TYPES)[number];

/** The columns of `states`. */
export const STATES = [
  'PreActive',
  'Active',
  'Deactivated',
  'Compromised',
  'Destroyed',
  'DestroyedCompromised',
] as const;
export type StateName = (typeof STATES)[number];

export const VERSIONS = ['1.4', '2.0', '2.1'] as const;
export type Version = (typeof VERSIONS)[number];

/** The versions that have the type: Certificate Requests came, and Templates went, with 2.0. */
export const VERSIONS_OF: Readonly<Partial<Record<TypeName, readonly Version[]>>> = {
  CertificateRequest: ['2.0', '2.1'],
  Template: ['1.4'],
};

/** A Template has no State: it is there, or with all that was known of it gone (1.4 section 4.21). */
export const STATES_OF: Readonly<Partial<Record<TypeName, readonly StateName[]>>> = {
  Template: ['PreActive', 'Destroyed'],
};

/** What the letters of a row stand for, besides '+', which is success: the Result Reason of 1.4, 2.0 and 2.1. */
export const OUTCOMES: Readonly<Record<string, readonly [string, string, string]>> = {
  // The state does not allow it. 2.0: as its OASIS test cases have it.
  w: ['PermissionDenied', 'PermissionDenied', 'WrongKeyLifecycleState'],
  // It has been destroyed.
  d: ['PermissionDenied', 'ObjectDestroyed', 'ObjectDestroyed'],
  // The value is gone: "the server only has attributes for this object" (1.4 section 11.12).
  n: ['IllegalOperation', 'KeyValueNotPresent', 'KeyValueNotPresent'],
  // It is no object that this can be done to (1.4 sections 11.19 to 11.21).
  t: ['IllegalOperation', 'InvalidObjectType', 'InvalidObjectType'],
  // It is "not able to be used" for this (1.4 sections 11.5, 11.30 to 11.35).
  k: ['PermissionDenied', 'InvalidObjectType', 'InvalidObjectType'],
  // It is not of the correct type (1.4 section 11.7).
  f: ['InvalidField', 'InvalidObjectType', 'InvalidObjectType'],
  // It is not able to be used for applying protection (1.4 section 11.19).
  g: ['IllegalOperation', 'PermissionDenied', 'PermissionDenied'],
  // It has no Usage Limits.
  u: ['IllegalOperation', 'AttributeNotFound', 'AttributeNotFound'],
  // It makes no certificate list (1.4 section 11.25).
  v: ['InvalidMessage', 'InvalidObjectType', 'InvalidObjectType'],
  // There is an object of this identifier already.
  o: ['ObjectAlreadyExists', 'ObjectAlreadyExists', 'ObjectAlreadyExists'],
  // It is not among what was found.
  l: ['not found', 'not found', 'not found'],
  // It is no more.
  i: ['ItemNotFound', 'ObjectNotFound', 'ObjectNotFound'],
  // The server's policy.
  p: ['PermissionDenied', 'PermissionDenied', 'PermissionDenied'],
};

export interface Row {
  readonly operation: string;
  /** A letter for each of TYPES: '+' where the states decide. */
  readonly types: string;
  /** A letter for each of STATES. Where type and state are both against it, either reason is right. */
  readonly states: string;
  /** The state that it brings about: the letter of one of STATES, for each of them. Left out: the object stays in its own. */
  readonly becomes?: string;
  /** Whether only 2.x has it. */
  readonly isNewer?: true;
  /** Whether the object is not as it was afterwards. */
  readonly changes?: true;
}

/** Letters of STATES in `becomes`. */
export const STATE_LETTERS = 'PADCXY';

const reads = (operation: string, types: string, states: string): Row => ({ operation, types, states });
const changes = (operation: string, types: string, states: string, becomes?: string): Row => ({
  ...{ operation, types, states, changes: true },
  ...(becomes === undefined ? {} : { becomes }),
});
const since2 = (row: Row): Row => ({ ...row, isNewer: true });

/** Of a Template that was destroyed, its identifier alone is known: to Import. "The object itself, including all meta-data, SHALL be destroyed". */
export function ofGoneTemplate(operation: string): string {
  if (operation.startsWith('Import')) return '+';
  return operation === 'Locate' ? 'l' : 'i';
}

// types:  Symmetric Key, Public Key, Private Key, Split Key, Secret Data, Opaque Object, Certificate, PGP Key,
//         Certificate Request, Template
// states: Pre-Active, Active, Deactivated, Compromised, Destroyed, Destroyed Compromised
export const ROWS: readonly Row[] = [
  reads('Get', '++++++++++', '++++nn'),
  // "If the Managed Object has been Destroyed then the key material SHALL not be returned", all else is.
  reads('Export', '++++++++++', '++++++'),
  reads('Get Attributes', '++++++++++', '++++++'),
  reads('Get Attribute List', '++++++++++', '++++++'),
  // On-line objects alone are found unless the request asks for others, which 1.4 cannot for destroyed ones.
  reads('Locate', '++++++++++', '++++ll'),
  since2(reads('Locate (destroyed)', '++++++++++', '++++++')),
  // A destroyed object cannot be used as anything: Object Destroyed, which 2.1 lists for Destroy alone.
  reads('Check', '+++++++++t', '++++dd'),
  changes('Add Attribute', '++++++++++', '++++++'),
  changes('Modify Attribute', '++++++++++', '++++++'),
  changes('Delete Attribute', '++++++++++', '++++++'),
  since2(changes('Set Attribute', '++++++++++', '++++++')),
  since2(changes('Adjust Attribute', '++++++++++', '++++++')),
  // Appendix D leaves opaque objects out; Errata 01 lets them count as cryptographic objects, which all have a state.
  changes('Activate', '+++++++++t', '+wwwww', 'A-----'),
  // Appendix D leaves public keys out, which 1.4 section 4.21 and all of 2.x do not.
  changes('Revoke', '+++++++++t', 'w+wwww', '-D----'),
  // Of what is compromised already this is no transition: it stays so.
  changes('Revoke (compromise)', '+++++++++t', '++++++', 'CCCCYY'),
  changes('Destroy', '++++++++++', '+w++dd', 'X-XY--'),
  changes('Archive', '++++++++++', '++++++'),
  changes('Recover', '++++++++++', '++++++'),
  // "The server determines that a new lease is not permitted": for what is gone. Opaque objects as for Activate.
  reads('Obtain Lease', '+++++++++p', '++++pp'),
  // Usage Limits are for what protects data: Keys in 1.4, in 2.x any object. Parts and certificates have none here.
  changes('Get Usage Allocation', '+++uttuutt', 'g+gggg'),
  reads('Encrypt', '++kkkk+kkk', 'w+wwww'),
  reads('Decrypt', '+k+kkkkkkk', 'w+++ww'),
  reads('Sign', 'kk+kkkkkkk', 'w+wwww'),
  reads('Signature Verify', 'k+kkkk+kkk', 'w+++ww'),
  reads('MAC', '+kkkkkkkkk', 'w+wwww'),
  reads('MAC Verify', '+kkkkkkkkk', 'w+++ww'),
  // With PBKDF2, which takes keys and passwords. 1.4: "not able to be used to derive a new key".
  changes('Derive Key', '+fff+fffff', 'w+wwww'),
  changes('Re-key', '+kkkkkkkkk', '++++dd'),
  // Found by the private key (1.4 section 4.5), which is linked to a public one.
  changes('Re-key Key Pair', 'kk+kkkkkkk', '++++dd'),
  // What is out of use is "not able to be certified"; 1.4 has no objects that are requests.
  changes('Certify', 'k+kkkkkk+k', '++pppp'),
  // A new certificate for the same key: not where the key is lost. Appendix D has PGP keys too, which nobody signs here.
  changes('Re-certify', 'kkkkkk+kkk', '+++pdd'),
  // The answer, not a refusal, says of what is not valid that it is not.
  reads('Validate', 'vvvvvv+vvv', '++++++'),
  // What is split are keys and Secret Data, whatever they are good for.
  changes('Create Split Key', '+f+f+fffff', '++++dd'),
  changes('Join Split Key', 'fff+ffffff', '++++dd'),
  reads('Import', 'oooooooooo', '++++++'),
  // "Any existing object with the same Unique Identifier SHALL be replaced", by one that no attribute activates.
  changes('Import (replace)', '++++++++++', '++++++', 'PPPPPP'),
];
