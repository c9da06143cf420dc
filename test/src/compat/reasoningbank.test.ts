/** v1's functions on a store with the layout that a migration gives it. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openProject } from '../../../src/compat/index.js';
import * as bank from '../../../src/compat/reasoningbank/index.js';
import { clearConfigCache } from '../../../src/compat/reasoningbank/config.js';
import { openMemoryStore } from '../../../src/memory/index.js';
import { inProjects, pattern } from './support.js';

const { places, embedder } = inProjects();
const { db } = bank;

/** As a migration leaves a pattern, with its vector, and an entry of the key-value table beside it. */
async function migrated(): Promise<void> {
  mkdirSync(dirname(places().store), { recursive: true });
  const store = await openMemoryStore(places().store, { embedder: embedder() });
  const data = pattern('p-1', 'csrf tokens').pattern_data;
  const { content, ...fields } = data;
  await store.put({
    id: 'p-1',
    content: String(content),
    metadata: {
      ...fields,
      type: 'reasoning_memory',
      confidence: 0.8,
      usage_count: 3,
      last_used: null,
    },
    timestamp: Date.parse('2026-01-02T03:04:05.678Z'),
  });
  await store.put({ id: 'key-0', content: 'csrf tokens', metadata: { access_count: 0 } });
  await store.close();
}

describe('a migrated pattern', () => {
  it('is found as v1 returned it, and no key-value entry is', async () => {
    await migrated();
    const [found, ...others] = await bank.retrieveMemories('csrf tokens');
    expect(others).toEqual([]);
    expect(found).toMatchObject({
      id: 'p-1',
      title: 'csrf tokens',
      content: 'what to do: csrf tokens',
    });
    expect(found?.components.reliability).toBe(0.8);
    expect(db.fetchMemoryCandidates()).toMatchObject([
      {
        id: 'p-1',
        type: 'reasoning_memory',
        confidence: 0.8,
        usage_count: 4,
        created_at: '2026-01-02 03:04:05',
      },
    ]);
    expect(db.fetchMemoryCandidates()[0]?.last_used).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
    expect(db.getAllActiveMemories()[0]?.pattern_data).toMatchObject({
      domain: 'web',
      confidence: 0.8,
    });
  });
});

describe('db', () => {
  it('stores what it is given, field by field', async () => {
    await bank.initialize();
    const odd = pattern('odd', 'x', {
      pattern_data: { title: 'only', content: { not: 'a text' }, type: 'mine', confidence: 0.1 },
    });
    db.upsertMemory(odd);
    const bare = { ...pattern('bare', 'x'), pattern_data: { title: 'bare' } };
    db.upsertMemory(bare);
    const stored = new Map(db.getAllActiveMemories().map((row) => [row.id, row]));
    expect(stored.get('odd')?.pattern_data).toEqual(odd.pattern_data);
    expect(stored.get('odd')).toMatchObject({ type: 'reasoning_memory', confidence: 0.7 });
    expect(stored.get('bare')?.pattern_data).toEqual(bare.pattern_data);
  });

  it('makes the vector of a memory that was given none, before it is looked for', async () => {
    await bank.initialize();
    db.upsertMemory(pattern('a', 'retry with backoff'));
    expect(db.fetchMemoryCandidates()).toEqual([]);
    const found = await bank.retrieveMemories('retry with backoff');
    expect(found.map(({ id }) => id)).toEqual(['a']);
    db.upsertMemory(pattern('a', 'another text'));
    expect(db.fetchMemoryCandidates()).toEqual([]);
    expect(await bank.retrieveMemories('another text')).toHaveLength(1);
    expect(embedder().texts).toContain('about another text\nwhat to do: another text');
  });

  it('keeps a vector of another model beside the one of the store, until the memory changes', async () => {
    await bank.initialize();
    db.upsertMemory(pattern('a', 'own'));
    const vector = Float32Array.of(1, 2, 3);
    db.upsertEmbedding({ id: 'a', model: 'mine', dims: 3, vector });
    expect(db.fetchMemoryCandidates()[0]?.embedding).toEqual(vector);
    expect((await bank.retrieveMemories('own'))[0]?.components.similarity).toBeGreaterThan(0.4);
    expect(db.fetchMemoryCandidates()[0]?.embedding).toEqual(vector);
    db.upsertMemory(pattern('a', 'changed'));
    expect(db.fetchMemoryCandidates()).toEqual([]);
  });

  it('says what to use instead of getDb, and to initialize first', async () => {
    expect(() => db.upsertMemory(pattern('a', 'x'))).toThrow(
      /Database not found.*Run migrations first/,
    );
    expect(existsSync(places().store)).toBe(false);
    await bank.initialize();
    expect(() => (db.getDb as () => void)()).toThrow(/openMemoryStore of agentic-flow\/memory/);
  });

  it('has trajectories, runs and metrics where a migration puts them', async () => {
    await bank.initialize();
    const trajectory = {
      task_id: 't-1',
      agent_id: 'a',
      query: 'why',
      trajectory_json: '{"steps":[1]}',
    };
    db.storeTrajectory(trajectory);
    db.logMetric('rb.x', 2);
    db.logMetric('rb.y', 3);
    const project = openProject(places().directory);
    const stored = project.records.get('reasoningbank/task_trajectories', 't-1');
    expect(stored?.content).toBe('why');
    expect(stored?.metadata).toMatchObject({ trajectory_json: { steps: [1] }, judge_label: null });
    expect([...project.metrics.rows()]).toMatchObject([
      { id: 1, metric_name: 'rb.x', value: 2 },
      { id: 2, metric_name: 'rb.y', value: 3 },
    ]);
  });
});

describe('consolidate', () => {
  it('finds the one duplicate and the one contradiction, and nothing between what is unlike', async () => {
    await bank.initialize();
    const failure = pattern('d', 'send the csrf token');
    const source = { ...(failure.pattern_data['source'] as object), outcome: 'Failure' };
    db.upsertMemory(
      pattern('a', 'retry with exponential backoff', { confidence: 0.9, usage_count: 1 }),
    );
    db.upsertMemory(pattern('b', 'retry with exponential backoff', { usage_count: 9 }));
    db.upsertMemory(pattern('c', 'send the csrf token'));
    db.upsertMemory({ ...failure, pattern_data: { ...failure.pattern_data, source } });
    for (let at = 0; at < 20; at += 1)
      db.upsertMemory(pattern(`z${at}`, `${'qwertzuiopasdfghjklyxcvb'[at]}${at}q`));
    writeFileSync(
      join(places().directory, 'reasoningbank.yaml'),
      'consolidate: {dedup_similarity_threshold: 0.99, contradiction_threshold: 0.98}\n',
    );
    clearConfigCache();
    expect(bank.shouldConsolidate()).toBe(true);
    const result = await bank.consolidate();
    expect(result).toMatchObject({
      itemsProcessed: 24,
      duplicatesFound: 2,
      contradictionsFound: 1,
    });
    const ids = new Set(db.getAllActiveMemories().map(({ id }) => id));
    // Of the copies the one that was used more stays; a success and a failure are no copies.
    expect([ids.has('a'), ids.has('b'), ids.has('c'), ids.has('d')]).toEqual([
      false,
      true,
      true,
      true,
    ]);
    expect([...db.getContradictions('c'), ...db.getContradictions('d')]).toHaveLength(1);
    expect(bank.shouldConsolidate()).toBe(false);
  });
});

describe('settings', () => {
  it('come from the file of the project, and what cannot be used is the default', () => {
    mkdirSync(join(places().directory, '.swarm'));
    const path = join(places().directory, '.swarm/reasoningbank.yaml');
    writeFileSync(path, 'reasoningbank:\n  retrieve: {k: 7, alpha: much}\n  judge: 3\n');
    expect(bank.loadConfig()).toMatchObject({
      retrieve: { k: 7, alpha: 0.65 },
      judge: { max_tokens: 512 },
    });
    writeFileSync(path, '{{{ no yaml');
    clearConfigCache();
    expect(bank.loadConfig().retrieve.k).toBe(3);
  });
});

describe('retrieval', () => {
  it('chooses as mmrSelection does, however many there are', async () => {
    await bank.initialize();
    for (let at = 0; at < 40; at += 1) {
      db.upsertMemory(
        pattern(`m${at}`, `word${at % 7} word${at % 5} word${at % 3}`, {
          confidence: 0.4 + at / 100,
        }),
      );
    }
    const found = await bank.retrieveMemories('word1 word2', { k: 6 });
    const { alpha, beta, gamma, delta } = bank.loadConfig().retrieve;
    const query = await bank.computeEmbedding('word1 word2');
    const scored = db.fetchMemoryCandidates().map((row) => {
      const similarity = bank.cosineSimilarity(query, row.embedding);
      return { ...row, score: alpha * similarity + beta + gamma * row.confidence };
    });
    const expected = bank.mmrSelection(scored, query, 6, delta).map(({ id }) => id);
    expect(found.map(({ id }) => id)).toEqual(expected);
  });

  it('throws when the model cannot work, instead of making a vector up', async () => {
    await bank.initialize();
    const broken = { ...embedder(), embed: () => Promise.reject(new Error('no model')) };
    const { useEmbedder } = await import('../../../src/compat/embedding.js');
    useEmbedder(broken);
    await expect(bank.retrieveMemories('anything')).rejects.toThrow('no model');
    await expect(bank.computeEmbedding('anything else')).rejects.toThrow('no model');
  });
});
