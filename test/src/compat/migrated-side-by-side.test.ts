/** A migrated project that runs side by side: what v2 wrote to v1 is not taken for news of v1. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { generateV1Installation } from '../../../examples/rolling-migration/generate.js';
import { openProject } from '../../../src/compat/index.js';
import * as bank from '../../../src/compat/reasoningbank/index.js';
import { sessionAt } from '../../../src/compat/session.js';
import { Database } from '../../../src/memory/database.js';
import { migrateDirectory, rollBackDirectory } from '../../../src/migrate/index.js';
import { scratch } from '../memory/support.js';
import { inProjects, pattern } from './support.js';

const { places, embedder } = inProjects();
const { db } = bank;

describe('a migrated project side by side with v1', () => {
  it('has each memory once, also after v1 is carried again, and exports it when it goes back', async () => {
    const { directory, store, v1Store } = places();
    generateV1Installation(directory, { memories: 10, seed: 7 });
    const before = readFileSync(v1Store);
    const options = { directory, embedder: embedder(), home: scratch('home'), env: {} };
    expect(await migrateDirectory({ ...options, sideBySide: true })).toMatchObject({ exitCode: 0 });
    const [first] = [...openProject(directory).records.scan('default')];

    await bank.initialize();
    db.upsertMemory(pattern('a', 'first'));
    db.upsertMemory(pattern('b', 'second'));
    db.storeLink('a', 'b', 'refines', 0.5);
    db.incrementUsage(String(first?.id));
    db.logMetric('rb.x', 1.5);
    const counted = count(store);
    sessionAt(store).release();

    expect(await migrateDirectory(options)).toMatchObject({ exitCode: 3, lateRows: 0 });
    expect(count(store)).toEqual(counted);
    addV1Pattern(v1Store);
    expect(await migrateDirectory(options)).toMatchObject({
      exitCode: 0,
      lateRows: 1,
      quarantinedCount: 0,
    });

    const back = await rollBackDirectory({ directory, keepBackup: false });
    expect(back.error).toBeUndefined();
    expect(readFileSync(v1Store).equals(before)).toBe(true);
    expect(existsSync(store)).toBe(false);
    const exported = readFileSync(back.exported ?? '', 'utf8');
    expect(exported).toContain('what to do: first');
    expect(exported).toContain('"type":"refines"');
  });
});

function count(path: string): number[] {
  const database = Database.open(path, { readOnly: true });
  try {
    return ['records', 'edges'].map((table) => database.number(`SELECT count(*) FROM ${table}`));
  } finally {
    database.close();
  }
}

/** As v1 itself would. */
function addV1Pattern(path: string): void {
  const database = Database.open(path);
  try {
    const data = JSON.stringify({ title: 't', description: 'd', content: 'news of v1' });
    const sql = `INSERT INTO patterns (id, type, pattern_data) VALUES ('news', 'reasoning_memory', ?)`;
    database.run(sql, data);
  } finally {
    database.close();
  }
}
