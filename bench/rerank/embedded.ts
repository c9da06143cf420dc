/** Vectors of many texts, kept in the folder for temporary files, so that they are made once. */
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMiniLmEmbedder, MODEL_DIMENSIONS } from '../../src/memory/index.js';

const textsPerRound = 32;

/** One vector a text; what an earlier run embedded is read, and what is left embedded and kept. */
export async function embedOnce(texts: readonly string[]): Promise<Float32Array[]> {
  const embedder = createMiniLmEmbedder();
  const digest = createHash('sha256')
    .update(JSON.stringify([embedder.model, texts]))
    .digest('hex');
  const path = join(tmpdir(), `agentic-flow-bench-${digest.slice(0, 32)}.vectors`);
  const rowBytes = MODEL_DIMENSIONS * Float32Array.BYTES_PER_ELEMENT;
  try {
    const held = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
    const bytes = Buffer.from(held.subarray(0, held.length - (held.length % rowBytes)));
    // A run that was stopped may have left half of a vector.
    if (bytes.length < held.length) truncateSync(path, bytes.length);
    const vectors: Float32Array[] = Array.from({ length: bytes.length / rowBytes }, (_, row) => {
      const values = new Float32Array(MODEL_DIMENSIONS);
      new Uint8Array(values.buffer).set(bytes.subarray(row * rowBytes, (row + 1) * rowBytes));
      return values;
    });
    while (vectors.length < texts.length) {
      const round = texts.slice(vectors.length, vectors.length + textsPerRound);
      const made = await embedder.embed(round);
      appendFileSync(
        path,
        Buffer.concat(made.map((values) => new Uint8Array(Float32Array.from(values).buffer))),
      );
      vectors.push(...made);
      if (process.stderr.isTTY) process.stderr.write(`${vectors.length} of ${texts.length}\r`);
    }
    return vectors;
  } finally {
    await embedder.close();
  }
}
