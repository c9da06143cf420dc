import { DatabaseSync } from '@photostructure/sqlite';
import { describe, expect, it } from 'vitest';

import type { MemoryCommand } from '../../../src/memory/engine.js';
import { openV1Engine, type V1Engine } from '../../../src/memory/v1-engine.js';
import { v1HashEmbedding } from '../../../src/memory/v1-hash-embedding.js';
import { V1_TABLES } from '../../../src/memory/v1-schema.js';
import { openV2Engine, type V2Engine } from '../../../src/memory/v2-engine.js';
import { cosine } from '../../../src/memory/vector-bytes.js';
import { applyAll, edge, insert, scratch, v1RowsOf } from './support.js';

interface Fill {
  /** `name` is what the text of the memory is made of. */
  memory(id: string, outcome: string, vector?: Float32Array | null, name?: string): void;
  link(from: string, to: string, relation: string, weight: unknown, createdAt?: string): void;
  /** The link that v1's consolidate() draws: the cosine of the bytes. */
  poison(from: string, to: string, relation?: string): void;
  exec(sql: string): void;
}

function v1With(fill: (to: Fill) => void): V1Engine {
  const path = scratch('v1.db');
  const database = new DatabaseSync(path, { enableForeignKeyConstraints: false });
  for (const { sql } of V1_TABLES) database.exec(sql);
  const bytes = new Map<string, Uint8Array>();
  const link: Fill['link'] = (from, to, relation, weight, createdAt = '2025-10-01 10:00:00') => {
    database
      .prepare('INSERT INTO pattern_links VALUES (?, ?, ?, ?, ?)')
      .run(from, to, relation, weight, createdAt);
  };
  fill({
    memory(id, outcome, vector, name = id) {
      const data = { title: name, description: '', content: `about ${name}`, source: { outcome } };
      database
        .prepare(`INSERT INTO patterns (id, type, pattern_data) VALUES (?, 'reasoning_memory', ?)`)
        .run(id, JSON.stringify(data));
      if (vector === null) return;
      const values = vector ?? v1HashEmbedding(`${name}  about ${name}`, 384);
      bytes.set(id, new Uint8Array(values.buffer));
      database
        .prepare(`INSERT INTO pattern_embeddings (id, model, dims, vector) VALUES (?, 'm', 384, ?)`)
        .run(id, bytes.get(id));
    },
    link,
    poison(from, to, relation = 'contradicts') {
      link(
        from,
        to,
        relation,
        cosine(bytes.get(from) ?? [], bytes.get(to) ?? []),
        '2025-10-01 12:00:00',
      );
    },
    exec: (sql) => database.exec(sql),
  });
  database.close();
  return openV1Engine(path);
}

function toV2(v1: V1Engine): V2Engine {
  const v2 = openV2Engine(scratch('v2.db'), { create: true });
  const dump = v1.dump();
  v2.restore(dump.records(), dump.appliedIndex);
  dump.close();
  return v2;
}

function reasons(v2: V2Engine): string[] {
  const dump = v2.dump();
  const found = [...dump.quarantined()].map(({ reason }) => reason);
  dump.close();
  return found.sort();
}

/** A unit vector near an axis, as a real model would give for texts on one subject. */
function modelVector(lean: number): Float32Array {
  const vector = new Float32Array(384).map((_, i) => Math.sin(i) / 40);
  vector[5] = 1 + lean;
  return vector;
}

describe('the quarantine', () => {
  it('takes the links of the faulty consolidation and no true one', () => {
    const v1 = v1With((to) => {
      for (const id of ['a', 'b', 'c', 'd']) to.memory(id, id < 'c' ? 'Success' : 'Failure');
      to.poison('a', 'c');
      to.poison('a', 'd');
      to.poison('b', 'c', 'duplicate_of');
      to.link('b', 'd', 'contradicts', 0.766);
      to.link('c', 'd', 'contradicts', 0.7731265834123456);
      to.link('a', 'b', 'refines', 0.5);
    });
    const v2 = toV2(v1);
    expect(reasons(v2)).toEqual(Array(3).fill('link-from-faulty-consolidation'));
    expect(v2.counts()).toMatchObject({
      memories: 4,
      links: 3,
      quarantinedLinks: 3,
      quarantinedMemories: 0,
    });
    expect(v1.counts().links).toBe(6);
  });

  it('loses the links of a memory that is deleted, and a link that is deleted, as v1 does', () => {
    const v1 = v1With((to) => {
      for (const id of ['a', 'b', 'c', 'd']) to.memory(id, id < 'c' ? 'Success' : 'Failure');
      to.poison('a', 'c');
      to.poison('b', 'd');
      to.link('a', 'b', 'refines', 7);
      to.link('c', 'd', 'refines', 7);
      to.link('a', 'nobody', 'refines', 0.5);
      to.link('d', 'a', 'refines', 0.5);
      // By its bytes, which are no text, it is a link of nobody.
      to.exec(`INSERT INTO pattern_links VALUES (x'61', 'c', 'refines', 1, '2025-10-01 10:00:00')`);
    });
    const v2 = toV2(v1);
    const timestampMs = 1;
    const isGone = (): void => {
      expect(v2.counts().links + v2.counts().quarantinedLinks).toBe(v1.counts().links);
      expect(v1RowsOf(v2)).toEqual(v1RowsOf(v1));
    };
    const both = (...commands: readonly MemoryCommand[]): void => {
      const outcomes = [v1, v2].map((engine) => applyAll(engine, ...commands));
      expect(outcomes[1]).toEqual(outcomes[0]);
      isGone();
    };
    isGone();
    expect(v2.counts().quarantinedLinks).toBe(6);
    both({ type: 'deleteMemory', id: 'a', timestampMs });
    expect(v2.counts()).toMatchObject({ memories: 3, links: 0, quarantinedLinks: 3 });
    both({ type: 'deleteEdge', from: 'c', to: 'd', relation: 'refines', timestampMs });
    expect(v2.counts().quarantinedLinks).toBe(2);
    both({ type: 'deleteEdge', from: 'c', to: 'd', relation: 'refines', timestampMs });
    both({ type: 'deleteMemory', id: 'a', timestampMs }, insert('a', 'again'), edge('a', 'b'));
    expect(v2.counts()).toMatchObject({ memories: 4, links: 1, quarantinedLinks: 2 });
  });

  it('does not trust a nearness of hashes', () => {
    const v1 = v1With((to) => {
      // The hashes of these two texts happen to have a cosine of 0.999.
      to.memory('n1', 'Success');
      to.memory('n563', 'Failure');
      to.poison('n1', 'n563');
    });
    expect(reasons(toV2(v1))).toEqual(['link-from-faulty-consolidation']);
  });

  it('keeps what v1 would have linked without the bug', () => {
    const v1 = v1With((to) => {
      to.memory('same', 'Success', undefined, 'one text');
      to.memory('twin', 'Failure', undefined, 'one text');
      to.poison('same', 'twin');
      to.memory('near', 'Success', modelVector(0));
      to.memory('nearer', 'Failure', modelVector(0.2));
      to.poison('near', 'nearer');
    });
    expect(toV2(v1).counts()).toMatchObject({ links: 2, quarantined: 0 });
  });

  it('knows them by the time of the run where an embedding is gone', () => {
    const v1 = v1With((to) => {
      for (const id of ['a', 'b', 'c']) to.memory(id, id === 'a' ? 'Success' : 'Failure', null);
      to.link('a', 'b', 'contradicts', 0.7812345678901234, '2025-10-01 12:00:01');
      to.link('a', 'c', 'contradicts', 0.78, '2025-10-01 12:00:01');
      to.link('b', 'c', 'contradicts', 0.7812345678901234, '2025-09-01 12:00:01');
      to.exec(
        `INSERT INTO consolidation_runs VALUES ('r', 3, 0, 1, 0, 600, '2025-10-01 12:00:02')`,
      );
    });
    expect(reasons(toV2(v1))).toEqual(['link-from-faulty-consolidation']);
  });

  it('comes to the same verdicts after commands have changed the memories', () => {
    const v1 = v1With((to) => {
      to.memory('a', 'Success');
      to.memory('b', 'Failure');
      to.poison('a', 'b');
    });
    applyAll(v1, insert('b', 'another text'));
    expect(reasons(toV2(v1))).toEqual(['link-from-faulty-consolidation']);
  });

  it('believes a link that a command states anew, even with the weight it had', () => {
    const v1 = v1With((to) => {
      to.memory('a', 'Success');
      to.memory('b', 'Failure');
      to.poison('a', 'b');
    });
    const v2 = toV2(v1);
    const weight = v1.edges('a')[0]?.weight ?? 0;
    for (const engine of [v1, v2]) {
      applyAll(engine, edge('a', 'b', { relation: 'contradicts', weight }));
    }
    v1.close();
    const again = openV1Engine(v1.path);
    expect(reasons(toV2(again))).toEqual([]);
    expect(reasons(v2)).toEqual([]);
    expect(v1RowsOf(v2)).toEqual(v1RowsOf(again));
  });

  it('refuses links without ends and with impossible weights, and memories without an id', () => {
    const v1 = v1With((to) => {
      to.memory('a', 'Success');
      to.memory('b', 'Success');
      to.memory('', 'Success', null);
      to.exec(
        `INSERT INTO patterns (id, type, pattern_data) VALUES (NULL, 'x', 'no id'), (x'ff', 'x', '{}')`,
      );
      to.link('a', 'ghost', 'refines', 0.5);
      to.link('ghost', 'b', 'refines', 0.5);
      to.link('a', 'b', 'heavy', 1e308);
      to.link('a', 'b', 'light', -3.5);
      to.link('a', 'b', 'text', 'heavy');
      to.link('a', 'b', '', 0);
      to.link('a', 'a', 'cycle', 1);
    });
    const v2 = toV2(v1);
    expect(reasons(v2)).toEqual([
      'link-end-missing',
      'link-end-missing',
      'link-weight-out-of-range',
      'link-weight-out-of-range',
      'link-weight-out-of-range',
      'memory-without-id',
      'memory-without-id',
      'memory-without-id',
    ]);
    const counts = v2.counts();
    expect(counts).toMatchObject({ memories: 2, links: 2 });
    expect(counts.memories + counts.quarantinedMemories).toBe(v1.counts().memories);
    expect(counts.links + counts.quarantinedLinks).toBe(v1.counts().links);
    expect(v1RowsOf(v2)).toEqual(v1RowsOf(v1));
  });

  it('lets a link go once the memory at its end is inserted', () => {
    const v1 = v1With((to) => {
      to.memory('a', 'Success');
      to.link('a', 'late', 'refines', 0.5);
      to.link('late', 'a', 'heavy', 7);
    });
    const early = toV2(v1);
    for (const engine of [v1, early]) applyAll(engine, insert('late', 'now here'));
    const late = toV2(v1);
    expect(reasons(early)).toEqual(['link-weight-out-of-range']);
    expect(reasons(late)).toEqual(reasons(early));
    expect(early.edges('a')).toEqual(late.edges('a'));
    expect(early.counts()).toEqual(late.counts());
    expect(v1RowsOf(early)).toEqual(v1RowsOf(v1));
  });
});
