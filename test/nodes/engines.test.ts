/** Two engines that are fed the same log, one of them ahead after a crash. */
import { afterEach, describe, expect, it } from 'vitest';

import { Engines } from '../../nodes/engines.js';
import { openV1Engine, openV2Engine } from '../../src/memory/index.js';
import type { LoggedCommand, MemoryEngine } from '../../src/memory/engine.js';
import { insert } from '../src/memory/support.js';
import { scratch } from './snapshots/support.js';

const LOG: readonly LoggedCommand[] = [
  { index: 1, command: insert('a', 'first') },
  { index: 2, command: { type: 'deleteMemory', id: 'gone', timestampMs: 1 } },
  {
    index: 3,
    command: { type: 'addEdge', from: 'a', to: 'b', relation: 'r', weight: 1, timestampMs: 1 },
  },
  { index: 4, command: insert('b', 'second') },
];
const BATCH = { commands: LOG, firstIndex: 1, lastIndex: 4 };

const opened: Engines[] = [];
afterEach(() => {
  for (const engines of opened.splice(0)) engines.close();
});

function enginesOf(...list: readonly MemoryEngine[]): Engines {
  const engines = new Engines();
  opened.push(engines);
  for (const engine of list) engines.add(engine);
  return engines;
}

/** At the index up to which it has applied the log. */
function engineAt(version: 'v1' | 'v2', index: number): MemoryEngine {
  const open = version === 'v1' ? openV1Engine : openV2Engine;
  const engine = open(scratch(`${version}.db`), { create: true });
  if (index > 0) engine.apply(LOG.slice(0, index), index);
  return engine;
}

const TOLD = ['ok', 'not-found', 'missing-endpoint', 'ok'];

describe('engines that are fed together', () => {
  it('tell what each command did, once', () => {
    const engines = enginesOf(engineAt('v1', 0), engineAt('v2', 0));
    expect(engines.apply(BATCH)).toEqual(TOLD);
    expect(engines.appliedIndex()).toBe(4);
  });

  it.each([
    ['v1', 'v2'],
    ['v2', 'v1'],
  ] as const)(
    'believe the one that applies it when %s is ahead and has forgotten',
    (first, second) => {
      const ahead = engineAt(first, 4);
      ahead.forgetOutcomes(4);
      for (const behind of [0, 2]) {
        const other = engineAt(second, behind);
        const engines = enginesOf(ahead, other);
        const batch = { commands: LOG.slice(behind), firstIndex: behind + 1, lastIndex: 4 };
        expect(engines.apply(batch)).toEqual(TOLD.slice(behind));
        engines.remove(second);
      }
    },
  );

  it('stop the node when they differ about a command that both apply now', () => {
    const other = engineAt('v2', 0);
    other.apply([{ index: 1, command: insert('gone', 'only here') }], 1);
    const engines = enginesOf(engineAt('v1', 1), other);
    const batch = { commands: LOG.slice(1), firstIndex: 2, lastIndex: 4 };
    expect(() => engines.apply(batch)).toThrow(/both engines say the same of the command at 2/);
  });

  it('miss no entry', () => {
    const engines = enginesOf(engineAt('v1', 1), engineAt('v2', 3));
    const batch = { commands: LOG.slice(2), firstIndex: 3, lastIndex: 4 };
    expect(() => engines.apply(batch)).toThrow(/the v1 engine misses no entry before 3/);
  });
});
