/** `npm run oracle -- crdt FILE`: editing traces through the document layer and its network. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { replayConcurrent, replaySequential } from './crdt-replay.js';
import { readTrace } from './crdt-trace.js';

export interface CrdtReport {
  readonly passed: number;
  readonly failed: number;
  readonly lines: readonly string[];
}

/** A file, or all `.json` and `.json.gz` files below a folder. */
export async function runCrdtOracle(path: string): Promise<CrdtReport> {
  const files = statSync(path).isDirectory()
    ? readdirSync(path, { recursive: true, encoding: 'utf8' })
        .filter((name) => /\.json(?:\.gz)?$/.test(name))
        .sort()
        .map((name) => join(path, name))
    : [path];
  const lines: string[] = [];
  let failed = 0;
  for (const file of files) {
    const trace = readTrace(file);
    const replay = trace.isConcurrent ? replayConcurrent : replaySequential;
    const { texts, milliseconds } = await replay(trace);
    const wrong = texts.filter((text) => text !== trace.endContent).length;
    if (wrong > 0) failed += 1;
    const verdict = wrong === 0 ? 'ok     ' : 'FAILED ';
    const kind = trace.isConcurrent ? `concurrent, ${trace.agents} agents` : 'sequential';
    const ends = `${texts.length - wrong} of ${texts.length} peers end with endContent`;
    lines.push(
      `${verdict} ${file}: ${kind}, ${trace.edits} edits, ${ends} (${milliseconds.toFixed(0)} ms)`,
    );
  }
  return { passed: files.length - failed, failed, lines };
}
