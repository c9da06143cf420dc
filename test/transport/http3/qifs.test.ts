import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Http3Error } from '../../../transport/http3/http3-error.js';
import { QpackDecoder } from '../../../transport/http3/qpack/decoder.js';
import type { Field } from '../../../transport/http3/qpack/static-table.js';

/**
 * Vectors of the QPACK offline interoperability tests (qifs/LICENSE.md): the same header lists as
 * six other encoders wrote them. A name ends with the size of the table, the blocked streams and
 * whether sections are acknowledged at once.
 */
const FOLDER = new URL('../../../../test/transport/http3/qifs/', import.meta.url);
const ENCODED = readdirSync(FOLDER).filter((name) => name.includes('.out.'));

/** Blocks of eight bytes of stream id (0: encoder stream), four of length, then so many bytes. */
function blocksOf(file: Buffer): { streamId: number; bytes: Uint8Array }[] {
  const blocks = [];
  for (let at = 0; at < file.length;) {
    const streamId = Number(file.readBigUInt64BE(at));
    const end = at + 12 + file.readUInt32BE(at + 8);
    blocks.push({ streamId, bytes: file.subarray(at + 12, end) });
    at = end;
  }
  return blocks;
}

function expectedLists(): Field[][] {
  const text = readFileSync(new URL('netbsd-hq.qif', FOLDER), 'latin1').trim();
  return text.split('\n\n').map((list) =>
    list.split('\n').map((line): Field => {
      const [name = '', value = ''] = line.split('\t');
      return [name, value];
    }),
  );
}

describe('what other encoders wrote', () => {
  it('is there', () => {
    expect(ENCODED.length).toBe(8);
    expect(expectedLists().length).toBe(18);
  });

  it.each(ENCODED)('%s', (name) => {
    const [table = 0, blocked = 0] = name.split('.out.')[1]?.split('.').map(Number) ?? [];
    const decoder = new QpackDecoder({ tableBytesMax: table, blockedStreamsMax: blocked });
    // The table of the encoder starts full size in these files.
    decoder.receiveInstructions(capacityInstruction(table));
    const lists = new Map<number, readonly Field[]>();
    for (const { streamId, bytes } of blocksOf(readFileSync(new URL(name, FOLDER)))) {
      if (streamId === 0) {
        for (const { streamId: id, fields } of decoder.receiveInstructions(bytes)) {
          lists.set(id, fields);
        }
        continue;
      }
      const fields = decoder.decode(streamId, bytes);
      if (fields !== undefined) lists.set(streamId, fields);
    }
    const inOrder = [...lists].sort(([one], [other]) => one - other).map(([, list]) => list);
    expect(inOrder).toEqual(expectedLists());
  });
});

function capacityInstruction(bytes: number): Uint8Array {
  if (bytes < 31) return Uint8Array.of(0x20 | bytes);
  const rest = bytes - 31;
  return Uint8Array.of(0x3f, (rest & 0x7f) | 0x80, rest >> 7);
}

/**
 * The vectors of the same collection that must fail: stream (0: encoder stream) and bytes. Numbers
 * 9 and 10 are left out, since RFC 9204 gave their indexes a meaning in the static table.
 */
const FAILING: readonly (readonly [streamId: number, bytes: string])[] = [
  [1, 'ff'],
  [1, '00'],
  [1, '00ff'],
  [1, '0081'],
  [1, '000041'],
  [1, '000027'],
  [1, '000051ff'],
  [1, '0000bf'],
  [0, '01'],
  [0, 'ff80ffffff01'],
];

describe('what must fail', () => {
  it.each(FAILING)('stream %i: %s', (streamId, text) => {
    const decoder = new QpackDecoder({ tableBytesMax: 4_096, blockedStreamsMax: 100 });
    const bytes = Buffer.from(text, 'hex');
    let code: string | undefined;
    try {
      if (streamId === 0) decoder.receiveInstructions(bytes);
      else decoder.decode(streamId, bytes);
    } catch (error) {
      code = (error as Http3Error).code;
    }
    expect(code).toBe(streamId === 0 ? 'qpack-encoder-stream-error' : 'qpack-decompression-failed');
  });
});
