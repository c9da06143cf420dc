import type { Operation } from '../../../sim/checkers/linearizability.js';
import type { MemoryInput, MemoryOutput } from '../../../sim/checkers/models.js';
import { RandomStream } from '../../../sim/world/random.js';

type MemoryOperation = Operation<MemoryInput, MemoryOutput>;

/** A history as closed-loop clients of a correct memory record it, with some lost answers. */
export function recordMemoryHistory(
  seed: number,
  clients: number,
  keys: number,
  operationsPerClient: number,
): MemoryOperation[] {
  const random = new RandomStream(seed, 'recording');
  const contents = new Map<string, string>();
  const planned: (MemoryOperation & { readonly effectMicroseconds: number })[] = [];
  for (let client = 0; client < clients; client++) {
    let now = random.integer(0, 50);
    for (let turn = 0; turn < operationsPerClient; turn++) {
      const effect = now + random.integer(1, 100);
      const end = effect + random.integer(1, 100);
      const isInsert = random.chance(0.4);
      const lost = random.chance(0.02);
      planned.push({
        client,
        key: `memory-${random.integer(0, keys - 1)}`,
        input: isInsert ? { kind: 'insert', content: `${client}/${turn}` } : { kind: 'get' },
        output: null,
        callMicroseconds: now,
        returnMicroseconds: lost ? null : end,
        effectMicroseconds: lost && random.chance(0.5) ? Infinity : effect,
      });
      now = end + random.integer(1, 30);
    }
  }
  planned.sort((a, b) => a.effectMicroseconds - b.effectMicroseconds);
  return planned.map(({ effectMicroseconds, ...operation }) => {
    if (effectMicroseconds === Infinity) return operation;
    if (operation.input.kind === 'get') {
      return { ...operation, output: contents.get(operation.key) ?? null };
    }
    contents.set(operation.key, operation.input.content);
    return operation;
  });
}
