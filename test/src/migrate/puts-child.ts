/** Puts into a store until it is killed: all are acknowledged, and only the log of puts has them. */
import { writeSync } from 'node:fs';

import { StoreHost } from '../../../src/memory/store/host.js';
import { packPuts } from '../../../src/memory/store/packed-puts.js';

const [path = '', count = '0'] = process.argv.slice(2);
const context = { signal: new AbortController().signal, progress: () => undefined };
const settings = { path, create: true, adopt: false, batchOperations: 1, batchDelayMs: 0 };
const host = new StoreHost(settings, { logsPuts: true, restMs: 100_000_000 });
for (let i = 0; i < Number(count); i += 1) {
  const times = { timestampMs: 1, expiresAtMs: null };
  const put = { key: `acknowledged-${i}`, content: `number ${i}`, metadata: '{}', vector: null };
  await host.calls.write(packPuts([{ type: 'put', ...put, ...times }]), context);
}
writeSync(1, 'acknowledged\n');
setInterval(() => undefined, 60_000);
