/** What the tests of the memory share: folders, commands, and an embedder without a model. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll } from 'vitest';

import type {
  AddEdge,
  DumpRecord,
  Embedder,
  InsertMemory,
  LoggedCommand,
  MemoryCommand,
  MemoryEngine,
} from '../../../src/memory/engine.js';
import { canonicalText } from '../../../src/memory/checksums.js';
import { tokensOf } from '../../../src/memory/text/tokenizer.js';
import { openV1Engine } from '../../../src/memory/v1-engine.js';
import { openV2Engine } from '../../../src/memory/v2-engine.js';

const root = mkdtempSync(join(tmpdir(), 'agentic-flow-test-'));
let folders = 0;

afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

/** A new path in a folder that vanishes after the tests of the file. */
export function scratch(name: string): string {
  folders += 1;
  return join(root, `${folders}-${name}`);
}

export const MODEL = 'all-MiniLM-L6-v2';

/** How to open an engine, by its version. */
export const engines = { v1: openV1Engine, v2: openV2Engine };

/** Unit vectors in the plane, by their angle to the first axis. */
export function at(degrees: number): { model: string; values: Float32Array } {
  const values = new Float32Array(384);
  values[0] = Math.cos((degrees * Math.PI) / 180);
  values[1] = Math.sin((degrees * Math.PI) / 180);
  return { model: MODEL, values };
}

/** Words to components: texts that share words are near, equal texts are equal. */
export function fakeVector(text: string, dimensions = 384): Float32Array {
  const vector = new Float32Array(dimensions);
  for (const word of new Set(tokensOf(text))) {
    let hash = 7;
    for (const character of word) hash = (Math.imul(hash, 31) + character.charCodeAt(0)) | 0;
    const slot = Math.abs(hash) % dimensions;
    vector[slot] = (vector[slot] ?? 0) + 1;
  }
  vector[0] = (vector[0] ?? 0) + 0.01;
  return vector;
}

export interface FakeEmbedder extends Embedder {
  /** Every text that was embedded. */
  readonly texts: string[];
}

export function fakeEmbedder(): FakeEmbedder {
  const texts: string[] = [];
  return {
    model: MODEL,
    dimensions: 384,
    texts,
    embed: async (asked) => {
      texts.push(...asked);
      return asked.map((text) => fakeVector(text));
    },
    close: async () => undefined,
  };
}

export function insert(
  id: string,
  content: string,
  more: Partial<InsertMemory> = {},
): InsertMemory {
  return {
    type: 'insertMemory',
    id,
    content,
    metadata: {},
    vector: null,
    timestampMs: 1_760_000_000_123,
    ...more,
  };
}

export function edge(from: string, to: string, more: Partial<AddEdge> = {}): AddEdge {
  return {
    type: 'addEdge',
    from,
    to,
    relation: 'refines',
    weight: 0.5,
    timestampMs: 1_760_000_000_456,
    ...more,
  };
}

/** Numbers commands from `first` on, one a log entry. */
export function logged(commands: readonly MemoryCommand[], first = 1): LoggedCommand[] {
  return commands.map((command, i) => ({ index: first + i, command }));
}

/** Applies commands right after what the engine has. */
export function applyAll(engine: MemoryEngine, ...commands: readonly MemoryCommand[]) {
  const first = engine.appliedIndex + 1;
  return engine.apply(logged(commands, first), first + commands.length - 1);
}

/** All records of a dump. */
export function recordsOf(engine: MemoryEngine): DumpRecord[] {
  const dump = engine.dump();
  const records = [...dump.records()];
  dump.close();
  return records;
}

/** The rows of v1's own tables in a dump, sorted, as text. */
export function v1RowsOf(engine: MemoryEngine): string[] {
  return recordsOf(engine)
    .filter(({ table }) => !table.startsWith('agentic_flow_'))
    .map(({ table, row }) => `${table} ${canonicalText(row)}`)
    .sort();
}

/** The seed of random tests: from the environment, else new; printed so that a failure can be repeated. */
export function seed(): number {
  const given = process.env['SEED'];
  const value = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
  console.log(`SEED=${value}`);
  return value;
}
