/** The index of words that is kept beside a store. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import type { SearchHit } from '../../../src/memory/engine.js';
import { openTextIndex, saveTextIndex } from '../../../src/memory/text/index.js';
import { V2Engine } from '../../../src/memory/v2-engine.js';
import { openV2File } from '../../../src/memory/v2-file.js';
import { applyAll, insert, scratch } from './support.js';

const COUNT = 1200;

function open(path: string): V2Engine {
  return new V2Engine(openV2File(path, { create: true }), { keepsTextIndex: true });
}

const found = (engine: V2Engine, text: string): SearchHit[] =>
  engine.search({ text, vector: null, limit: 20 });

/** A closed store that was searched by words. */
function storeOf(): string {
  const path = scratch('store.db');
  const engine = open(path);
  const inserts = Array.from({ length: COUNT }, (_, i) => insert(`r${i}`, `text ${i} of ${i % 7}`));
  applyAll(engine, ...inserts);
  expect(found(engine, '17')).toHaveLength(1);
  engine.close();
  return path;
}

/** Makes the kept index say what no text says, under the same label. */
function forge(path: string): void {
  const { index, label } = openTextIndex(`${path}-text`);
  index.put('r5', 'forged');
  saveTextIndex(index, `${path}-text`, label);
}

describe('the kept index of words', () => {
  it('is used, and follows what was changed since, also after a crash', () => {
    const path = storeOf();
    forge(path);
    const engine = open(path);
    applyAll(engine, insert('r7', 'replaced'), insert('new', 'added'), {
      type: 'deleteMemory',
      id: 'r17',
      timestampMs: 0,
    });
    // Nothing is closed: the next one finds what a crash leaves.
    const again = open(path);
    expect(found(again, 'forged').map(({ id }) => id)).toEqual(['r5']);
    expect(found(again, 'replaced added').map(({ id }) => id)).toEqual(['new', 'r7']);
    expect(found(again, '17')).toEqual([]);
    for (const one of [again, engine]) one.close();
  });

  it('answers as one that is built of all texts', () => {
    const path = storeOf();
    const engine = open(path);
    for (let i = 0; i < 100; i += 1)
      applyAll(engine, insert(`r${i * 3}`, `other ${i} of ${i % 5}`));
    engine.close();
    const kept = open(path);
    const queries = ['3', 'text of 5', 'other 7', 'of', 'text 1199'];
    const answers = queries.map((text) => found(kept, text));
    kept.close();
    rmSync(`${path}-text`, { force: true });
    const built = open(path);
    expect(queries.map((text) => found(built, text))).toEqual(answers);
    built.close();
  });

  it('is written again once much has changed, and not for little', () => {
    const path = storeOf();
    const before = readFileSync(`${path}-text`);
    const engine = open(path);
    found(engine, '17');
    applyAll(engine, insert('r1', 'little'));
    engine.close();
    expect(readFileSync(`${path}-text`).equals(before)).toBe(true);
    const again = open(path);
    found(again, '17');
    applyAll(again, ...Array.from({ length: 1000 }, (_, i) => insert(`r${i}`, `much ${i}`)));
    again.close();
    expect(openTextIndex(`${path}-text`).index.search('little', { limit: 1 })).toEqual([]);
    forge(path);
    const last = open(path);
    expect(found(last, 'forged')).toHaveLength(1);
    last.close();
  });

  it('is given up where it is damaged, of another store or of another content', () => {
    const path = storeOf();
    const bytes = readFileSync(`${path}-text`);
    const damaged = Buffer.from(bytes);
    damaged[bytes.length >> 1]! ^= 4;
    const others = [damaged, bytes.subarray(0, 100), readFileSync(`${storeOf()}-text`)];
    for (const other of others) {
      writeFileSync(`${path}-text`, other);
      const engine = open(path);
      expect(found(engine, '17').map(({ id }) => id)).toEqual(['r17']);
      expect(existsSync(`${path}-text`)).toBe(false);
      engine.close();
      expect(openTextIndex(`${path}-text`).index.size).toBe(COUNT);
    }
    forge(path);
    const engine = open(path);
    engine.restore([], 5);
    applyAll(engine, insert('r5', 'text 5'));
    expect(found(engine, 'forged')).toEqual([]);
    expect(found(engine, '5').map(({ id }) => id)).toEqual(['r5']);
    engine.close();
  });

  it('is not kept unless it was asked for', () => {
    const path = scratch('store.db');
    const engine = new V2Engine(openV2File(path, { create: true }));
    applyAll(engine, ...Array.from({ length: COUNT }, (_, i) => insert(`r${i}`, `text ${i}`)));
    found(engine, '17');
    engine.close();
    expect(existsSync(`${path}-text`)).toBe(false);
  });
});
