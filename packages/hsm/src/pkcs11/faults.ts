import type { Fault, FaultKind } from './protocol';

/** Thrown within the device process. */
export class DeviceFault extends Error implements Fault {
  constructor(
    readonly kind: FaultKind,
    message: string,
  ) {
    super(message);
  }
}

/** CKR_PIN_INCORRECT to CKR_PIN_LOCKED, and CKR_USER_PIN_NOT_INITIALIZED: asking again makes it worse. */
const PIN_CODES: ReadonlySet<number> = new Set([0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0x102]);
/** Of these CKR_PIN_EXPIRED, CKR_PIN_LOCKED and CKR_USER_PIN_NOT_INITIALIZED: they do not say that the PIN is wrong. */
const TOKEN_PIN_CODES: ReadonlySet<number> = new Set([0xa3, 0xa4, 0x102]);
/** CKR_MECHANISM_INVALID, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_TEMPLATE_* and the like: no other session would do it. */
const REFUSAL_CODES: ReadonlySet<number> = new Set([0x68, 0x70, 0x71, 0xd0, 0xd1, 0xe2]);

/** CKR_DATA_*, CKR_ENCRYPTED_DATA_*, CKR_SIGNATURE_*, CKR_WRAPPED_KEY_*: the bytes are none that the key takes. */
const DATA_CODES: ReadonlySet<number> = new Set([0x20, 0x21, 0x40, 0x41, 0xc0, 0xc1, 0x110, 0x112]);
/**
 * CKR_ATTRIBUTE_VALUE_INVALID, CKR_KEY_SIZE_RANGE, CKR_KEY_TYPE_INCONSISTENT, CKR_FUNCTION_NOT_SUPPORTED,
 * CKR_DOMAIN_PARAMS_INVALID, CKR_CURVE_NOT_SUPPORTED.
 */
const UNSUPPORTED_CODES: ReadonlySet<number> = new Set([0x13, 0x54, 0x62, 0x63, 0x130, 0x140]);

/** What an error means where a key was to be made: a kind or length that the device does not have is no fault of it. */
export function faultOfMaking(error: unknown): DeviceFault {
  const { kind, message } = faultOf(error);
  return new DeviceFault(UNSUPPORTED_CODES.has(codeOf(error) ?? 0) ? 'refused' : kind, message);
}

/** What an error means where a client's bytes were worked on: the device is at fault where it does nothing else either. */
export function faultOfUse(error: unknown, works: () => boolean): DeviceFault {
  const code = codeOf(error);
  const name = error instanceof Error ? error.message : 'the PKCS#11 library failed';
  const usual = faultOf(error);
  const asUsual = new DeviceFault(usual.kind, usual.message);
  if (code === undefined || PIN_CODES.has(code)) return asUsual;
  if (REFUSAL_CODES.has(code) || UNSUPPORTED_CODES.has(code)) return new DeviceFault('refused', name);
  if (DATA_CODES.has(code) || works()) return new DeviceFault('not-authentic', name);
  return asUsual;
}

/** What an error of the PKCS#11 library means. */
export function faultOf(error: unknown): Fault {
  if (error instanceof DeviceFault) return { kind: error.kind, message: error.message };
  const code = codeOf(error);
  if (code === undefined) {
    return { kind: 'device', message: error instanceof Error ? error.message : 'the PKCS#11 library failed' };
  }
  const name = error instanceof Error ? error.message : `CKR 0x${code.toString(16)}`;
  if (TOKEN_PIN_CODES.has(code)) return { kind: 'pin', message: name, isOfToken: true };
  if (PIN_CODES.has(code)) return { kind: 'pin', message: name };
  return { kind: REFUSAL_CODES.has(code) ? 'refused' : 'device', message: name };
}

/** The CKR code of an error; undefined where it is none of PKCS#11. */
export function codeOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'number' ? error.code : undefined;
}
