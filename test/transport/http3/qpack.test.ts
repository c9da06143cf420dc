import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { QpackDecoder } from '../../../transport/http3/qpack/decoder.js';
import { QpackEncoder } from '../../../transport/http3/qpack/encoder.js';
import type { Field } from '../../../transport/http3/qpack/static-table.js';
import { fuzz } from '../seed.js';
import { codeOf } from './code-of.js';

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
const shown = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('the examples of RFC 9204 appendix B', () => {
  it('are decoded, with the acknowledgements they show', () => {
    const decoder = new QpackDecoder({ tableBytesMax: 220, blockedStreamsMax: 2 });
    // B.1
    const first = decoder.decode(0, hex('0000 510b 2f69 6e64 6578 2e68 746d 6c'));
    expect(first).toEqual([[':path', '/index.html']]);
    expect(shown(decoder.takeAnswers())).toBe('');
    // B.2, with the section before the instructions it needs
    expect(decoder.decode(4, hex('0381 10 11'))).toBeUndefined();
    expect(decoder.blockedCount).toBe(1);
    const unblocked = decoder.receiveInstructions(
      hex('3fbd01 c00f 7777 772e 6578 616d 706c 652e 636f 6d c10c 2f73 616d 706c 652f 7061 7468'),
    );
    expect(unblocked).toEqual([
      {
        streamId: 4,
        fields: [
          [':authority', 'www.example.com'],
          [':path', '/sample/path'],
        ],
      },
    ]);
    expect(shown(decoder.takeAnswers())).toBe('84');
    // B.3
    decoder.receiveInstructions(hex('4a63 7573 746f 6d2d 6b65 790c 6375 7374 6f6d 2d76 616c 7565'));
    expect(shown(decoder.takeAnswers())).toBe('01');
    // B.4: the stream is cancelled while it waits
    expect(decoder.decode(8, hex('0500 80 c1 81'))).toBeUndefined();
    decoder.cancel(8);
    expect(shown(decoder.takeAnswers())).toBe('48');
    expect(decoder.receiveInstructions(hex('02'))).toEqual([]);
    expect(decoder.decode(12, hex('0500 80 c1 81'))).toEqual([
      [':authority', 'www.example.com'],
      [':path', '/'],
      ['custom-key', 'custom-value'],
    ]);
    // B.5: the oldest entry goes
    decoder.receiveInstructions(hex('810d 6375 7374 6f6d 2d76 616c 7565 32'));
    expect(decoder.decode(16, hex('0600 80'))).toEqual([['custom-key', 'custom-value2']]);
    expect(codeOf(() => decoder.decode(20, hex('0600 84')))).toBe('qpack-decompression-failed');
  });
});

describe('a decoder refuses', () => {
  it.each([
    ['an insertion larger than the table', '4a63 7573 746f 6d2d 6b65 79 00'],
    ['a table larger than promised', '3f e2 ff 7f'],
    ['a duplicate of nothing', '00'],
    ['a name of nothing', '80 00'],
    ['a name beyond the static table', 'ff 80 01'],
    ['an integer without end', '3f ff ff ff ff ff ff'],
    ['a string longer than any instruction may be', '5f ff ff ff 01'],
  ])('%s on the encoder stream', (_what, bytes) => {
    const decoder = new QpackDecoder({ tableBytesMax: 4_096, blockedStreamsMax: 2 });
    const code = codeOf(() => decoder.receiveInstructions(hex(bytes)));
    expect(code).toBe('qpack-encoder-stream-error');
  });

  it.each([
    ['more blocked streams than promised', '02 00 80', 3],
    ['an insert count out of range', 'ff ff 7f 00', 1],
    ['an insert count with a table of nothing', '02 00', 1, 0],
    ['a base below zero', '00 81', 1],
    ['a Huffman code without end', '00 00 51 81 00', 1],
  ])('%s in a section', (_what, bytes, times, tableBytesMax = 4_096) => {
    const decoder = new QpackDecoder({ tableBytesMax, blockedStreamsMax: 2 });
    const run = (): void => {
      for (let index = 0; index < times; index += 1) decoder.decode(index * 4, hex(bytes));
    };
    expect(codeOf(run)).toBe('qpack-decompression-failed');
  });

  it('a small section that stands for many bytes', () => {
    const decoder = new QpackDecoder({ tableBytesMax: 4_096, blockedStreamsMax: 2 });
    const value = 'v'.repeat(3_000);
    decoder.receiveInstructions(
      Buffer.concat([hex('3f e1 1f 41 61 7f'), hex('b9 16'), Buffer.from(value)]),
    );
    const bomb = Buffer.concat([hex('02 00'), Buffer.alloc(6, 0x80)]);
    expect(codeOf(() => decoder.decode(0, bomb))).toBe('excessive-load');
  });
});

describe('an encoder refuses', () => {
  it.each([
    ['an acknowledgement of nothing', '80'],
    ['an increment of nothing', '00'],
    ['an increment beyond what was inserted', '01'],
    ['an integer without end', '3f ff ff ff ff ff ff'],
  ])('%s', (_what, bytes) => {
    const encoder = new QpackEncoder();
    encoder.setPeerLimits(4_096, 10);
    const code = codeOf(() => encoder.receiveAnswers(hex(bytes)));
    expect(code).toBe('qpack-decoder-stream-error');
  });
});

describe('encoder and decoder', () => {
  it('send less when a field comes again, and keep secrets out of the table', () => {
    const encoder = new QpackEncoder();
    const decoder = new QpackDecoder({ tableBytesMax: 4_096, blockedStreamsMax: 10 });
    encoder.setPeerLimits(4_096, 10);
    const fields: Field[] = [
      [':path', '/a/long/path/that/comes/again'],
      ['x-custom', 'value'],
      ['authorization', 'secret'],
    ];
    const first = encoder.encode(0, fields);
    const instructions = encoder.takeInstructions();
    expect(Buffer.from(instructions).includes('secret')).toBe(false);
    decoder.receiveInstructions(instructions);
    expect(decoder.decode(0, first)).toEqual(fields);
    encoder.receiveAnswers(decoder.takeAnswers());
    const second = encoder.encode(4, fields);
    expect(encoder.takeInstructions().length).toBe(0);
    expect(decoder.decode(4, second)).toEqual(fields);
    expect(second.length).toBe(2 + 2 + 2 + 5);
  });

  /** One thing that happens between both sides of a connection. */
  const name = fc.constantFrom(
    ':path',
    ':status',
    'x-a',
    'x-b',
    'cookie',
    'user-agent',
    'location',
  );
  const value = fc.oneof(
    fc.constantFrom('', '/', '200', 'gzip', 'one', 'two', 'three'),
    fc.string({ maxLength: 60, unit: 'binary-ascii' }),
  );
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('send'),
      fields: fc.array(fc.tuple(name, value), { maxLength: 8 }),
    }),
    fc.record({ kind: fc.constant('instructions'), bytes: fc.nat({ max: 200 }) }),
    fc.record({ kind: fc.constant('answers'), bytes: fc.nat({ max: 20 }) }),
    fc.record({ kind: fc.constant('section'), place: fc.nat() }),
    fc.record({ kind: fc.constant('cancel'), place: fc.nat() }),
  );

  it('agree, however the encoder stream is delayed and the sections overtake one another', () => {
    const run = (steps: readonly unknown[], table: number, blockedStreamsMax: number): void => {
      const encoder = new QpackEncoder();
      const decoder = new QpackDecoder({ tableBytesMax: table, blockedStreamsMax });
      encoder.setPeerLimits(table, blockedStreamsMax);
      const sent = new Map<number, readonly Field[]>();
      const onTheWay: { id: number; bytes: Uint8Array }[] = [];
      const waiting = new Set<number>();
      let instructions = Buffer.alloc(0);
      let answers = Buffer.alloc(0);
      let nextId = 0;
      const check = (id: number, fields: readonly Field[]): void => {
        expect(fields).toEqual(sent.get(id));
        waiting.delete(id);
        sent.delete(id);
      };
      const deliver = (bytes: Uint8Array): void => {
        for (const { streamId, fields } of decoder.receiveInstructions(bytes)) {
          check(streamId, fields);
        }
      };
      const receive = (place: number): void => {
        const [section] = onTheWay.splice(place % onTheWay.length, 1);
        if (section === undefined) return;
        const fields = decoder.decode(section.id, section.bytes);
        if (fields === undefined) waiting.add(section.id);
        else check(section.id, fields);
      };
      const collect = (): void => {
        instructions = Buffer.concat([instructions, encoder.takeInstructions()]);
        answers = Buffer.concat([answers, decoder.takeAnswers()]);
      };
      for (const each of steps as readonly {
        kind: string;
        fields: Field[];
        bytes: number;
        place: number;
      }[]) {
        if (each.kind === 'send') {
          const id = nextId;
          nextId += 4;
          sent.set(id, each.fields);
          onTheWay.push({ id, bytes: encoder.encode(id, each.fields) });
        } else if (each.kind === 'instructions') {
          deliver(instructions.subarray(0, each.bytes));
          instructions = instructions.subarray(each.bytes);
        } else if (each.kind === 'answers') {
          encoder.receiveAnswers(answers.subarray(0, each.bytes));
          answers = answers.subarray(each.bytes);
        } else if (each.kind === 'section' && onTheWay.length > 0) {
          receive(each.place);
        } else if (each.kind === 'cancel' && onTheWay.length > 0) {
          const [section] = onTheWay.splice(each.place % onTheWay.length, 1);
          decoder.cancel(section?.id ?? 0);
          sent.delete(section?.id ?? 0);
        }
        collect();
      }
      while (onTheWay.length > 0) receive(0);
      deliver(instructions);
      collect();
      encoder.receiveAnswers(answers);
      expect(waiting.size).toBe(0);
      expect(decoder.blockedCount).toBe(0);
    };
    void fuzz(
      fc.property(
        fc.array(step, { maxLength: 120 }),
        fc.constantFrom(0, 64, 200, 400, 4_096),
        fc.constantFrom(0, 1, 3, 100),
        run,
      ),
      1_000,
    );
  });

  it('answer any bytes with a value or an error of their own', () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 12 });
    void fuzz(
      fc.property(pieces, fc.boolean(), (parts, hasTable) => {
        const decoder = new QpackDecoder({ tableBytesMax: 256, blockedStreamsMax: 2 });
        const encoder = new QpackEncoder();
        encoder.setPeerLimits(256, 2);
        encoder.encode(0, [['x-a', 'one']]);
        if (hasTable) decoder.receiveInstructions(hex('3f e1 01 43 782d61 03 6f6e65'));
        const codes = new Set<string | undefined>();
        codes.add(codeOf(() => parts.forEach((part, at) => decoder.decode(at * 4, part))));
        codes.add(codeOf(() => parts.forEach((part) => decoder.receiveInstructions(part))));
        codes.add(codeOf(() => parts.forEach((part) => encoder.receiveAnswers(part))));
        expect([
          undefined,
          'qpack-decompression-failed',
          'qpack-encoder-stream-error',
          'qpack-decoder-stream-error',
        ]).toEqual(expect.arrayContaining([...codes]));
      }),
      3_000,
    );
  });
});
