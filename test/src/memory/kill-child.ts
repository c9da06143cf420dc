/** Applies one entry after the other until it is killed; prints each index once it is applied. */
import { writeSync } from 'node:fs';

import { openV1Engine } from '../../../src/memory/v1-engine.js';
import { openV2Engine } from '../../../src/memory/v2-engine.js';

const [, , version, path = ''] = process.argv;
const engine = version === 'v1' ? openV1Engine(path) : openV2Engine(path);
const timestampMs = 1_760_000_000_000;
for (let index = engine.appliedIndex + 1; ; index += 1) {
  const id = `m${index}`;
  const content = `content ${index}`;
  const memory = {
    type: 'insertMemory',
    id,
    content,
    metadata: {},
    vector: null,
    timestampMs,
  } as const;
  const link = {
    type: 'addEdge',
    from: id,
    to: `m${index - 1}`,
    relation: 'after',
    weight: 1,
    timestampMs,
  } as const;
  engine.apply(
    index === 1
      ? [{ index, command: memory }]
      : [
          { index, command: memory },
          { index, command: link },
        ],
    index,
  );
  writeSync(1, `${index}\n`);
}
