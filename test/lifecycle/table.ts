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

// types:  Symmetric Key, Public Key, Private Key, Split Key, Secret Data, Opaque Object, Certificate
// states: Pre-Active, Active, Deactivated, Compromised, Destroyed, Destroyed Compromised
export const ROWS: readonly Row[] = [
  reads('Get', '+++++++', '++++nn'),
  reads('Get Attributes', '+++++++', '++++++'),
  reads('Get Attribute List', '+++++++', '++++++'),
  // A destroyed object cannot be used as anything: Object Destroyed, which 2.1 lists for Destroy alone.
  reads('Check', '+++++++', '++++dd'),
  changes('Add Attribute', '+++++++', '++++++'),
  changes('Modify Attribute', '+++++++', '++++++'),
  changes('Delete Attribute', '+++++++', '++++++'),
  since2(changes('Set Attribute', '+++++++', '++++++')),
  since2(changes('Adjust Attribute', '+++++++', '++++++')),
  // Appendix D leaves opaque objects out; Errata 01 lets them count as cryptographic objects, which all have a state.
  changes('Activate', '+++++++', '+wwwww', 'A-----'),
  // Appendix D leaves public keys out, which 1.4 section 4.21 and all of 2.x do not.
  changes('Revoke', '+++++++', 'w+wwww', '-D----'),
  // Of what is compromised already this is no transition: it stays so.
  changes('Revoke (compromise)', '+++++++', '++++++', 'CCCCYY'),
  changes('Destroy', '+++++++', '+w++dd', 'X-XY--'),
  changes('Archive', '+++++++', '++++++'),
  changes('Recover', '+++++++', '++++++'),
  // "The server determines that a new lease is not permitted": for what is gone. Opaque objects as for Activate.
  reads('Obtain Lease', '+++++++', '++++pp'),
  // Usage Limits are for what protects data: Keys in 1.4, in 2.x any object. Parts and certificates have none here.
  changes('Get Usage Allocation', '+++uttu', 'g+gggg'),
  reads('Encrypt', '++kkkk+', 'w+wwww'),
  reads('Decrypt', '+k+kkkk', 'w+++ww'),
  reads('Sign', 'kk+kkkk', 'w+wwww'),
  reads('Signature Verify', 'k+kkkk+', 'w+++ww'),
  reads('MAC', '+kkkkkk', 'w+wwww'),
  reads('MAC Verify', '+kkkkkk', 'w+++ww'),
  // With PBKDF2, which takes keys and passwords. 1.4: "not able to be used to derive a new key".
  changes('Derive Key', '+fff+ff', 'w+wwww'),
  changes('Re-key', '+kkkkkk', '++++dd'),
];
