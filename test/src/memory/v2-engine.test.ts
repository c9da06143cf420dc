import { DatabaseSync } from '@photostructure/sqlite';
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { textHash } from '../../../src/memory/command.js';
import { openV1Engine } from '../../../src/memory/v1-engine.js';
import { openV2Engine } from '../../../src/memory/v2-engine.js';
import {
  applyAll,
  fakeVector,
  insert,
  logged,
  MODEL,
  recordsOf,
  scratch,
  v1RowsOf,
} from './support.js';

const random = (i: number): Float32Array =>
  new Float32Array(384).map((_, k) => (Math.sin(i * 12.9898 + k * 78.233) * 43_758.5453) % 1);

describe('a v2 store', () => {
  it('refuses files of other programs and of newer releases', () => {
    const text = scratch('text.db');
    writeFileSync(text, 'this is no database, it is a text of some length');
    expect(() => openV2Engine(text)).toThrow(expect.objectContaining({ code: 'not-a-database' }));
    expect(() => openV2Engine(scratch('none.db'))).toThrow(
      expect.objectContaining({ code: 'not-found' }),
    );
    const v1 = scratch('v1.db');
    openV1Engine(v1, { create: true }).close();
    expect(() => openV2Engine(v1)).toThrow(/no memory store of agentic-flow 2/);

    const path = scratch('newer.db');
    openV2Engine(path, { create: true }).close();
    const database = new DatabaseSync(path);
    database.exec('PRAGMA user_version = 2');
    database.close();
    expect(() => openV2Engine(path)).toThrow(expect.objectContaining({ code: 'newer-version' }));
  });

  it('finds vectors by the hash of their text', () => {
    const engine = openV2Engine(scratch('v2.db'), { create: true });
    const values = fakeVector('hello');
    applyAll(engine, insert('a', 'hello', { vector: { model: MODEL, values } }));
    expect(engine.vectorsByTextHash([textHash('other'), textHash('hello')])).toEqual([
      undefined,
      values,
    ]);
    applyAll(engine, insert('a', 'changed'));
    expect(engine.vectorsByTextHash([textHash('hello')])).toEqual([undefined]);
    engine.close();
  });

  it('finds a memory among ten thousand', () => {
    const engine = openV2Engine(scratch('v2.db'), { create: true });
    const commands = Array.from({ length: 10_000 }, (_, i) =>
      insert(`m${i}`, `text ${i}`, { vector: { model: MODEL, values: random(i) } }),
    );
    engine.apply(logged(commands), commands.length);
    const query = { text: '', vector: { model: MODEL, values: random(4321) }, limit: 10 };
    const hits = engine.search(query);
    expect(hits[0]).toMatchObject({ id: 'm4321', matchedBy: 'vector' });
    expect(hits[0]?.score).toBeGreaterThan(0.9999);
    expect(hits).toHaveLength(10);
    engine.close();
  });

  it('gives a dump of one moment while writes go on', () => {
    const engine = openV2Engine(scratch('v2.db'), { create: true });
    applyAll(engine, insert('a', 'first'), insert('b', 'first'));
    const dump = engine.dump();
    const memories = dump.memories();
    expect(memories.next().value).toMatchObject({ id: 'a', content: 'first' });
    applyAll(engine, insert('b', 'second'), insert('c', 'second'));
    engine.sync();
    expect(memories.next().value).toMatchObject({ id: 'b', content: 'first' });
    expect(memories.next().done).toBe(true);
    expect(dump.appliedIndex).toBe(2);
    expect([...dump.records()].filter(({ table }) => table === 'patterns')).toHaveLength(2);
    dump.close();
    expect(recordsOf(engine).filter(({ table }) => table === 'patterns')).toHaveLength(3);
    engine.close();
  });

  it('gives a v1 file back bit by bit: blobs, broken UTF-8, NULs, large integers, foreign tables', () => {
    const path = scratch('odd.db');
    openV1Engine(path, { create: true }).close();
    const database = new DatabaseSync(path);
    database.exec(`
      INSERT INTO patterns (id, type, pattern_data, confidence) VALUES
        ('latin1', 'x', CAST(x'7b2263223a22ff227d' AS TEXT), 'high'),
        ('blob', 'x', x'0001ff', 7), ('nul', 'x', CAST(x'610062' AS TEXT), 1e308),
        (CAST(x'6e0075' AS TEXT), 'nul in the id', '{}', 0.5), (NULL, 'x', '', 0.5);
      INSERT INTO metrics_log (id, metric_name, value) VALUES (9007199254740993, 'big', 1.5), (5, 'five', -0.25);
      DELETE FROM metrics_log WHERE id = 9007199254740993;
      ALTER TABLE task_trajectories ADD COLUMN extra TEXT DEFAULT 'e';
      INSERT INTO task_trajectories (task_id, agent_id, query, trajectory_json) VALUES ('t', 'a', 'q', '{');
      CREATE TABLE "knowledge ""graph""" (a, "b c" BLOB, PRIMARY KEY (a)) WITHOUT ROWID;
      INSERT INTO "knowledge ""graph""" VALUES (9007199254740993, x'00'), ('1', NULL);
      CREATE INDEX foreign_index ON "knowledge ""graph""" ("b c");
      CREATE TRIGGER note AFTER INSERT ON patterns BEGIN INSERT INTO metrics_log (metric_name, value) VALUES ('n', 1); END;`);
    database.close();
    const v1 = openV1Engine(path);
    const v2 = openV2Engine(scratch('v2.db'), { create: true });
    v2.restore(recordsOf(v1), 7);
    const back = openV1Engine(scratch('back.db'), { create: true });
    back.restore(recordsOf(v2), 7);
    expect(v1RowsOf(v2)).toEqual(v1RowsOf(v1));
    expect(v1RowsOf(back)).toEqual(v1RowsOf(v1));
    expect(v2.counts()).toMatchObject({
      memories: 3,
      quarantinedMemories: 2,
      trajectories: 1,
      otherRows: 3,
    });
    const hex = new DatabaseSync(back.path);
    expect(hex.prepare(`SELECT hex(pattern_data) AS h FROM patterns ORDER BY h`).all()).toEqual(
      ['', '0001FF', '610062', '7B2263223A22FF227D', '7B7D'].map((h) => ({ h })),
    );
    expect(
      hex
        .prepare(`SELECT CAST(seq AS TEXT) AS s FROM sqlite_sequence WHERE name = 'metrics_log'`)
        .get(),
    ).toEqual({ s: '9007199254740993' });
    expect(
      hex
        .prepare(`SELECT count(*) AS n FROM sqlite_schema WHERE name IN ('foreign_index', 'note')`)
        .get(),
    ).toEqual({ n: 2 });
    hex.close();
    for (const engine of [v1, v2, back]) engine.close();
  });
});
