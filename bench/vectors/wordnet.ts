/**
 * The glosses of WordNet as vectors of all-MiniLM-L6-v2. They take ten minutes to half an hour of one processor, so they
 * are kept in the cache folder of the user, made as far as they are asked for, and made on from there.
 */
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { RandomStream } from '../../sim/world/random.js';
import {
  createMiniLmEmbedder,
  embedAll,
  MODEL_DIMENSIONS,
  MODEL_NAME,
} from '../../src/memory/index.js';
import { readSynsets, type Synset } from '../texts/glosses.js';

/** Another folder than that of the user. */
const CACHE_VARIABLE = 'AGENTIC_FLOW_BENCH_CACHE';

const ROW_BYTES = MODEL_DIMENSIONS * 4;
/** Vectors between two writes. */
const STEP_ROWS = 1024;

function cacheFolder(): string {
  const asked = process.env[CACHE_VARIABLE] ?? '';
  if (asked !== '') return asked;
  const name = 'agentic-flow-bench';
  const { LOCALAPPDATA, XDG_CACHE_HOME } = process.env;
  if (process.platform === 'win32') return join(LOCALAPPDATA ?? homedir(), name);
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', name);
  return join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), name);
}

/** In an order drawn once, so that the first ones are a sample of all. */
export function synsetsInOrder(): Synset[] {
  return new RandomStream(1, 'wordnet order').shuffle(readSynsets());
}

/** The vectors of the first so many glosses, each of length 1, one behind the other; makes those that are missing. */
export async function readWordnet(count: number): Promise<Float32Array> {
  const folder = cacheFolder();
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'wordnet-minilm.f32');
  const texts = synsetsInOrder().map(({ gloss }) => gloss);
  if (count > texts.length) throw new Error(`WordNet has ${texts.length} glosses, not ${count}`);
  const header = `${JSON.stringify({
    format: 'agentic-flow bench vectors',
    version: 1,
    model: MODEL_NAME,
    dimensions: MODEL_DIMENSIONS,
    texts: texts.length,
    order: 'RandomStream(1, wordnet order)',
  })}\n`;
  const headerPath = join(folder, 'wordnet-minilm.json');
  if (readOptional(headerPath) !== header) {
    rmSync(path, { force: true });
    writeFileSync(headerPath, header);
  }
  const file = openSync(path, constants.O_RDWR | constants.O_CREAT);
  try {
    await extend(file, texts.slice(0, count));
    const vectors = new Float32Array(count * MODEL_DIMENSIONS);
    const bytes = new Uint8Array(vectors.buffer);
    for (let done = 0; done < bytes.length;) {
      const read = readSync(file, bytes, done, bytes.length - done, done);
      if (read === 0) throw new Error(`${path} has become shorter; run the bench again`);
      done += read;
    }
    return vectors;
  } finally {
    closeSync(file);
  }
}

/** Writes at the place of each row: another bench that does the same writes the same. */
async function extend(file: number, texts: readonly string[]): Promise<void> {
  // A row that a crash has cut is made again.
  let done = Math.floor(fstatSync(file).size / ROW_BYTES);
  if (done >= texts.length) return;
  const embedder = createMiniLmEmbedder();
  try {
    while (done < texts.length) {
      const step = texts.slice(done, done + STEP_ROWS);
      const rows = new Float32Array(step.length * MODEL_DIMENSIONS);
      for (const [at, vector] of (await embedAll(embedder, step)).entries()) {
        rows.set(vector, at * MODEL_DIMENSIONS);
      }
      const bytes = new Uint8Array(rows.buffer);
      for (let written = 0; written < bytes.length;) {
        const left = bytes.length - written;
        written += writeSync(file, bytes, written, left, done * ROW_BYTES + written);
      }
      done += step.length;
      if (process.stderr.isTTY) process.stderr.write(`wordnet: ${done} of ${texts.length}\n`);
    }
  } finally {
    await embedder.close();
  }
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
