/** Frames between pages and nodes: golden bytes of version 1, bytes that are none, frames in pieces. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DocumentError } from '../../../../src/documents/index.js';
import { FrameReader } from '../../../../src/documents/page/frames.js';
import {
  type NodeFrame,
  type PageFrame,
  decodeNodeFrame,
  decodePageFrame,
  encodeNodeFrame,
  encodePageFrame,
} from '../../../../src/documents/page/wire.js';
import { fuzz } from '../../../transport/seed.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array =>
  new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const key = bytes('0102'.repeat(16));
const signature = bytes('a1b2'.repeat(32));

/** The bytes of version 1: a change of them is another version. */
const OF_PAGES: readonly (readonly [PageFrame, string])[] = [
  [['begin', 1], '00000002 01 01'],
  [
    ['proof', 'tok', key, signature],
    `00000065 03 03746f6b ${'0102'.repeat(16)} ${'a1b2'.repeat(32)}`,
  ],
  [['ping'], '00000001 05'],
  [['hello', 1, 'plän', bytes('00')], '0000000a 10 01 05706cc3a46e 0100'],
  [['update', 300, bytes('0000')], '00000006 11 ac02 02 0000'],
  [['aware', bytes('ff')], '00000003 12 01 ff'],
];
const OF_NODES: readonly (readonly [NodeFrame, string])[] = [
  [['challenge', 'abc', key], `00000025 02 03616263 ${'0102'.repeat(16)}`],
  [['admitted', 'abc'], '00000005 04 03616263'],
  [['pong'], '00000001 06'],
  [['failed', 'closed', 'why'], '0000000c 07 06636c6f736564 03776879'],
  [
    ['welcome', 2 ** 32 - 1, true, bytes('00'), bytes('0000')],
    '0000000c 13 ffffffff0f 01 0100 020000',
  ],
  [['update', bytes('0102')], '00000004 11 02 0102'],
  [['aware', bytes('')], '00000002 12 00'],
  [['saved', 1], '00000002 14 01'],
  [['refused', 2, 'closed', 'why'], '0000000d 15 02 06636c6f736564 03776879'],
];

describe('frames of version 1', () => {
  it.each(OF_PAGES)('of a page: %j', (frame, text) => {
    expect(hex(encodePageFrame(frame))).toBe(text.replaceAll(' ', ''));
    expect(decodePageFrame(bytes(text).subarray(4))).toEqual(frame);
  });

  it.each(OF_NODES)('of a node: %j', (frame, text) => {
    expect(hex(encodeNodeFrame(frame))).toBe(text.replaceAll(' ', ''));
    expect(decodeNodeFrame(bytes(text).subarray(4))).toEqual(frame);
  });

  it.each([
    ['nothing', '', 'malformed-frame'],
    ['a kind that is none', '63', 'malformed-frame'],
    ['what a node says', '06', 'malformed-frame'],
    ['another version of the session', '01 02', 'unsupported-version'],
    ['another version of a document', '10 02 0161 0100', 'unsupported-version'],
    ['a proof that is cut off', `03 00 ${'00'.repeat(95)}`, 'malformed-frame'],
    ['a token that is too long', `03 e907 ${'61'.repeat(1_001)}`, 'malformed-frame'],
    ['a name that is too long', `10 01 8108 ${'61'.repeat(1_025)} 0100`, 'malformed-frame'],
    ['a name that is no UTF-8', '10 01 01ff 0100', 'malformed-frame'],
    ['an update that claims a terabyte', '11 01 8080808080808001', 'malformed-frame'],
    ['awareness that is too long', `12 8120 ${'00'.repeat(4_097)}`, 'malformed-frame'],
    ['bytes behind the end', '05 00', 'malformed-frame'],
    ['an id of more than 53 bits', '11 ffffffffffffffff7f 00', 'malformed-frame'],
  ])('%s is refused', (_what, text, code) => {
    expect(() => decodePageFrame(bytes(text))).toThrow(expect.objectContaining({ code }));
  });

  it('any bytes are a frame or an error of documents', () => {
    const any = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc
        .tuple(fc.nat(24), fc.uint8Array({ maxLength: 120 }))
        .map(([kind, rest]) => Uint8Array.of(kind, ...rest)),
    );
    void fuzz(
      fc.property(any, (raw) => {
        for (const [decode, encode] of [
          [decodePageFrame, encodePageFrame],
          [decodeNodeFrame, encodeNodeFrame],
        ] as const) {
          let frame: PageFrame | NodeFrame;
          try {
            frame = decode(raw);
          } catch (error) {
            expect(error).toBeInstanceOf(DocumentError);
            continue;
          }
          // One form: what was read is written the same.
          expect(hex(encode(frame as never).subarray(4))).toBe(hex(raw));
        }
      }),
      2_000,
    );
  });
});

/** A stream of these pieces; `isOpen`: it goes on. */
function streamOf(pieces: readonly Uint8Array[], isOpen = false): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (const piece of pieces) controller.enqueue(piece);
      if (!isOpen) controller.close();
    },
  });
}

describe('frames off a stream', () => {
  it('come in any pieces', async () => {
    const frames = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 12 });
    const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 });
    await fuzz(
      fc.asyncProperty(frames, cuts, async (sent, sizes) => {
        const whole = Buffer.concat(
          sent.flatMap((frame) => {
            const head = Buffer.alloc(4);
            head.writeUInt32BE(frame.length);
            return [head, Buffer.from(frame)];
          }),
        );
        const pieces: Uint8Array[] = [];
        for (let at = 0, turn = 0; at < whole.length; turn += 1) {
          const size = sizes[turn % sizes.length] ?? 1;
          pieces.push(new Uint8Array(whole.subarray(at, at + size)));
          at += size;
        }
        const held: number[] = [];
        const onHeld = (count: number): void => void held.push(count);
        const reader = new FrameReader(streamOf(pieces), { frameBytesMax: 300, onHeld });
        const got: string[] = [];
        for (let frame = await reader.next(); frame !== undefined; frame = await reader.next()) {
          got.push(hex(frame));
        }
        expect(got).toEqual(sent.map(hex));
        expect(held.at(-1) ?? 0).toBe(0);
        expect(Math.max(0, ...held)).toBeLessThanOrEqual(300 + 4 + 40);
      }),
      200,
    );
  });

  it.each([
    ['is empty', '00000000'],
    ['is too long', '0000000b'],
    ['claims four gigabytes', 'ffffffff'],
    ['has no whole length', '0000'],
    ['is cut off', '00000003 0102'],
  ])('fail where one %s', async (_what, text) => {
    const reader = new FrameReader(streamOf([bytes(text)]), { frameBytesMax: 10 });
    await expect(reader.next()).rejects.toMatchObject({ code: 'malformed-frame' });
  });

  it('end when nobody wants more, also one that is waited for', async () => {
    const reader = new FrameReader(streamOf([bytes('0000')], true), { frameBytesMax: 10 });
    const waiting = reader.next().catch((error: unknown) => error);
    await reader.cancel();
    await expect(waiting).resolves.toMatchObject({ code: 'malformed-frame' });
  });
});
