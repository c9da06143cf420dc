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

function applyNext(): void {
  const first = engine.appliedIndex + 1;
  const commands = Array.from({ length: 20 }, (_, at) => {
    return { index: first + at, command: vectorCommand(Number(seed), first + at) };
  });
  engine.apply(commands, first + commands.length - 1);
  writeSync(1, `${engine.appliedIndex}\n`);
  // Time for the graph and its snapshots.
  setTimeout(applyNext, 15);
}
applyNext();
