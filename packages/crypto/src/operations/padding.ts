import { randomFillSync } from 'node:crypto';
import { PaddingMethod, paddingMethodEnum } from '@holdfast/kmip';
import { failure, unsupported } from './refusals';

/** How the last block is filled up. */
export interface BlockPadding {
  /** The bytes that fill up a block of which `lacking` (1 to a whole block) are missing. */
  bytes(lacking: number): Buffer;
  /** How many bytes at the end of the last block are padding. @throws HoldfastError CryptographicFailure */
  lengthIn(lastBlock: Buffer): number;
}

/** The count that the last byte holds. */
function countIn(lastBlock: Buffer): number {
  const count = lastBlock.at(-1) ?? 0;
  if (count < 1 || count > lastBlock.length) throw malformed();
  return count;
}

function malformed() {
  return failure('the data does not decrypt under this key and these parameters');
}

function withCount(lacking: number, fill: (padding: Buffer) => void): Buffer {
  const padding = Buffer.alloc(lacking);
  fill(padding);
  padding[lacking - 1] = lacking;
  return padding;
}

/**
 * The padding methods of block ciphers. Not here: Zeros, since what ends in zeros does not come back as it was, and SSL3
 * and X9.31, which pad other things.
 */
const PADDINGS: ReadonlyMap<PaddingMethod, BlockPadding> = new Map<PaddingMethod, BlockPadding>([
  [
    PaddingMethod.PKCS5,
    {
      bytes: (lacking) => Buffer.alloc(lacking, lacking),
      lengthIn(lastBlock) {
        const count = countIn(lastBlock);
        // Looks at every byte whatever it finds first.
        let differences = 0;
        for (const octet of lastBlock.subarray(-count)) differences |= octet ^ count;
        if (differences !== 0) throw malformed();
        return count;
      },
    },
  ],
  [
    PaddingMethod.ANSIX9_23,
    {
      bytes: (lacking) => withCount(lacking, () => undefined),
      lengthIn(lastBlock) {
        const count = countIn(lastBlock);
        let differences = 0;
        for (const octet of lastBlock.subarray(-count, -1)) differences |= octet;
        if (differences !== 0) throw malformed();
        return count;
      },
    },
  ],
  [
    PaddingMethod.ISO10126,
    { bytes: (lacking) => withCount(lacking, (padding) => randomFillSync(padding)), lengthIn: countIn },
  ],
]);

/** Undefined for none, also where no method is named. @throws HoldfastError UnsupportedCryptographicParameters */
export function blockPadding(method: PaddingMethod = PaddingMethod.None): BlockPadding | undefined {
  if (method === PaddingMethod.None) return undefined;
  const padding = PADDINGS.get(method);
  if (padding !== undefined) return padding;
  const name = paddingMethodEnum.byValue.get(method)?.name ?? String(method);
  throw unsupported(`blocks are not padded by the method ${name}`);
}
