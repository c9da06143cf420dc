/** The file of a text index: what it holds, what it looks like, and what it refuses. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';

import { MemoryError } from '../../../../src/memory/errors.js';
import { openTextIndex, saveTextIndex } from '../../../../src/memory/text/text-file.js';
import { TextIndex } from '../../../../src/memory/text/text-index.js';
import { RandomStream } from '../../../../sim/world/random.js';
import { scratch, seed } from '../support.js';
import { TextSource } from './source.js';

const HEADER_BYTES = 64;

/** Saved with the label "label": an empty document, odd ids, counts above one, a deletion. */
function small(): TextIndex {
  const index = new TextIndex();
  index.put('gone', 'fox');
  index.put('id\n"é"', 'The red fox, the sky');
  index.put('\ud800 alone', '');
  index.put('b', `fox ${'été '.repeat(200)}`);
  index.delete('gone');
  return index;
}

const GOLDEN_V1 = [
  'QUZURVhUDQoBAAAAAwAAAAUAAAAFAAAALgAAADcAAAAJAAAA6FCnDl2spsZJY7vRtcR4gAAAAAAAAAAAMOilBWxh',
  'YmVsBgAAAAUABwAAAAAAAQAAAMkAaQBkAAoAIgDpACIAANggAGEAbABvAG4AZQBiAAMCAAAAAwEAAAADAQAAAAMB',
  'AAAAAwEAAABmAG8AeAByAGUAZABzAGsAeQB0AGgAZQDpAHQA6QADBQMDAgIGyAE=',
].join('');

function refusal(path: string, bytes: Uint8Array): string {
  writeFileSync(path, bytes);
  try {
    openTextIndex(path);
  } catch (error) {
    expect(error).toBeInstanceOf(MemoryError);
    expect((error as MemoryError).message).toContain(path);
    return (error as MemoryError).code;
  }
  return 'opened';
}

describe('the file of a text index', () => {
  it('comes back as it was, and goes on', () => {
    const source = new TextSource(seed(), 2000);
    const index = new TextIndex();
    for (let at = 0; at < 6000; at += 1) {
      index.put(`m${source.random.integer(0, 5000)}`, source.text(0, 30));
    }
    const path = scratch('large.text');
    saveTextIndex(index, path, 'store é, index 7');
    const opened = openTextIndex(path);
    expect(opened.label).toBe('store é, index 7');
    const compare = (): void => {
      expect(opened.index.counts().documents).toBe(index.counts().documents);
      expect(opened.index.counts().tokens).toBe(index.counts().tokens);
      for (let at = 0; at < 50; at += 1) {
        const query = source.text(1, 6);
        const found = opened.index.search(query, { limit: 20 });
        expect(found).toEqual(index.search(query, { limit: 20 }));
      }
    };
    compare();
    for (let at = 0; at < 4000; at += 1) {
      const [name, text] = [`m${source.random.integer(0, 9000)}`, source.text(0, 30)];
      for (const held of [index, opened.index]) {
        if (at % 4 === 0) held.delete(name);
        else held.put(name, text);
      }
    }
    compare();
    // Written over the old one, by way of a file beside it.
    saveTextIndex(opened.index, path);
    expect(openTextIndex(path).index.size).toBe(opened.index.size);
    expect(existsSync(`${path}.new`)).toBe(false);
  });

  it('has the bytes of version 1, and reads them', () => {
    const path = scratch('small.text');
    saveTextIndex(small(), path, 'label');
    expect(readFileSync(path).toString('base64')).toBe(GOLDEN_V1);
    const golden = scratch('golden.text');
    writeFileSync(golden, Buffer.from(GOLDEN_V1, 'base64'));
    const { index, label } = openTextIndex(golden);
    expect(label).toBe('label');
    expect(index.size).toBe(3);
    expect(index.has('\ud800 alone')).toBe(true);
    const hits = index.search('the fox', { limit: 9 });
    expect(hits).toEqual(small().search('the fox', { limit: 9 }));
    expect(hits.map(({ id }) => id)).toEqual(['id\n"é"', 'b']);
  });

  it('of an empty index is one', () => {
    const path = scratch('empty.text');
    saveTextIndex(new TextIndex(), path);
    const { index } = openTextIndex(path);
    expect(index.size).toBe(0);
    index.put('a', 'fox');
    expect(index.search('fox', { limit: 3 })).toHaveLength(1);
  });

  it('is refused when a byte was changed, cut off or added', () => {
    const whole = Buffer.from(GOLDEN_V1, 'base64');
    const path = scratch('hostile.text');
    for (let at = 0; at < whole.length; at += 1) {
      for (const bit of [1, 16, 128]) {
        const changed = Buffer.from(whole);
        changed[at]! ^= bit;
        const code = refusal(path, changed);
        expect(code, `byte ${at}`).toMatch(/^(?:damaged|not-a-database|newer-version)$/);
      }
    }
    for (let length = 0; length < whole.length; length += 1) {
      expect(refusal(path, whole.subarray(0, length))).toMatch(/^(?:damaged|not-a-database)$/);
    }
    expect(refusal(path, Buffer.concat([whole, Buffer.alloc(1)]))).toBe('damaged');
    expect(refusal(path, Buffer.from('SQLite format 3\0'.repeat(20)))).toBe('not-a-database');
    const newer = Buffer.from(whole);
    newer.writeUInt32LE(2, 8);
    expect(refusal(path, newer)).toBe('newer-version');
    expect(() => openTextIndex(scratch('nowhere.text'))).toThrow(
      expect.objectContaining({ code: 'not-found' }),
    );
  });

  it('with forged checksums is refused, or is an index that works', () => {
    const random = new RandomStream(seed(), 'forged text indexes');
    const whole = Buffer.from(GOLDEN_V1, 'base64');
    const path = scratch('forged.text');
    let refused = 0;
    for (let round = 0; round < 1000; round += 1) {
      const forged = Buffer.from(whole);
      for (let change = random.integer(1, 3); change > 0; change -= 1) {
        const at = random.integer(8, whole.length - 1);
        forged[at] = random.pick([0, 1, 2, 3, 127, 128, 255, forged[at]! ^ 1]);
      }
      seal(forged);
      const code = refusal(path, forged);
      if (code !== 'opened') {
        expect(code).toMatch(/^(?:damaged|newer-version)$/);
        refused += 1;
        continue;
      }
      const { index } = openTextIndex(path);
      index.put('new', 'fox');
      expect(index.search('fox', { limit: 9 }).some(({ id }) => id === 'new')).toBe(true);
      index.delete('b');
      expect(index.compacted()!.slotCount).toBe(index.size);
    }
    // Most of the bytes are ids, terms and postings; of these any change but to a letter is found.
    expect(refused).toBeGreaterThan(250);
    expect(refused).toBeLessThan(1000);
  });

  it('takes no label that is too long', () => {
    expect(() => saveTextIndex(small(), scratch('label.text'), 'é'.repeat(32_769))).toThrow(
      expect.objectContaining({ code: 'invalid' }),
    );
  });

  it('says when it cannot be written', () => {
    const path = scratch('nowhere/small.text');
    expect(() => saveTextIndex(small(), path)).toThrow(
      expect.objectContaining({ code: 'not-found', path }),
    );
  });
});

/** Makes all checksums right, as far as the lengths in the header allow. */
function seal(file: Buffer): void {
  let start = HEADER_BYTES;
  for (let at = 0; at < 4; at += 1) {
    const bytes = file.subarray(start, start + file.readUInt32LE(20 + at * 4));
    start += bytes.length;
    file.writeUInt32LE(crc32(bytes), 36 + at * 4);
  }
  file.writeUInt32LE(crc32(file.subarray(0, 60)), 60);
}
