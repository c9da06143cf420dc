/**
 * Follows a log until it is killed: vectors-child.js PATH SEED. Entry i is what `vectorCommand` says; the
 * index is printed once it is applied.
 */
import { writeSync } from 'node:fs';

import { openV2Engine } from '../../../src/memory/v2-engine.js';
import { vectorCommand } from './vector-log.js';

const [, , path = '', seed = ''] = process.argv;
const engine = openV2Engine(path);
await engine.prepareSearch();

async function applyNext(): Promise<void> {
  const first = engine.appliedIndex + 1;
  const commands = Array.from({ length: 20 }, (_, at) => {
    return { index: first + at, command: vectorCommand(Number(seed), first + at) };
  });
  engine.apply(commands, first + commands.length - 1);
  writeSync(1, `${engine.appliedIndex}\n`);
  // Only what is linked comes into a snapshot.
  do await new Promise((resolve) => setTimeout(resolve, 1));
  while (engine.vectorCounts()!.scanned > 0);
}

for (;;) await applyNext();
