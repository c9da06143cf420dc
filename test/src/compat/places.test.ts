/** Which project v1's functions mean. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findProject, placesOf, projectOfFile } from '../../../src/compat/places.js';
import { newProject } from './support.js';

/** A project that has a store. */
function migrated(manifest: unknown = {}): string {
  const { directory, store, manifest: path } = newProject();
  mkdirSync(dirname(store));
  writeFileSync(store, '');
  writeFileSync(path, typeof manifest === 'string' ? manifest : JSON.stringify(manifest));
  return directory;
}

describe('the project', () => {
  it('is the nearest one with a store, from the working directory upward', () => {
    const directory = migrated();
    const below = join(directory, 'packages/one');
    mkdirSync(below, { recursive: true });
    expect(findProject(below, {}).directory).toBe(directory);
  });

  it('is the working directory where there is none', () => {
    const { directory } = newProject();
    expect(findProject(directory, {})).toEqual(placesOf(directory));
    expect(findProject(directory, { CLAUDE_FLOW_DB_PATH: '' }).directory).toBe(directory);
  });

  it('is that of CLAUDE_FLOW_DB_PATH, also within another one', () => {
    const [directory, other] = [migrated(), newProject().directory];
    const env = { CLAUDE_FLOW_DB_PATH: join(other, '.swarm/memory.db') };
    expect(findProject(directory, env).directory).toBe(other);
    expect(findProject(directory, { CLAUDE_FLOW_DB_PATH: 'data/x.db' }).directory).toBe(directory);
  });

  it('is the one that was made of the file', () => {
    const file = join(newProject().directory, 'elsewhere.db');
    const directory = migrated({ sources: { 'no.db': 'a', [file]: 'b' } });
    expect(projectOfFile(file, directory).directory).toBe(directory);
    expect(projectOfFile(`${file}2`, directory).directory).toBe(dirname(file));
  });

  it.each(['', '[]', '{', '{"sources": 3}', '{"sources": [null, 7]}'])(
    'has a manifest that says nothing: %s',
    (manifest) => {
      const directory = migrated(manifest);
      expect(findProject(directory, {}).directory).toBe(directory);
      expect(projectOfFile('x/y.db', directory).directory).toBe(directory);
    },
  );
});
