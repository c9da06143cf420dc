/** A project that runs side by side: v1 code finds in its file what was written here. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openProject } from '../../../src/compat/index.js';
import * as bank from '../../../src/compat/reasoningbank/index.js';
import { sessionAt } from '../../../src/compat/session.js';
import { Database } from '../../../src/memory/database.js';
import { openV1Engine } from '../../../src/memory/v1-engine.js';
import { vectorOfBytes } from '../../../src/memory/vector-bytes.js';
import { inProjects, pattern, sideBySide } from './support.js';

const { places } = inProjects();
const { db } = bank;

/** As another program reads the file. */
function v1Rows(sql: string): unknown[][] {
  const database = Database.open(places().v1Store, { readOnly: true });
  try {
    return database.all(sql);
  } finally {
    database.close();
  }
}

describe('a project side by side with v1', () => {
  it('writes patterns, embeddings, links, runs and metrics as v1 does', async () => {
    sideBySide(places());
    await bank.initialize();
    db.upsertMemory(pattern('a', 'first'));
    const vector = await bank.computeEmbedding('first');
    db.upsertEmbedding({ id: 'a', model: 'local', dims: 384, vector });
    db.upsertMemory(pattern('b', 'second'));
    db.storeLink('a', 'b', 'refines', 0.5);
    db.incrementUsage('a');
    db.logMetric('rb.x', 1.5);
    db.storeTrajectory({
      task_id: 't',
      agent_id: 'a',
      query: 'q',
      trajectory_json: '{"steps":[]}',
    });
    db.storeMattsRun({ run_id: 'r', task_id: 't', mode: 'parallel', k: 2, status: 'running' });
    await openProject(places().directory).keyValue('notes').put('k', 'a value');
    const patterns = v1Rows(
      'SELECT id, pattern_data, confidence, usage_count FROM patterns ORDER BY id',
    );
    expect(patterns.map(([id, , ...rest]) => [id, ...rest])).toEqual([
      ['a', 0.7, 1],
      ['b', 0.7, 0],
    ]);
    expect(JSON.parse(String(patterns[0]?.[1]))).toEqual(pattern('a', 'first').pattern_data);
    const embeddings = v1Rows('SELECT id, dims, vector FROM pattern_embeddings');
    expect(embeddings.map(([id, dims]) => [id, dims])).toEqual([['a', 384]]);
    expect(vectorOfBytes(embeddings[0]?.[2] as Uint8Array)).toEqual(vector);
    expect(v1Rows('SELECT src_id, dst_id, relation, weight FROM pattern_links')).toEqual([
      ['a', 'b', 'refines', 0.5],
    ]);
    expect(v1Rows('SELECT metric_name, value FROM metrics_log')).toEqual([['rb.x', 1.5]]);
    expect(v1Rows('SELECT task_id, query, trajectory_json FROM task_trajectories')).toEqual([
      ['t', 'q', '{"steps":[]}'],
    ]);
    expect(v1Rows('SELECT run_id, k, status FROM matts_runs')).toEqual([['r', 2, 'running']]);
    expect(v1Rows('SELECT key, value, namespace FROM memory_entries')).toEqual([
      ['k', 'a value', 'notes'],
    ]);
    sessionAt(places().store).release();
    const engine = openV1Engine(places().v1Store);
    expect(engine.get('a')).toMatchObject({ content: 'what to do: first' });
    engine.close();
  });

  it('deletes there what is deleted here', async () => {
    sideBySide(places());
    await bank.initialize();
    for (const id of ['a', 'b']) db.upsertMemory(pattern(id, id));
    db.storeLink('a', 'b', 'x', 1);
    openProject(places().directory).records.delete('default', 'a');
    expect(v1Rows('SELECT id FROM patterns')).toEqual([['b']]);
    expect(v1Rows('SELECT src_id FROM pattern_links')).toEqual([]);
  });

  it('says that neither side has a write that v1 cannot take', async () => {
    sideBySide(places());
    await bank.initialize();
    mkdirSync(dirname(places().v1Store), { recursive: true });
    writeFileSync(
      places().v1Store,
      'this is no database, and long enough to be read as a header of one'.repeat(20),
    );
    expect(() => db.upsertMemory(pattern('a', 'first'))).toThrow(/neither v1 nor v2 has it/);
    expect(db.getAllActiveMemories()).toEqual([]);
    rmSync(places().v1Store);
    db.upsertMemory(pattern('a', 'first'));
    expect(v1Rows('SELECT id FROM patterns')).toEqual([['a']]);
  });

  it('says that neither side has a write while v1 holds its file, and that v1 has none that v2 refuses', async () => {
    sideBySide(places());
    await bank.initialize();
    db.upsertMemory(pattern('a', 'first'));
    const other = Database.open(places().v1Store);
    other.exec('BEGIN IMMEDIATE');
    expect(() => db.upsertMemory(pattern('b', 'second'))).toThrow(/neither v1 nor v2 has it/);
    other.exec('ROLLBACK');
    other.close();
    expect(db.getAllActiveMemories().map(({ id }) => id)).toEqual(['a']);
    const host = sessionAt(places().store);
    const failing = { begin: host.mirror?.begin.bind(host.mirror), close: () => undefined };
    expect(failing.begin).toBeDefined();
    // The v2 store is taken away between the two: its write fails, and v1's is undone.
    host.use(({ file }) => {
      const apply = file.apply.bind(file);
      file.apply = () => {
        throw new Error('no room');
      };
      expect(() => db.upsertMemory(pattern('c', 'third'))).toThrow('no room');
      file.apply = apply;
    });
    expect(v1Rows('SELECT id FROM patterns')).toEqual([['a']]);
  });

  it('says that v2 has what v1 could not commit', async () => {
    sideBySide(places());
    await bank.initialize();
    db.upsertMemory(pattern('a', 'first'));
    const session = sessionAt(places().store);
    const { mirror } = session;
    expect(mirror).toBeDefined();
    const begin = mirror?.begin.bind(mirror);
    Object.assign(mirror ?? {}, {
      begin: (operations: Parameters<NonNullable<typeof begin>>[0]) => {
        const write = begin?.(operations);
        // Its connection is gone before the commit.
        mirror?.close();
        return write;
      },
    });
    expect(() => db.upsertMemory(pattern('b', 'second'))).toThrow(/the v2 store has the write/);
    expect(
      db
        .getAllActiveMemories()
        .map(({ id }) => id)
        .sort(),
    ).toEqual(['a', 'b']);
    expect(v1Rows('SELECT id FROM patterns')).toEqual([['a']]);
  });

  it('is not what other projects do', async () => {
    await bank.initialize();
    db.upsertMemory(pattern('a', 'first'));
    expect(() => v1Rows('SELECT 1')).toThrow(/does not exist/);
  });
});
