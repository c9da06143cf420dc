/** What the memory of the machine gives one thread. */

const BUFFER_BYTES = 256 * 2 ** 20;
const ATTEMPTS = 5;

/** GB (10^9 bytes) read a second: two equal buffers compared, by the memcmp of the system. */
export function readBandwidth(): number {
  const a = Buffer.alloc(BUFFER_BYTES, 1);
  const b = Buffer.alloc(BUFFER_BYTES, 1);
  let best = 0;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const startedMs = performance.now();
    if (Buffer.compare(a, b) !== 0) throw new Error('the buffers were filled alike');
    const seconds = (performance.now() - startedMs) / 1000;
    best = Math.max(best, (2 * BUFFER_BYTES) / seconds / 1e9);
  }
  return best;
}
