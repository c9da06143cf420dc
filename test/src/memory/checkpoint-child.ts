/** Applies large batches to the store at argv[2] until it is killed, and tells how far it has come. */
import type { InsertMemory } from '../../../src/memory/engine.js';
import { openV2Engine } from '../../../src/memory/v2-engine.js';

const MEMORY = { type: 'insertMemory', metadata: {}, vector: null, timestampMs: 1 } as const;
const engine = openV2Engine(process.argv[2] ?? '', { create: true });
const content = 'x'.repeat(20_000);
for (;;) {
  const first = engine.appliedIndex + 1;
  const commands = Array.from({ length: 8 }, (_, i) => {
    const index = first + i;
    const command: InsertMemory = { ...MEMORY, id: `m${index % 900}`, content };
    return { index, command };
  });
  engine.apply(commands, first + 7);
  process.send?.(engine.appliedIndex);
  await new Promise((resolve) => setTimeout(resolve, 1));
}
