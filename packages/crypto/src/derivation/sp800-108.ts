import type { Prf } from './prf';

/**
 * The key derivation functions of NIST SP 800-108, with counters of 32 bits in front of the fixed input data, which is
 * Derivation Data as it stands: neither a zero byte nor a length is put in.
 */

/** `[i]` of 32 bits. */
function counterOctets(counter: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(counter);
  return octets;
}

/** Puts the blocks K(1), K(2), ... behind each other. */
async function collect(
  lengthBytes: number,
  nextBlock: (counter: Buffer) => Buffer | Promise<Buffer>,
): Promise<Buffer> {
  const blocks: Buffer[] = [];
  for (let counter = 1, length = 0; length < lengthBytes; counter++) {
    const block = await nextBlock(counterOctets(counter));
    blocks.push(block);
    length += block.length;
  }
  const all = Buffer.concat(blocks);
  for (const block of blocks) block.fill(0);
  return all;
}

/** Section 4.1: K(i) = PRF(K, [i] || data). */
export function counterMode(prf: Prf, data: Buffer, lengthBytes: number): Promise<Buffer> {
  return collect(lengthBytes, (counter) => prf(counter, data));
}

/** Section 4.2: K(i) = PRF(K, K(i-1) || [i] || data), K(0) being the IV. */
export function feedbackMode(prf: Prf, data: Buffer, lengthBytes: number, iv: Buffer): Promise<Buffer> {
  let previous = iv;
  return collect(lengthBytes, async (counter) => (previous = await prf(previous, counter, data)));
}

/** Section 4.3: A(0) = data, A(i) = PRF(K, A(i-1)), K(i) = PRF(K, A(i) || [i] || data). */
export function doublePipelineMode(prf: Prf, data: Buffer, lengthBytes: number): Promise<Buffer> {
  let pipeline = data;
  return collect(lengthBytes, async (counter) => {
    pipeline = await prf(pipeline);
    return prf(pipeline, counter, data);
  });
}
