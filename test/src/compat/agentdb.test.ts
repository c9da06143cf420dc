/** agentdb's classes on a store with the layout of a migration, its archive included. */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ExplainableRecall } from '../../../src/compat/agentdb/explainable-recall.js';
import * as bank from '../../../src/compat/reasoningbank/index.js';
import { openProject } from '../../../src/compat/index.js';
import { Database } from '../../../src/memory/database.js';
import { packRow } from '../../../src/memory/exact-row.js';
import { openMemoryStore } from '../../../src/memory/index.js';
import { inProjects } from './support.js';

const { places, embedder } = inProjects();

const EPISODE = {
  id: 7,
  ts: 1_795_360_871,
  session_id: 's',
  task: 'fix the build',
  input: 'main.ts',
  output: 'pinned the version',
  critique: 'pin versions',
  reward: 0.9,
  success: 1,
  latency_ms: 1200,
  tokens_used: null,
  tags: ['ci'],
  metadata: { ticket: 1 },
  created_at: 1_795_360_871,
};

/** Two episodes of two files with one number, and a causal edge of which the store has ends and weight. */
async function migrated(): Promise<void> {
  mkdirSync(dirname(places().store), { recursive: true });
  const store = await openMemoryStore(places().store, { embedder: embedder() });
  const namespace = 'agentdb/episodes';
  const content = 'fix the build\npin versions\nmain.ts\npinned the version';
  await store.put({ id: '7', namespace, content, metadata: EPISODE });
  const other = { ...EPISODE, task: 'another', success: 0 };
  await store.put({ id: '7@hub.db', namespace, content: 'another', metadata: other });
  await store.close();
  const archive = Database.open(places().archive, { create: true });
  archive.exec(
    `CREATE TABLE v1_rows (seq INTEGER PRIMARY KEY, store INTEGER, table_name TEXT, row_key TEXT, hash TEXT,
       outcome TEXT, target TEXT, reason TEXT, row BLOB)`,
  );
  const row = {
    id: 3,
    from_memory_id: 7,
    from_memory_type: 'episode',
    to_memory_id: 8,
    to_memory_type: 'episode',
    similarity: 0.5,
    uplift: 1.75,
    confidence: 0.9,
    sample_size: 4,
    evidence_ids: '["e"]',
    metadata: 'no JSON',
    created_at: 1_795_360_871,
  };
  const insert = `INSERT INTO v1_rows (table_name, outcome, row) VALUES ('causal_edges', ?, ?)`;
  archive.run(insert, 'edge', packRow(row));
  archive.run(insert, 'quarantined', packRow({ ...row, id: 4 }));
  archive.close();
}

describe('a migrated agentdb', () => {
  it('gives its episodes back, those with a number that two files had as well', async () => {
    await migrated();
    const memories = new bank.ReflexionMemory();
    const found = await memories.retrieveRelevant({ task: 'fix the build', k: 2 });
    expect(found[0]).toMatchObject({
      id: 7,
      ts: EPISODE.ts,
      task: 'fix the build',
      success: true,
      tokensUsed: null,
      tags: ['ci'],
      metadata: { ticket: 1 },
    });
    expect(found[1]).toMatchObject({ id: '7@hub.db', success: false });
    expect(found[0]?.embedding).toHaveLength(384);
    expect(
      await memories.storeEpisode({ sessionId: 's', task: 'x', reward: 1, success: true }),
    ).toBe(8);
  });

  it('has the causal edges of the archive, whose uplift no edge of a store can hold', async () => {
    await migrated();
    const graph = new bank.CausalMemoryGraph();
    const query = { interventionMemoryId: 7, interventionMemoryType: 'episode' };
    const archived = { id: 3, uplift: 1.75, evidenceIds: ['e'], metadata: 'no JSON' };
    expect(graph.queryCausalEffects(query)).toMatchObject([archived]);
    expect(openProject(places().directory, { readOnly: true }).causalEdges.get(3)).toBeDefined();
    // With the first write they become records, and are counted on from there.
    const edge = {
      fromMemoryId: 7,
      fromMemoryType: 'episode',
      toMemoryId: 7,
      toMemoryType: 'episode',
    };
    const id = graph.addCausalEdge({ ...edge, similarity: 1, uplift: 0.5, confidence: 0.8 });
    expect(id).toBe(4);
    expect(graph.queryCausalEffects(query).map((one) => one.id)).toEqual([3, 4]);
    const { records, causalEdges } = openProject(places().directory);
    expect(records.edges('agentdb/episodes', '7')).toMatchObject([
      { relation: 'causes', weight: 0.8 },
    ]);
    expect(causalEdges.delete(3)).toBe(true);
    expect(causalEdges.delete(4)).toBe(true);
    expect(causalEdges.count()).toBe(0);
    expect(records.edges('agentdb/episodes', '7')).toEqual([]);
  });
});

describe('a certificate', () => {
  it('is valid until a row that it names changes', async () => {
    const memories = new bank.ReflexionMemory();
    for (const task of ['fix login', 'fix logout', 'write docs']) {
      await memories.storeEpisode({
        sessionId: 's',
        task,
        output: `${task} done`,
        reward: 1,
        success: true,
      });
    }
    const { certificate, candidates } = await new bank.CausalRecall().recall('q', 'fix login', 3);
    expect(candidates.map(({ rank }) => rank)).toEqual([1, 2, 3]);
    const recall = new ExplainableRecall();
    expect(recall.verifyCertificate(certificate.id)).toEqual({ valid: true, issues: [] });
    expect(recall.auditCertificate(certificate.id).justifications).toHaveLength(3);
    expect(recall.getJustification(certificate.id, '1')?.pathElements).toHaveLength(3);
    expect(recall.getProvenanceLineage(certificate.sourceHashes[0] ?? '')).toHaveLength(1);
    openProject(places().directory).episodes.update(1, { output: 'something else' });
    expect(recall.verifyCertificate(certificate.id)).toEqual({
      valid: false,
      issues: ['Chunk 1 hash changed'],
    });
    expect(recall.verifyCertificate('none').issues).toEqual(['Certificate not found']);
  });
});

describe('what is given as a database', () => {
  it('says which project is meant', async () => {
    const other = `${places().directory}/sub`;
    mkdirSync(other);
    await new bank.ReflexionMemory({ name: `${other}/agentdb.db` }).storeEpisode({
      sessionId: 's',
      task: 'elsewhere',
      reward: 1,
      success: true,
    });
    const memory = { name: ':memory:' };
    const episode = { sessionId: 's', task: 'for a while', reward: 1, success: true };
    await new bank.ReflexionMemory(memory).storeEpisode(episode);
    const countOf = (db: unknown, task: string): number =>
      new bank.ReflexionMemory(db).getTaskStats(task).totalAttempts;
    expect(openProject(other).episodes.count()).toBe(1);
    expect(countOf(memory, 'for a while')).toBe(1);
    expect(countOf({ name: ':memory:' }, 'for a while')).toBe(0);
    expect(countOf(undefined, 'elsewhere')).toBe(0);
    openProject(other).close();
  });
});

describe('EmbeddingService', () => {
  it('has no vectors of a model that is not here', async () => {
    const service = new bank.EmbeddingService({
      model: 'other',
      dimension: 384,
      provider: 'local',
    });
    await expect(service.embed('x')).rejects.toThrow(/is not in this package/);
    await expect(service.initialize()).rejects.toThrow(/all-MiniLM-L6-v2/);
  });
});
