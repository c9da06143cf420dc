/** Foreign keys of v1 as edges, at first and when v1 and v2 have gone on. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import type { Row } from '../../../../src/memory/exact-row.js';
import { checkStore, type MemoryStore, openMemoryStore } from '../../../../src/memory/index.js';
import {
  addLateRows,
  exportSince,
  migrateData,
  openArchive,
  planData,
} from '../../../../src/migrate/data/index.js';
import type { V1Reading } from '../../../../src/v1/index.js';
import { fakeEmbedder, scratch } from '../../memory/support.js';
import { NOW_MS } from './generated.js';
import { memoryReading } from './support.js';

const EPISODE = { column: 'created_from_episode', table: 'episodes' };

function skill(id: number, episode: Row[string]): Row {
  return { id, name: `skill ${id}`, description: 'd', code: '', created_from_episode: episode };
}

/** Rows of agentdb: episodes by their ids, skills with the episode that each was made from. */
function reading(episodes: readonly number[], skills: readonly Row[]): V1Reading {
  const rows = episodes.map((id) => ({ id, ts: 1, session_id: 's', task: `task ${id}` }));
  return memoryReading(
    {
      episodes: { key: 'id', columns: ['id', 'ts', 'session_id', 'task'], rows },
      skills: {
        key: 'id',
        columns: Object.keys(skill(0, 0)),
        foreignKeys: [EPISODE],
        rows: skills,
      },
    },
    { name: 'agentdb.db', family: 'agentdb', format: 'C' },
  );
}

class Migrated {
  readonly work = scratch('references');
  readonly store = join(this.work, 'memory.v2.db');
  readonly archive = join(this.work, 'v1-rows.db');

  migrate(from: V1Reading) {
    const { work } = this;
    return migrateData({ readings: [from], work, embedder: fakeEmbedder(), nowMs: NOW_MS });
  }

  async late(from: V1Reading) {
    const { work, store, archive } = this;
    const options = { readings: [from], work, embedder: fakeEmbedder(), nowMs: NOW_MS };
    const report = await addLateRows({ ...options, store, archive });
    expect(await checkStore(store)).toMatchObject({ isWhole: true });
    return report;
  }

  async use<T>(work: (store: MemoryStore) => Promise<T>): Promise<T> {
    const store = await openMemoryStore(this.store, { create: false, embedder: null });
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  }

  /** `skill>episode` of each edge. */
  edges(): Promise<string[]> {
    return this.use(async (store) => {
      const found = await store.query(
        'MATCH (a)-[r:created_from_episode]->(b) RETURN a.id, b.id, r.weight ORDER BY a.id LIMIT 100',
      );
      return found.rows.map(([from, to, weight]) => {
        expect(weight).toBe(1);
        return [from, to].map((key) => String(key).split('\u001f').at(-1)).join('>');
      });
    });
  }

  refused(): string[] {
    const archive = openArchive(this.archive);
    try {
      return [...archive.refusedReferences()].map(({ key, sentence }) => `${key}: ${sentence}`);
    } finally {
      archive.close();
    }
  }
}

describe('rows that name others', () => {
  it('are linked with them, and what leads nowhere is listed', async () => {
    const migrated = new Migrated();
    const rows = [skill(1, 7), skill(2, 8), skill(3, null), skill(4, 99), skill(5, 7)];
    const report = await migrated.migrate(reading([7, 8], rows));
    expect(report.references).toEqual([
      {
        store: 'agentdb.db',
        table: 'skills',
        column: 'created_from_episode',
        edges: 3,
        refused: 1,
      },
    ]);
    // The rows themselves arrived.
    expect(report).toMatchObject({ quarantinedCount: 0, records: 7, edges: 3 });
    expect(await migrated.edges()).toEqual(['1>7', '2>8', '5>7']);
    expect(migrated.refused()).toEqual([
      '4: created_from_episode names "99" of episodes, which is no memory',
    ]);
    const plan = await planData({
      readings: [reading([7, 8], rows)],
      work: scratch('plan'),
      embedder: fakeEmbedder(),
      nowMs: NOW_MS,
    });
    expect(plan).toMatchObject({ edges: 3, references: report.references });
  });

  it('follow what v1 has changed since', async () => {
    const migrated = new Migrated();
    await migrated.migrate(reading([7, 8], [skill(1, 7), skill(2, 8), skill(4, 99), skill(5, 7)]));
    const later = reading([7, 8, 99], [skill(1, 8), skill(2, null), skill(4, 99), skill(6, 99)]);
    await migrated.late(later);
    expect(await migrated.edges()).toEqual(['1>8', '4>99', '5>7', '6>99']);
    expect(migrated.refused()).toEqual([]);
    await migrated.late(later);
    expect(await migrated.edges()).toEqual(['1>8', '4>99', '5>7', '6>99']);
  });

  it('are as users of v2 left them', async () => {
    const migrated = new Migrated();
    const rows = [skill(1, 7), skill(2, 8), skill(3, 7)];
    await migrated.migrate(reading([7, 8], rows));
    await migrated.use(async (store) => {
      const skills = { namespace: 'agentdb/skills', toNamespace: 'agentdb/episodes' };
      await store.unlink({ from: '1', to: '7', type: 'created_from_episode', ...skills });
      await store.delete('2', { namespace: 'agentdb/skills' });
      await store.link({
        from: '3',
        to: '7',
        type: 'created_from_episode',
        weight: 0.5,
        ...skills,
      });
    });
    await migrated.late(reading([7, 8, 9], [...rows, skill(4, 9)]));
    const weights = await migrated.use((store) =>
      store.query('MATCH (a)-[r:created_from_episode]->(b) RETURN r.weight ORDER BY a.id LIMIT 9'),
    );
    expect(weights.rows).toEqual([[0.5], [1]]);
  });

  it('are no news of v2 when it is exported', async () => {
    const migrated = new Migrated();
    await migrated.migrate(reading([7], [skill(1, 7)]));
    const { store, archive } = migrated;
    const to = scratch('since.jsonl');
    expect(await exportSince({ store, archive, to })).toBe(0);
    await migrated.use((open) =>
      open.link({
        from: '1',
        to: '7',
        type: 'uses',
        namespace: 'agentdb/skills',
        toNamespace: 'agentdb/episodes',
      }),
    );
    expect(await exportSince({ store, archive, to })).toBe(1);
    expect(readFileSync(to, 'utf8')).toContain('"uses"');
  });
});

describe('a text that no memory can hold', () => {
  it('stays in the archive, and everything else can be exported and imported again', async () => {
    const migrated = new Migrated();
    const long = 'x'.repeat(20_000_001);
    const report = await migrated.migrate(
      memoryReading(
        {
          episodes: {
            key: 'id',
            columns: ['id', 'ts', 'session_id', 'task'],
            rows: [
              { id: 1, ts: 1, session_id: 's', task: long },
              { id: 2, ts: 1, session_id: 's', task: long.slice(4), input: 'y' },
              { id: 3, ts: 1, session_id: 's', task: 'short', tags: long.slice(0, 4_000_001) },
              { id: 4, ts: 1, session_id: 's', task: 'short' },
            ],
          },
        },
        { name: 'agentdb.db', family: 'agentdb', format: 'C' },
      ),
    );
    expect(report).toMatchObject({ records: 2, quarantinedCount: 2 });
    expect(report.quarantined.map(({ key, reason }) => [key, reason])).toEqual([
      ['1', 'too-long'],
      ['3', 'too-long'],
    ]);
    const archive = openArchive(migrated.archive);
    expect(archive.get({ table: 'episodes', key: '1' })?.row['task']).toBe(long);
    archive.close();
    const to = scratch('all.jsonl');
    await migrated.use((store) => store.exportTo(to));
    const again = await openMemoryStore(scratch('again.db'), { embedder: null });
    expect((await again.importFrom(to)).records).toBe(2);
    const found = await again.get('2', { namespace: 'agentdb/episodes' });
    expect(found?.content).toBe(`${long.slice(4)}\ny`);
    expect(found?.metadata).toMatchObject({ session_id: 's' });
    await again.close();
  });
});
