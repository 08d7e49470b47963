import type { HsmKeyCalls } from '@holdfast/core';

/** What the pool and a device process say to each other (structured clones, so bytes stay bytes). */

/** Where a root key is: a PKCS#11 library, a token in it, and the label of the key. */
export interface Pkcs11Target {
  /** Path of the vendor's library. */
  readonly modulePath: string;
  readonly tokenLabel: string;
}

/** A root key of a token, with what proves that it cannot leave it. */
export interface RootKeyFacts {
  /** CKA_ID in lower-case hex. */
  readonly id: string;
  readonly label: string;
  /** 16 bytes that a one-way function of the key gives, in lower-case hex. */
  readonly checkValue: string;
  readonly sensitive: boolean;
  readonly extractable: boolean;
  readonly alwaysSensitive: boolean;
  readonly neverExtractable: boolean;
}

/** What a token says of itself. */
export interface TokenFacts {
  readonly tokenLabel: string;
  readonly manufacturer: string;
  readonly model: string;
  readonly serialNumber: string;
  readonly libraryDescription: string;
  /** Names of the mechanisms, as PKCS#11 has them without CKM_. */
  readonly mechanisms: readonly string[];
}

/** The calls of a device, with what goes in and out. */
export interface DeviceCalls extends HsmKeyCalls {
  listRootKeys: { readonly in: { readonly label: string }; readonly out: readonly RootKeyFacts[] };
  generateRootKey: {
    /** `besides`: even where there is one with the label. */
    readonly in: { readonly label: string; readonly besides: boolean };
    readonly out: RootKeyFacts;
  };
  destroyRootKey: {
    readonly in: { readonly label: string; readonly checkValue: string };
    /** Whether there was one. */
    readonly out: boolean;
  };
  wrap: { readonly in: KeyedBytes; readonly out: Uint8Array };
  unwrap: { readonly in: KeyedBytes; readonly out: Uint8Array };
  describe: { readonly in: undefined; readonly out: TokenFacts };
}
export type DeviceCall = keyof DeviceCalls;

export interface KeyedBytes {
  /** CKA_ID of the root key in hex. */
  readonly keyId: string;
  readonly bytes: Uint8Array;
  readonly aad: Uint8Array;
}

/**
 * Why a call failed.
 * `pin`: the PIN was refused: it is not tried again. `refused`: what was asked cannot be done, whoever is asked.
 * `not-authentic`: the wrapped bytes are not what was wrapped. `absent`: the token does not hold the key of an object.
 * `device`: the device or its library failed.
 */
export type FaultKind = 'pin' | 'refused' | 'not-authentic' | 'absent' | 'device';

export interface Fault {
  readonly kind: FaultKind;
  /** Names a CKR code or what is missing; no secret. */
  readonly message: string;
  /** Whether the token takes no PIN as it is, right or wrong: it is locked, or none was set. Clones may take this one. */
  readonly isOfToken?: boolean;
}

export type ToDevice =
  | {
      readonly kind: 'open';
      readonly target: Pkcs11Target;
      readonly pin: Uint8Array;
      readonly mayWrite: boolean;
    }
  | { readonly kind: 'call'; readonly id: number; readonly call: DeviceCall; readonly input: unknown };

export type FromDevice =
  | { readonly kind: 'open' }
  | { readonly kind: 'failed'; readonly fault: Fault }
  | { readonly kind: 'answer'; readonly id: number; readonly output: unknown }
  | { readonly kind: 'refusal'; readonly id: number; readonly fault: Fault };
