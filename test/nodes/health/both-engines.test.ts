/** A v1 store and the v2 store made of it must agree on every question, or good rollouts would be halted. */
import { afterAll, describe, expect, it } from 'vitest';

import { generateV1Installation } from '../../../examples/rolling-migration/generate.js';
import { difference, pageOf, questionsAbout } from '../../../nodes/health/compare.js';
import type { Ask } from '../../../nodes/health/compare.js';
import { graphHandlers } from '../../../nodes/service/graph-handlers.js';
import type { ServicePorts } from '../../../nodes/service/handlers.js';
import { memoryReads } from '../../../nodes/service/memory-reads.js';
import type { MemoryEngine } from '../../../src/memory/engine.js';
import { openV1Engine } from '../../../src/memory/v1-engine.js';
import { openV2Engine } from '../../../src/memory/v2-engine.js';
import { stageV2 } from '../../../src/memory/stage.js';
import type { CallContext, Handler } from '../../../transport/rpc/rpc.js';
import { fakeEmbedder, scratch } from '../../src/memory/support.js';

const MEMORIES = 150;
const open: MemoryEngine[] = [];
afterAll(() => {
  for (const engine of open) engine.close();
});

async function bothEngines(): Promise<Ask> {
  const directory = scratch('installation');
  generateV1Installation(directory, { memories: MEMORIES, seed: 7 });
  const source = openV1Engine(`${directory}/.swarm/memory.db`);
  const path = scratch('v2.db');
  await stageV2({ source, path, embedder: fakeEmbedder() });
  const engines = [source, openV2Engine(path)];
  open.push(...engines);
  const methods = engines.map((engine) => handlersOf(engine));
  const context = { signal: new AbortController().signal } as CallContext;
  return async (nodeId, method, payload) => methods[nodeId - 1]?.[method]?.(payload, context);
}

function handlersOf(engine: MemoryEngine): Record<string, Handler> {
  const embedder = fakeEmbedder();
  const ports = {
    activeEngine: () => engine,
    appliedIndex: () => engine.appliedIndex,
    now: () => Date.now(),
    requireServing: () => undefined,
    embed: async (text: string) => {
      const [values] = await embedder.embed([text]);
      return { model: embedder.model, values };
    },
  } as unknown as ServicePorts;
  const barrier = (): Promise<void> => Promise.resolve();
  return { ...graphHandlers(ports, barrier), ...memoryReads(ports, barrier) };
}

describe('engines of both versions', () => {
  it('agree on every question about every memory', async () => {
    const ask = await bothEngines();
    let asked = 0;
    let after: string | null = null;
    do {
      const { memories, next } = await pageOf(ask, 1, after, 16);
      after = next;
      for (const memory of memories) {
        for (const turn of [0, 1, 2]) {
          for (const question of questionsAbout(memory, true, turn)) {
            asked += 1;
            expect(await difference(ask, question, 2, 1)).toBeNull();
          }
        }
      }
    } while (after !== null);
    expect(asked).toBeGreaterThan(MEMORIES * 9);
  });
});
