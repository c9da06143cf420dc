/** What the tests of the compatibility layer share: projects in folders that vanish, and an embedder. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeEach, vi } from 'vitest';
import { useEmbedder } from '../../../src/compat/embedding.js';
import type { NewPattern } from '../../../src/compat/layout/patterns.js';
import { placesOf, type ProjectPlaces } from '../../../src/compat/places.js';
import { clearConfigCache } from '../../../src/compat/reasoningbank/config.js';
import { clearEmbeddingCache } from '../../../src/compat/reasoningbank/embeddings.js';
import { sessionAt } from '../../../src/compat/session.js';
import { type FakeEmbedder, fakeEmbedder, scratch } from '../memory/support.js';

const home = process.cwd();
const KEYS = [
  'ANTHROPIC_API_KEY',
  'ANTHROPIC_BASE_URL',
  'OPENROUTER_API_KEY',
  'GOOGLE_GEMINI_API_KEY',
  'CLAUDE_FLOW_DB_PATH',
  'PROVIDER',
];

/** Each test runs in a new project with an embedder by words, and without keys of language models. */
export function inProjects(): { places(): ProjectPlaces; embedder(): FakeEmbedder } {
  const saved = { ...process.env };
  let places: ProjectPlaces;
  let embedder: FakeEmbedder;
  beforeEach(() => {
    for (const name of KEYS) delete process.env[name];
    places = newProject();
    process.chdir(places.directory);
    embedder = fakeEmbedder();
    useEmbedder(embedder);
    clearConfigCache();
    clearEmbeddingCache();
    // As v1, the functions say where they fall back to a rule.
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  });
  afterEach(() => {
    sessionAt(places.store).release();
    process.chdir(home);
    vi.restoreAllMocks();
  });
  afterAll(() => {
    useEmbedder(undefined);
    process.env = saved;
  });
  return { places: () => places, embedder: () => embedder };
}

export function newProject(): ProjectPlaces {
  const directory = scratch('project');
  mkdirSync(directory, { recursive: true });
  return placesOf(directory);
}

/** Makes a project one that runs side by side with v1. */
export function sideBySide({ manifest, store }: ProjectPlaces): void {
  mkdirSync(store.slice(0, store.lastIndexOf('/')), { recursive: true });
  writeFileSync(manifest, JSON.stringify({ format: 1, mode: 'side-by-side' }));
}

export function pattern(id: string, words: string, more: Partial<NewPattern> = {}): NewPattern {
  const { confidence = 0.7, usage_count = 0 } = more;
  const data = {
    title: words,
    description: `about ${words}`,
    content: `what to do: ${words}`,
    source: { task_id: 't', agent_id: 'a', outcome: 'Success', evidence: [] },
    tags: ['x'],
    domain: 'web',
    created_at: '2026-01-02T03:04:05.678Z',
    confidence,
    n_uses: 0,
  };
  return { id, type: 'reasoning_memory', pattern_data: data, confidence, usage_count, ...more };
}
