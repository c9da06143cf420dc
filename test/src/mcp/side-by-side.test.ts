/** A project in which v1 code goes on: values by key are in its file as well. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database } from '../../../src/memory/database.js';
import type { Embedder } from '../../../src/memory/engine.js';
import { openMemoryStore, type MemoryStore } from '../../../src/memory/index.js';
import { ProjectStore } from '../../../src/mcp/project-store.js';
import { deleteValue, putValue } from '../../../src/mcp/side-by-side.js';
import { temporaryProject } from './support.js';

const { directory, remove } = temporaryProject();
const own = join(directory, '.agentic-flow');
const file = join(directory, '.swarm/memory.db');
const embedder: Embedder = {
  model: 'test',
  dimensions: 4,
  embed: async (texts) => texts.map(() => Float32Array.of(1, 0, 0, 0)),
  close: async () => undefined,
};
let project: ProjectStore;

beforeAll(async () => {
  mkdirSync(own);
  await (await openMemoryStore(join(own, 'memory.v2.db'), { embedder: null })).close();
  writeFileSync(join(own, 'migration.json'), JSON.stringify({ mode: 'side-by-side' }));
  project = new ProjectStore(directory, { embedder });
});

afterAll(async () => {
  await project.close();
  remove();
});

function entries(): unknown[] {
  const database = Database.open(file, { readOnly: true });
  try {
    return database.all('SELECT key, value, namespace FROM memory_entries ORDER BY key');
  } finally {
    database.close();
  }
}

function put(id: string): (store: MemoryStore) => Promise<void> {
  const metadata = { metadata: { storedBy: 'mcp-server' } };
  return (store) =>
    putValue(project, store, { id, namespace: 'team', content: `of ${id}`, metadata });
}

describe('a value by key', () => {
  it('is in both files, also of calls at the same time', async () => {
    await Promise.all(['a', 'b', 'c'].map((id) => project.use(put(id))));
    expect(entries()).toEqual([
      ['a', 'of a', 'team'],
      ['b', 'of b', 'team'],
      ['c', 'of c', 'team'],
    ]);
    const deleted = project.use((store) => {
      return deleteValue(project, store, { id: 'b', namespace: 'team' });
    });
    expect(await deleted).toBe(true);
    expect(entries()).toHaveLength(2);
  });

  it('is in neither, if one of them cannot have it', async () => {
    const tooLong = (store: MemoryStore): Promise<void> =>
      putValue(project, store, { id: 'x'.repeat(5000), namespace: 'team', content: '' });
    await expect(project.use(tooLong)).rejects.toThrow();
    expect(entries()).toHaveLength(2);
    const other = Database.open(file, { create: false });
    other.exec('DROP TABLE memory_entries');
    other.exec('CREATE TABLE memory_entries (other TEXT)');
    other.close();
    await expect(project.use(put('d'))).rejects.toThrow('neither v1 nor v2');
    const found = await project.use((store) => store.get('d', { namespace: 'team' }));
    expect(found).toBeNull();
  });
});
