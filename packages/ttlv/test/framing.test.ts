import fc from 'fast-check';
import { FrameReader, HoldfastError, encodeTtlv } from '../src';
import { anyMessage, hex } from './trees';
import { QUERY_REQUEST } from './vectors';

const request = hex(QUERY_REQUEST.digits);
const reader = (maxFrameBytes = 1 << 20) => new FrameReader({ tags: [0x420078], maxFrameBytes });

describe('FrameReader', () => {
  it('returns whole messages as views on the chunk', () => {
    const chunk = Buffer.concat([request, request, request]);
    const frames = reader().push(chunk);
    expect(frames).toEqual([request, request, request]);
    expect(frames.every((frame) => frame.buffer === chunk.buffer)).toBe(true);
  });

  it('puts messages together from any pieces', () => {
    fc.assert(
      fc.property(
        fc.array(anyMessage, { minLength: 1, maxLength: 4 }),
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }),
        (messages, sizes) => {
          const encoded = messages.map(encodeTtlv);
          const stream = Buffer.concat(encoded);
          const frames: Buffer[] = [];
          const frameReader = reader();
          for (let offset = 0, turn = 0; offset < stream.length; turn++) {
            const end = offset + (sizes[turn % sizes.length] ?? 1);
            frames.push(...frameReader.push(stream.subarray(offset, end)));
            offset = end;
          }
          expect(frames).toEqual(encoded);
          expect(frameReader.pendingBytes).toBe(0);
        },
      ),
    );
  });

  it('puts a message together byte after byte and tells how much of it is there', () => {
    const frameReader = reader();
    for (let at = 0; at < request.length - 1; at++) {
      expect(frameReader.push(request.subarray(at, at + 1))).toEqual([]);
      expect(frameReader.pendingBytes).toBe(at + 1);
    }
    expect(frameReader.push(request.subarray(-1))).toEqual([request]);
    expect(frameReader.pendingBytes).toBe(0);
  });

  it('does not change a message that it returned when more bytes come', () => {
    const frameReader = reader();
    frameReader.push(request.subarray(0, 100));
    const [first] = frameReader.push(Buffer.concat([request.subarray(100), request.subarray(0, 100)]));
    frameReader.push(request.subarray(100));
    expect(first).toEqual(request);
  });

  it.each([
    ['another tag', '42007b01 00000090', /cannot begin with the tag 0x42007b/],
    ['an HTTP request', Buffer.from('GET / HT').toString('hex'), /cannot begin with the tag 0x474554/],
    ['another type', '42007802 00000004', /is a Structure/],
    ['a crooked length', '42007801 00000091', /145 is not a multiple of 8/],
    ['a length over the limit', '42007801 00100000', /1048584 bytes is longer than the 1048576/],
    ['a length of 4 GiB', '42007801 fffffff8', /4294967296 bytes is longer/],
  ])('refuses %s as soon as the header is there', (_name, digits, message) => {
    const whole = reader();
    expect(() => whole.push(hex(digits))).toThrow(HoldfastError);
    expect(() => whole.push(request)).toThrow(message);
    const split = reader();
    expect(split.push(hex(digits).subarray(0, 7))).toEqual([]);
    expect(() => split.push(hex(digits).subarray(7))).toThrow(message);
    expect(split.pendingBytes).toBe(0);
  });

  it('keeps no more memory for a declared length than for the bytes that came', () => {
    const header = hex('42007801 000ffff8');
    const before = process.memoryUsage().arrayBuffers;
    const readers = Array.from({ length: 200 }, () => reader());
    for (const frameReader of readers) frameReader.push(header);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10 << 20);
    expect(readers.every((frameReader) => frameReader.pendingBytes === 8)).toBe(true);
  });

  it('allows a message of exactly the limit', () => {
    expect(reader(request.length).push(request)).toEqual([request]);
    expect(() => reader(request.length - 1).push(request)).toThrow(HoldfastError);
  });

  it('hands out what was complete before a broken header, and then stops', () => {
    const frameReader = reader();
    expect(frameReader.push(Buffer.concat([request, Buffer.alloc(8)]))).toEqual([request]);
    expect(frameReader.fault?.code).toBe('InvalidMessage');
    expect(() => frameReader.push(request)).toThrow(HoldfastError);
  });
});
