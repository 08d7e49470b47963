import { HoldfastError, type SecretBytes } from '@holdfast/ttlv';

/** How parameters of PKCS#11 functions are written. KMIP Profiles 2.1 section 5.18.1. */

/** Reads input parameters in their order. @throws HoldfastError PKCS_11CodecError where they are not as they should be */
export class ParameterReader {
  #offset = 0;

  /** @param bytes the same ones each time that a call is run again */
  constructor(readonly bytes: Buffer) {}

  byte(): number {
    return this.#take(1).readUInt8();
  }

  /** CK_ULONG, CK_LONG and handles. */
  ulong(): bigint {
    return this.#take(8).readBigUInt64BE();
  }

  /** A count or length. */
  count(): number {
    return this.#take(4).readUInt32BE();
  }

  byteString(): Buffer {
    return this.#take(this.count());
  }

  /** An array of fixed length. */
  fixedBytes(lengthBytes: number): Buffer {
    return this.#take(lengthBytes);
  }

  /** Whether a list is wanted, and for how many elements there is room; else its length alone. */
  wantedCount(): number | undefined {
    const isWanted = this.byte() !== 0;
    if (!isWanted && this.#offset === this.bytes.length) return undefined;
    const room = this.count();
    return isWanted ? room : undefined;
  }

  end(): void {
    if (this.#offset !== this.bytes.length) throw codecError();
  }

  #take(lengthBytes: number): Buffer {
    const taken = this.bytes.subarray(this.#offset, this.#offset + lengthBytes);
    if (taken.length < lengthBytes) throw codecError();
    this.#offset += lengthBytes;
    return taken;
  }
}

function codecError(): HoldfastError {
  return new HoldfastError('PKCS_11CodecError', 'PKCS#11 Input Parameters are not those of the function');
}

export function byte(value: number): Buffer {
  return Buffer.from([value]);
}

export function ulong(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

export function count(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function byteString(value: Buffer): Buffer {
  return Buffer.concat([count(value.length), value]);
}

/** Output parameters are not secret to the caller, whom they are for. */
export function inClear(secret: SecretBytes): Buffer {
  return Buffer.from(secret.reveal());
}

/** CK_VERSION. */
export function version(major: number, minor: number): Buffer {
  return Buffer.from([major, minor]);
}

/** A string of fixed length, filled with blanks. */
export function padded(text: string, lengthBytes: number): Buffer {
  return Buffer.from(text.slice(0, lengthBytes).padEnd(lengthBytes), 'latin1');
}
