import { describe, expect, it } from 'vitest';

import { ClientScript, isOwnId, sharedIds, type Request } from '../../../src/chaos/workload.js';

function requests(seed: number, client: number, count: number): Request[] {
  const script = new ClientScript(seed, client);
  return Array.from({ length: count }, () => script.next());
}

describe('the requests of a client', () => {
  it('are the same for a seed and a client', () => {
    expect(requests(3, 1, 200)).toEqual(requests(3, 1, 200));
    expect(requests(3, 1, 200)).not.toEqual(requests(4, 1, 200));
    expect(requests(3, 1, 200)).not.toEqual(requests(3, 2, 200));
  });

  it('write each content once, and each id of its own once', () => {
    const inserts = [0, 1, 2]
      .flatMap((client) => requests(3, client, 500))
      .filter((request) => request.kind === 'insert');
    expect(new Set(inserts.map(({ content }) => content)).size).toBe(inserts.length);
    const own = inserts.filter(({ id }) => isOwnId(id));
    expect(new Set(own.map(({ id }) => id)).size).toBe(own.length);
    expect(own.length).toBeGreaterThan(100);
  });

  it('read and write every id that all share', () => {
    const all = requests(3, 0, 1_000);
    for (const kind of ['get', 'insert'] as const) {
      const ids = new Set(all.filter((each) => each.kind === kind).map(({ id }) => id));
      expect(sharedIds.every((id) => ids.has(id))).toBe(true);
    }
  });
});
