/** Records for callers that cannot wait: pages, expiry, and vectors that are missing. */
import { describe, expect, it } from 'vitest';
import { openProject } from '../../../src/compat/index.js';
import { SCAN_ROWS } from '../../../src/compat/limits.js';
import { inProjects } from './support.js';

const { places, embedder } = inProjects();
const id = (number: number): string => `id-${String(number).padStart(5, '0')}`;

describe('a scan', () => {
  it('goes on behind a page of which everything has expired', () => {
    const { records } = openProject(places().directory);
    const count = 3 * SCAN_ROWS;
    const past = Date.now() - 1000;
    const operations = Array.from({ length: count }, (_, at) => {
      const isGone = at >= SCAN_ROWS && at < 2 * SCAN_ROWS;
      const expiry = isGone ? { expiresAt: past } : at === 0 ? { expiresAt: past + 60_000 } : {};
      return records.putting({ id: id(at), content: 'x', vector: null, ...expiry });
    });
    records.write(operations);
    const found = [...records.scan('default')];
    expect(found).toHaveLength(2 * SCAN_ROWS);
    expect(found[0]?.expiresAt).toBe(past + 60_000);
    expect(found.at(-1)).toMatchObject({ id: id(count - 1), expiresAt: null });
    expect(records.get('default', id(SCAN_ROWS))).toBeNull();
  });

  it('sees the namespace, ids that look like keys of another, and no other', () => {
    const { records } = openProject(places().directory);
    const ids = ['a', '\u001fodd', 'z', '\u{1f600}'];
    for (const namespace of ['default', 'team', 'team2']) {
      for (const one of ids) records.put({ id: one, namespace, content: namespace, vector: null });
    }
    for (const namespace of ['default', 'team', 'team2']) {
      const found = [...records.scan(namespace)];
      expect(found.map((one) => one.id).sort()).toEqual([...ids].sort());
      expect(new Set(found.map(({ content }) => content))).toEqual(new Set([namespace]));
    }
  });
});

describe('vectors that are missing', () => {
  it('are made once, of the records that are meant', async () => {
    const { records } = openProject(places().directory);
    for (let at = 0; at < 150; at += 1) {
      records.put({
        id: id(at),
        content: `text ${at}`,
        vector: at === 3 ? new Float32Array(384).fill(1) : null,
      });
    }
    const made = await records.embedMissing('default', ({ id: one }) => one !== id(0));
    expect(made).toBe(148);
    expect(embedder().texts).toHaveLength(148);
    expect(await records.embedMissing('default')).toBe(0);
    expect([...records.scanVectors('default')]).toHaveLength(149);
    expect(records.vector('default', id(3))?.values[7]).toBe(1);
  });

  it('stay with a record whose text stays, and go with another text', async () => {
    const { records } = openProject(places().directory);
    await records.putEmbedded({ id: 'a', content: 'one text', metadata: { n: 1 } });
    records.put({ id: 'a', content: 'one text', metadata: { n: 2 } });
    expect(records.vector('default', 'a')).not.toBeNull();
    records.put({ id: 'a', content: 'another text', metadata: { n: 3 } });
    expect(records.vector('default', 'a')).toBeNull();
  });
});
