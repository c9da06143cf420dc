/** What rests on mathematics: certificates, discovered causes, the t distribution. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { join } from 'node:path';
import { packRow } from '../../../src/memory/exact-row.js';
import { Database } from '../../../src/memory/database.js';
import { type MemoryStore, openMemoryStore } from '../../../src/memory/index.js';
import {
  makeCertificate,
  storeCertificate,
  verifyCertificate,
} from '../../../src/mcp/certificate.js';
import { archivedEdges, takeArchivedEdges } from '../../../src/mcp/archived-edges.js';
import { causalEdges } from '../../../src/mcp/causal.js';
import { discoverCauses } from '../../../src/mcp/discover.js';
import type { Episode } from '../../../src/mcp/episodes.js';
import { twoSidedP } from '../../../src/mcp/student-t.js';
import { temporaryProject } from './support.js';

const { directory, remove } = temporaryProject();
let store: MemoryStore;

beforeAll(async () => {
  store = await openMemoryStore(join(directory, 'memory.v2.db'), { embedder: null });
});

afterAll(async () => {
  await store.close();
  remove();
});

function sha256(...parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

describe('a certificate', () => {
  const namespace = 'agentdb/episodes';
  const texts = ['build the house', 'paint the house', 'sell it', 'move in', 'go on holiday'];

  async function records(): Promise<Parameters<typeof makeCertificate>[1]> {
    for (const [at, content] of texts.entries()) {
      await store.put({ namespace, id: `${at}`, content, metadata: { at, reward: at / 10 } });
    }
    return (await store.list({ namespace })).records;
  }

  it('has a root that each source leads to', async () => {
    const found = await records();
    const { certificate } = makeCertificate({ id: 'q', text: 'paint the house' }, found, 1);
    for (const [at, record] of found.entries()) {
      const json = JSON.stringify([record.namespace, record.id, record.content, record.metadata]);
      const leaf = sha256(Buffer.of(0), json);
      expect(certificate.source_hashes[at]).toBe(leaf);
      // RFC 9162, 2.1.3.2: which side a hash of the path is on follows from the place and the size.
      let [hash, place, last] = [leaf, at, found.length - 1];
      for (const other of certificate.proof_chain[at]!) {
        if (place % 2 === 1 || place === last) {
          hash = sha256(Buffer.of(1), Buffer.from(other, 'hex'), Buffer.from(hash, 'hex'));
          while (place % 2 === 0 && place !== 0) [place, last] = [place >> 1, last >> 1];
        } else {
          hash = sha256(Buffer.of(1), Buffer.from(hash, 'hex'), Buffer.from(other, 'hex'));
        }
        [place, last] = [place >> 1, last >> 1];
      }
      expect(hash).toBe(certificate.merkle_root);
    }
    expect(certificate.minimal_why).toEqual(['1']);
    expect(certificate.completeness_score).toBe(1);
    expect(certificate.redundancy_ratio).toBe(5);
  });

  it('tells what has changed since', async () => {
    const { id, certificate } = makeCertificate({ id: 'q', text: 'x' }, await records(), 1);
    await storeCertificate(store, id, certificate);
    expect(await verifyCertificate(store, id)).toEqual({ isValid: true, issues: [] });
    await store.put({ namespace, id: '1', content: 'burn the house', metadata: {} });
    await store.delete('2', { namespace });
    expect((await verifyCertificate(store, id)).issues).toEqual([
      'agentdb/episodes 1 has changed since',
      'agentdb/episodes 2 is not there any more',
    ]);
    const forged = { ...certificate, query_text: 'another question' };
    await storeCertificate(store, id, forged);
    expect((await verifyCertificate(store, id)).issues[0]).toContain('as their hash');
    await expect(verifyCertificate(store, 'none')).rejects.toThrow('there is no certificate');
  });
});

describe("Student's t", () => {
  /** From the tables of the distribution. */
  it.each([
    [12.706, 1, 0.05],
    [2.571, 5, 0.05],
    [2.228, 10, 0.05],
    [3.169, 10, 0.01],
    [1.96, 1_000_000, 0.05],
    [0, 7, 1],
  ])('%f with %i degrees: %f', (t, degrees, p) => {
    expect(twoSidedP(t, degrees)).toBeCloseTo(p, 4);
    expect(twoSidedP(-t, degrees)).toBeCloseTo(p, 4);
  });
});

describe('causes', () => {
  const limits = { minAttempts: 3, minSuccessRate: 0.6, minConfidence: 0.7 };
  let made = 0;

  function episode(sessionId: string, task: string, reward: number): Episode {
    made += 1;
    const rest = { critique: '', output: '', latencyMs: undefined, content: task };
    return {
      id: String(made),
      sessionId,
      task,
      reward,
      isSuccess: reward >= 0.5,
      createdAtMs: made,
      ...rest,
    };
  }

  it('are found where they make a difference, and not where they make none', () => {
    const episodes = [1, 2, 3, 4, 5].flatMap((at) => [
      episode(`a${at}`, 'plan', 1),
      episode(`a${at}`, 'build', 0.9 + at / 100),
      episode(`b${at}`, 'sleep', 1),
      episode(`b${at}`, 'build', 0.2 + at / 100),
      episode(`c${at}`, 'talk', 1),
      episode(`c${at}`, 'walk', at / 10),
      episode(`d${at}`, 'walk', at / 10),
    ]);
    const found = discoverCauses(episodes, limits);
    expect(found.map(({ cause, effect }) => `${cause}-${effect}`)).toEqual(['plan-build']);
    expect(found[0]?.uplift).toBeCloseTo(0.7);
    expect(found[0]?.sampleSize).toBe(5);
    expect(found[0]?.confidence).toBeGreaterThan(0.95);
  });

  it('need attempts', () => {
    const few = [1, 2].flatMap((at) => [
      episode(`a${at}`, 'plan', 1),
      episode(`a${at}`, 'build', 1),
      episode(`b${at}`, 'build', 0),
    ]);
    expect(discoverCauses(few, limits)).toEqual([]);
  });
});

describe('causal edges of a migration', () => {
  it('are answered from the archive, and are records once', async () => {
    const { signal } = new AbortController();
    const archive = Database.open(join(directory, 'v1-rows.db'), { create: true });
    archive.exec('CREATE TABLE v1_rows (seq INTEGER, table_name TEXT, outcome TEXT, row BLOB)');
    const row = (id: number, ends: readonly [number, string, number, string]): Uint8Array => {
      const [from_memory_id, from_memory_type, to_memory_id, to_memory_type] = ends;
      const named = { from_memory_id, from_memory_type, to_memory_id, to_memory_type };
      return packRow({ id, ...named, uplift: 0.25, confidence: 0.9, sample_size: 4 });
    };
    const add = (outcome: string, packed: Uint8Array): void => {
      archive.run(`INSERT INTO v1_rows VALUES (1, 'causal_edges', ?, ?)`, outcome, packed);
    };
    add('edge', row(1, [5, 'episode', 6, 'episode']));
    add('quarantined', row(2, [0, 'tests', 0, 'quality']));
    add('quarantined', row(3, [77, 'episode', 78, 'episode']));
    archive.close();
    const expected = [
      { id: '1', cause: 'episode 5', effect: 'episode 6', uplift: 0.25, confidence: 0.9 },
      { id: '2', cause: 'tests', effect: 'quality' },
    ];
    expect(await causalEdges(store, signal)).toMatchObject(expected);
    await takeArchivedEdges(store);
    expect(await archivedEdges(store)).toEqual([]);
    expect(await causalEdges(store, signal)).toMatchObject(expected);
  });
});
