import { describe, expect, it } from 'vitest';

import { ClientScript, SHARED_IDS } from '../../../examples/rolling-migration/workload.js';
import type { Request } from '../../../examples/rolling-migration/workload.js';

function run(client: number, seed: number, count: number, sourceIds = ['v1-a', 'v1-b']) {
  const script = new ClientScript(client, seed, sourceIds);
  const requests: Request[] = [];
  for (let at = 0; at < count; at += 1) {
    const request = script.next();
    requests.push(request);
    if (request.kind === 'insert') script.acknowledged(request.id);
  }
  return requests;
}

describe('the load of a client', () => {
  it('is the same for the same seed, and another for another seed or client', () => {
    expect(run(3, 7, 200)).toEqual(run(3, 7, 200));
    expect(run(3, 7, 200)).not.toEqual(run(3, 8, 200));
    expect(run(3, 7, 200)).not.toEqual(run(4, 7, 200));
  });

  it('keeps the mix', () => {
    const requests = run(0, 1, 4_000);
    const share = (kind: string) =>
      requests.filter((request) => request.kind === kind).length / requests.length;
    expect(share('get')).toBeCloseTo(0.4, 1);
    expect(share('insert')).toBeCloseTo(0.3, 1);
    expect(share('search')).toBeCloseTo(0.2, 1);
    expect(share('addEdge')).toBeCloseTo(0.1, 1);
  });

  it('is another one when that is asked for', () => {
    const script = new ClientScript(0, 1, [], 'demo', { gets: 88, texts: 75 });
    const counts = new Map<string, number>();
    for (let at = 0; at < 20_000; at += 1) {
      const request = script.next();
      counts.set(request.kind, (counts.get(request.kind) ?? 0) + 1);
      if (request.kind === 'insert') script.acknowledged(request.id);
    }
    const share = (kind: string): number => (counts.get(kind) ?? 0) / 20_000;
    expect(share('get')).toBeCloseTo(0.88, 2);
    expect(share('insert')).toBeCloseTo(0.054, 2);
    expect(share('search')).toBeCloseTo(0.036, 2);
    expect(share('addEdge')).toBeCloseTo(0.03, 2);
  });

  it('never writes the same content twice, so that a read names its write', () => {
    const contents = [0, 1, 2]
      .flatMap((client) => run(client, 1, 1_000))
      .filter((request) => request.kind === 'insert')
      .map((request) => request.content);
    expect(new Set(contents).size).toBe(contents.length);
  });

  it('overwrites shared ids, and links only what was acknowledged', () => {
    const requests = run(0, 1, 2_000);
    const inserted = new Set<string>();
    let shared = 0;
    for (const request of requests) {
      if (request.kind === 'insert') {
        inserted.add(request.id);
        if (SHARED_IDS.includes(request.id)) shared += 1;
      }
      if (request.kind !== 'addEdge') continue;
      expect(inserted.has(request.from)).toBe(true);
      expect(inserted.has(request.to) || request.to.startsWith('v1-')).toBe(true);
      expect(request.weight).toBeGreaterThanOrEqual(0);
      expect(request.weight).toBeLessThan(1);
    }
    expect(shared).toBeGreaterThan(200);
  });

  it('never writes to a memory of v1, and works without any', () => {
    const writes = run(0, 1, 500, []).filter((request) => request.kind === 'insert');
    expect(writes.every((request) => request.id.startsWith('demo-'))).toBe(true);
  });
});
