/**
 * Many writers on one store until it is killed. Each has records of its own and tells what was
 * acknowledged: `writer number` once that number is stored, with an edge to the one before unless it is `alone`.
 */
import { writeSync } from 'node:fs';

import { openMemoryStore } from '../../../../src/memory/index.js';
import { killVector, killWriters } from './kill-rounds.js';

const [, , path = '', maxBatch = '100', maxDelayMs = '0', kind = 'linked'] = process.argv;
/** Without edges, and with few deletes, puts go through a log of their own. */
const isLinked = kind === 'linked';
const deletesEvery = isLinked ? 10 : 50;
const store = await openMemoryStore(path, {
  embedder: null,
  model: 'kill',
  groupCommit: { maxBatch: Number(maxBatch), maxDelayMs: Number(maxDelayMs) },
});

async function write(writer: number): Promise<void> {
  const namespace = `writer ${writer}`;
  for (let number = (await lastOf(namespace)) + 1; ; number += 1) {
    const id = String(number);
    const vector = killVector(writer, number);
    const put = store.put({
      id,
      namespace,
      content: `content ${id}`,
      vector,
      metadata: { number },
    });
    // In flight together: the edge needs the record of the same batch, or of one before.
    const link =
      number === 1 || !isLinked
        ? undefined
        : store.link({ from: id, to: String(number - 1), type: 'after', namespace });
    await Promise.all([put, link]);
    writeSync(1, `${writer} ${number}${isLinked ? '' : ' alone'}\n`);
    if (number % deletesEvery !== 0) continue;
    // Deletes are acknowledged as well: what is told deleted must not come back.
    await store.delete(String(number - 5), { namespace });
    writeSync(1, `${writer} -${number - 5}\n`);
  }
}

async function lastOf(namespace: string): Promise<number> {
  let last = 0;
  for (let cursor: string | null = null; ;) {
    const page = await store.list({ namespace, cursor, limit: 1000 });
    for (const { id } of page.records) last = Math.max(last, Number(id));
    ({ cursor } = page);
    if (cursor === null) return last;
  }
}

writeSync(1, 'open\n');
await Promise.all(Array.from({ length: killWriters }, (_, writer) => write(writer)));
