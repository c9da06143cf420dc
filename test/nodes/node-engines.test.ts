/** A snapshot that is put into the engine of a node, in slices. */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

import { describe, expect, it } from 'vitest';

import { newControlState } from '../../nodes/control-plane/state.js';
import { dataPaths } from '../../nodes/data-directory.js';
import { NodeEngines } from '../../nodes/node-engines.js';
import { openV1Engine, openV2Engine } from '../../src/memory/index.js';
import type { DumpRecord, EngineVersion, MemoryEngine } from '../../src/memory/engine.js';
import { scratch } from './snapshots/support.js';

const MEMORIES = 3_000;

function engineAt(version: EngineVersion, path: string): MemoryEngine {
  mkdirSync(dirname(path), { recursive: true });
  return version === 'v1'
    ? openV1Engine(path, { create: true })
    : openV2Engine(path, { create: true });
}

function insert(engine: MemoryEngine, index: number, ids: readonly string[]): void {
  const commands = ids.map((id) => ({
    index,
    command: {
      type: 'insertMemory',
      id,
      content: `text of ${id}`,
      metadata: {},
      vector: null,
      timestampMs: 1,
    } as const,
  }));
  engine.apply(commands, index);
}

/** A node with one memory at index 3, and the rows of another with many at index 9. */
function setUp(version: EngineVersion): {
  engines: NodeEngines;
  control: ReturnType<typeof newControlState>;
  records: DumpRecord[];
} {
  const paths = dataPaths(scratch('node'));
  const engines = new NodeEngines(paths, 1);
  const own = version === 'v1' ? paths.v1Store : engines.v2Files.next();
  const engine = engineAt(version, own);
  insert(engine, 3, ['own']);
  engines.add(engine);
  const other = engineAt(version, `${scratch('other')}/memory.db`);
  insert(
    other,
    9,
    Array.from({ length: MEMORIES }, (_, at) => `memory-${at}`),
  );
  const dump = other.dump();
  const records = [...dump.records()];
  dump.close();
  other.close();
  const control = newControlState({
    swarmId: 's',
    joinTokenHash: '',
    clientTokenHash: '',
    swarmVersion: version === 'v1' ? 1 : 2,
    peerId: 'p',
    host: 'h',
    port: 1,
  });
  return { engines, control, records };
}

describe.each(['v1', 'v2'] as const)('a snapshot for the %s engine', (version) => {
  it('is put in between turns of the event loop, and the engine answers nobody meanwhile', async () => {
    const { engines, control, records } = setUp(version);
    const before = engines.engine(version);
    let turns = 0;
    const restoring = engines.restore(records, control, 9).then(() => true);
    while (!(await Promise.race([restoring, new Promise((done) => setImmediate(done))]))) {
      turns += 1;
      expect(engines.engine(version)).toBeUndefined();
    }
    expect(turns).toBeGreaterThan(3);
    expect(engines.engine(version)).toBe(before);
    expect(before?.appliedIndex).toBe(9);
    expect(before?.counts().memories).toBe(MEMORIES);
    expect(before?.get('own')).toBeUndefined();
    engines.close();
  });

  it('that turns out to be damaged changes nothing', async () => {
    const { engines, control, records } = setUp(version);
    const failing = function* (): Generator<DumpRecord> {
      yield* records.slice(0, records.length >> 1);
      throw new Error('a record cannot be read');
    };
    await expect(engines.restore(failing(), control, 9)).rejects.toThrow('cannot be read');
    const engine = engines.engine(version);
    expect([engine?.appliedIndex, engine?.counts().memories]).toEqual([3, 1]);
    expect(engine?.get('own')?.content).toBe('text of own');
    engines.close();
  });
});
