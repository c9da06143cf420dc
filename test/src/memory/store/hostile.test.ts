/** What a caller may hand over, and what a file may hold: a clear error, and the store intact. */
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';

import { checkStore, openMemoryStore, type RecordInput } from '../../../../src/memory/index.js';
import { RandomStream } from '../../../../sim/world/random.js';
import { scratch, seed } from '../support.js';
import { direction, memoryError, MODEL, openStore } from './support.js';

const circular: Record<string, unknown> = {};
circular['self'] = circular;

/** Each with the words of its error. */
const BAD: readonly (readonly [object, RegExp])[] = [
  [{ vector: [1, Number.NaN, 0] }, /no number/],
  [{ vector: [1, Infinity, 0] }, /no number/],
  [{ vector: [0, 0, 0] }, /no direction/],
  [{ vector: [1, 2] }, /one model/],
  [{ vector: Array.from({ length: 5000 }, () => 1) }, /one model/],
  [{ vector: ['1', 2, 3] }, /list of numbers/],
  [{ vector: 'text' }, /list of numbers/],
  [{ vector: { model: MODEL, values: null } }, /list of numbers/],
  [{ id: '' }, /not empty/],
  [{ id: 7 }, /id is a text/],
  [{ id: 'x'.repeat(4097) }, /4097 characters is too long/],
  [{ id: 'a\0b' }, /no NUL/],
  [{ id: 'a\ud800' }, /surrogate/],
  [{ namespace: 'a\u001fb' }, /namespace is a text/],
  [{ namespace: '' }, /namespace is a text/],
  [{ content: 'x'.repeat(100_000_000) }, /100000000 characters; at most 4000000/],
  [{ content: null }, /content that is no text/],
  [{ metadata: circular }, /no JSON: .*circular/],
  [{ metadata: { n: 1n } }, /no JSON: .*BigInt/],
  [{ metadata: [] }, /no object/],
  [{ metadata: new Date(0) }, /no JSON object/],
  [{ metadata: { text: 'x'.repeat(1_000_001) } }, /metadata of "ok" has/],
  [{ timestamp: -1 }, /timestamp/],
  [{ timestamp: 1.5 }, /timestamp/],
  [{ expiresAt: Number.NaN }, /expires at no whole number/],
];

describe('records that are none', () => {
  it('are refused with their reason, alone or among others, and nothing is stored', async () => {
    const store = await openStore();
    const good = { id: 'good', content: 'good', vector: [1, 2, 3] };
    await store.put(good);
    for (const [part, words] of BAD) {
      const bad = { id: 'ok', content: '', vector: [1, 1, 1], ...part } as RecordInput;
      await expect(store.put(bad)).rejects.toThrow(memoryError('invalid', words));
      await expect(store.putMany([{ ...good, id: 'other' }, bad])).rejects.toThrow(
        memoryError('invalid', words),
      );
    }
    const many = Array.from({ length: 10_001 }, (_, i) => ({ id: `${i}`, content: '' }));
    await expect(store.putMany(many)).rejects.toThrow(memoryError('invalid', /10000 records/));
    const long = { content: 'x'.repeat(3_900_000), vector: null };
    const large = Array.from({ length: 17 }, (_, i) => ({ id: `${i}`, ...long }));
    await expect(store.putMany(large)).rejects.toThrow(
      memoryError('invalid', /64000000 characters/),
    );
    expect((await store.list()).records.map(({ id }) => id)).toEqual(['good']);
    expect((await store.search({ vector: [1, 2, 3] }))[0]?.id).toBe('good');
    expect(await store.check()).toMatchObject({ isWhole: true });
  });

  it('are not the odd ones: long ids, quotes, line ends, doubles', async () => {
    const store = await openStore();
    const odd = `it's "a"\n\u001f\t;--%_${'é'.repeat(3980)}`;
    await store.putMany([
      { id: odd, content: 'first', vector: [1, 0, 0] },
      { id: odd, content: 'second', vector: [0, 1, 0] },
      { id: 'b', content: '', vector: [0, 0, 1], metadata: { ['__proto__']: 1, '': null } },
    ]);
    await store.link({ from: odd, to: odd, type: `t'"\n` });
    expect(await store.get(odd)).toMatchObject({ content: 'second' });
    expect((await store.search({ vector: [0, 1, 0], limit: 1 }))[0]?.id).toBe(odd);
    expect((await store.graph.neighbours(odd)).neighbours[0]?.id).toBe(odd);
    const long = 'y'.repeat(4_000_000);
    await store.put({ id: 'long', content: long, vector: null });
    expect((await store.get('long'))?.content).toBe(long);
    expect((await store.stats()).records).toBe(3);
  });

  it('are refused as edges, queries and parameters as well', async () => {
    const store = await openStore();
    await store.put({ id: 'a', content: '', vector: null });
    for (const weight of [Number.NaN, -1, 2, '1'] as number[]) {
      await expect(store.link({ from: 'a', to: 'a', type: 't', weight })).rejects.toThrow(
        memoryError('invalid', /weight/),
      );
    }
    await expect(store.link({ from: 'a', to: 'a', type: '' })).rejects.toThrow(
      memoryError('invalid', /relation is empty/),
    );
    for (const text of ['MATCH', 'DROP TABLE records', 'MATCH (a) DELETE a', '('.repeat(10_000)]) {
      await expect(store.query(text)).rejects.toThrow(
        expect.objectContaining({ name: 'GraphError' }),
      );
    }
    const parameters = { f: () => 1 } as never;
    await expect(store.query('MATCH (a) RETURN $f', parameters)).rejects.toThrow(
      memoryError('invalid', /cannot be sent/),
    );
    await expect(store.search({ vector: [1, 2, Number.NaN] })).rejects.toThrow(
      memoryError('invalid'),
    );
    await expect(openMemoryStore('x', { groupCommit: { maxBatch: 0 } })).rejects.toThrow(
      memoryError('invalid', /maxBatch/),
    );
    expect((await store.stats()).records).toBe(1);
  });
});

describe('lines that cannot be imported', () => {
  const header = '{"format":"agentic-flow-memory","version":1,"model":"three","dimensions":3}';
  const record = '{"record":{"id":"a","content":"x","timestamp":1,"vector":[1,2,3]}}';
  const end = '{"end":{"records":1,"edges":0}}';
  const bad: readonly (readonly [
    lines: readonly (string | Buffer)[],
    line: number,
    words: RegExp,
  ])[] = [
    [[], 1, /end is missing/],
    [[record], 1, /first line is the header/],
    [['nonsense'], 1, /not JSON/],
    [['{"format":"other","version":1}'], 1, /format is not/],
    [[header, record], 3, /end is missing/],
    [[header, '{"end":{"records":1,"edges":0}}'], 2, /before it are 0/],
    [[header, record, end, record], 4, /after the end/],
    [[header, header], 2, /header already/],
    [[header, '[]'], 2, /no JSON object/],
    [[header, '{"record":{"id":"a"}}'], 2, /are texts/],
    [[header, record.replace('[1,2,3]', '[1,2]')], 2, /one model/],
    [[header, record.replace('[1,2,3]', '"AAA"')], 2, /neither base64/],
    [[header, record.replace('[1,2,3]', '"AACAfwAAAAAAAAAA"')], 2, /no number/],
    [[header, record.replace('"a"', '""')], 2, /not empty/],
    [[header, '{"edge":{"from":"a","to":"b","type":"t","weight":7}}'], 2, /weight/],
    [[header, Buffer.from([0x22, 0xff, 0x22])], 2, /no UTF-8/],
    [[header, record.slice(0, 20)], 2, /not JSON/],
    [[header, `"${'x'.repeat(151_000_000)}"`], 2, /more than 150994944 bytes/],
  ];

  it('are refused with their number, and a file with one puts nothing', async () => {
    const store = await openStore();
    const path = scratch('bad.jsonl');
    for (const [lines, number, words] of bad) {
      const bytes = lines.flatMap((line) => [Buffer.from(line as string), Buffer.from('\n')]);
      writeFileSync(path, Buffer.concat(bytes));
      const refusal = memoryError('invalid', new RegExp(`^line ${number} .*${words.source}`));
      await expect(store.importFrom(path)).rejects.toThrow(refusal);
      await expect(store.importFrom(Readable.from(bytes))).rejects.toThrow(refusal);
    }
    expect((await store.stats()).records).toBe(0);
    const newer = header.replace('"version":1', '"version":2');
    await expect(store.importFrom(Readable.from([newer]))).rejects.toThrow(
      memoryError('newer-version', /upgrade/),
    );
    writeFileSync(path, [header, record, end].join('\n'));
    expect(await store.importFrom(path)).toEqual({ records: 1, edges: 0, skipped: 0 });
    await expect(store.importFrom(scratch('none'))).rejects.toThrow(memoryError('not-found'));
  });
});

describe('a file that is none of a store', () => {
  it('is refused or read, never a crash, whatever was changed of it', async () => {
    const random = new RandomStream(seed(), 'flip');
    const path = scratch('whole.db');
    const store = await openStore(path);
    const records = Array.from({ length: 300 }, (_, i) => {
      return { id: `r${i}`, content: `text ${i} `.repeat(20), vector: direction(i) };
    });
    await store.putMany(records);
    await store.compact();
    await store.close();
    const whole = readFileSync(path);
    for (let round = 0; round < 15; round += 1) {
      const damaged = scratch('damaged.db');
      const bytes = Buffer.from(whole);
      for (let flips = 0; flips <= round; flips += 1) {
        const at = random.integer(0, bytes.length - 1);
        bytes[at] = bytes[at]! ^ (1 << random.integer(0, 7));
      }
      writeFileSync(damaged, bytes);
      if (round % 5 === 4) truncateSync(damaged, random.integer(0, bytes.length - 1));
      await expectErrorsOnly(async () => {
        const report = await checkStore(damaged);
        expect(report.records).toBeLessThanOrEqual(1e9);
      });
      await expectErrorsOnly(async () => {
        const opened = await openMemoryStore(damaged, { embedder: null, model: MODEL });
        try {
          await opened.list({ limit: 1000 });
          await opened.search({ vector: [1, 2, 3] });
          await opened.put({ id: 'new', content: 'new', vector: null });
        } finally {
          await opened.close().catch(() => opened.terminate());
        }
      });
    }
    expect(readFileSync(path).equals(whole)).toBe(true);
  });

  it('is told what it is', async () => {
    const foreign = scratch('foreign.db');
    writeFileSync(foreign, 'this is a letter, not a database, and longer than a header'.repeat(20));
    await expect(openMemoryStore(foreign)).rejects.toThrow(memoryError('not-a-database', /check/));
    await expect(checkStore(foreign)).rejects.toThrow(memoryError('not-a-database'));
    const lock = scratch('locked.db');
    writeFileSync(
      `${lock}-lock`,
      'this is a letter, not a lock, and longer than a header'.repeat(20),
    );
    await expect(openMemoryStore(lock)).rejects.toThrow(memoryError('not-a-database', /-lock/));
  });
});

/** Errors of the store may come; anything else is a bug. */
async function expectErrorsOnly(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    expect(error).toMatchObject({ name: 'MemoryError' });
  }
}
