import type { SeededRandom } from './random';

const HEADER_BYTES = 8;
const REQUEST_MESSAGE = 0x42007801;
const EDGE_BYTES = [0x00, 0x01, 0x02, 0x07, 0x0b, 0x0c, 0x42, 0x54, 0x7f, 0x80, 0xff];
const EDGE_LENGTHS = [0, 1, 3, 4, 5, 7, 8, 9, 16, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff];

type Mutation = (bytes: Buffer, random: SeededRandom) => Buffer;

function bodyOffset(bytes: Buffer, random: SeededRandom): number {
  return HEADER_BYTES + random.below(Math.max(1, bytes.length - HEADER_BYTES));
}

const MUTATIONS: readonly Mutation[] = [
  // One bit.
  (bytes, random) => {
    const offset = bodyOffset(bytes, random);
    bytes[offset] = (bytes[offset] ?? 0) ^ (1 << random.below(8));
    return bytes;
  },
  // One byte to a value at an edge.
  (bytes, random) => {
    bytes[bodyOffset(bytes, random)] = random.pick(EDGE_BYTES);
    return bytes;
  },
  // A length field, or what stands where one might.
  (bytes, random) => {
    const offset = Math.min(bytes.length - 4, (bodyOffset(bytes, random) & ~7) + 4);
    bytes.writeUInt32BE(random.pick(EDGE_LENGTHS), offset);
    return bytes;
  },
  // A part of it out.
  (bytes, random) => {
    const from = bodyOffset(bytes, random) & ~7;
    const to = Math.min(bytes.length, from + 8 * (1 + random.below(8)));
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
  },
  // A part of it twice.
  (bytes, random) => {
    const from = bodyOffset(bytes, random) & ~7;
    const to = Math.min(bytes.length, from + 8 * (1 + random.below(8)));
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
  },
  // The end cut off.
  (bytes, random) => bytes.subarray(0, bodyOffset(bytes, random) & ~7),
  // Noise in a stretch.
  (bytes, random) => {
    const from = bodyOffset(bytes, random);
    for (let offset = from; offset < Math.min(bytes.length, from + 16); offset++)
      bytes[offset] = random.below(256);
    return bytes;
  },
  // Structures within structures.
  (_bytes, random) => {
    const depth = 1 + random.below(2000);
    const nested = Buffer.alloc(depth * HEADER_BYTES);
    for (let level = 0; level < depth; level++) {
      nested.writeUInt32BE(0x42007701, level * HEADER_BYTES);
      nested.writeUInt32BE((depth - level - 1) * HEADER_BYTES, level * HEADER_BYTES + 4);
    }
    return Buffer.concat([Buffer.alloc(HEADER_BYTES), nested]);
  },
  // Nothing but noise.
  (_bytes, random) =>
    Buffer.from(Array.from({ length: HEADER_BYTES + 8 * random.below(64) }, () => random.below(256))),
];

/** A message changed in one to four ways; tag and length of the whole are right, so that it arrives as one message. */
export function mutated(message: Buffer, random: SeededRandom): Buffer {
  let bytes: Buffer = Buffer.from(message);
  for (let times = 1 + random.below(4); times > 0; times--) {
    bytes = random.pick(MUTATIONS)(bytes, random);
    if (bytes.length < HEADER_BYTES + 8) bytes = Buffer.alloc(HEADER_BYTES + 8);
  }
  bytes = Buffer.from(bytes.subarray(0, bytes.length - (bytes.length % 8)));
  bytes.writeUInt32BE(REQUEST_MESSAGE, 0);
  bytes.writeUInt32BE(bytes.length - HEADER_BYTES, 4);
  return bytes;
}
