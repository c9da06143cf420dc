/** Holds a store until it is killed. */
import { writeSync } from 'node:fs';

import { openMemoryStore } from '../../../../src/memory/index.js';

const store = await openMemoryStore(process.argv[2] ?? '', { embedder: null });
await store.put({ id: `of ${process.pid}`, content: '', vector: null });
writeSync(1, 'held\n');
setInterval(() => undefined, 60_000);
