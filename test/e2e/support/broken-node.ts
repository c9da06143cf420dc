/**
 * Loaded by `node --import` before a node: while the node answers from v2, it does what the file says that
 * `BROKEN_NODE` names. So a build is broken that works well until it has switched.
 *
 *   well      nothing
 *   errors    every third request of a client fails
 *   slow      each takes 1.2 seconds longer
 *   leaks     the process grows by 160 MB a second, up to 1.2 GB
 *   corrupts  memories come with another content
 *   dies      the process ends itself
 */
import { readFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

import { SwarmNode } from '../../../nodes/node.js';
import { sleep } from '../../waiting.js';

const LEAK_BYTES_MAX = 1.2e9;
const LEAK_BYTES = 16e6;
const TICK_MS = 100;
const SLOW_MS = 1_200;

const file = process.env['BROKEN_NODE'] ?? '';
let kind = 'well';
let requests = 0;
let leaked: Buffer[] = [];

function isSwitched(node: SwarmNode): boolean {
  return node.engines.activeVersion(node.control) === 'v2';
}

/** A memory as a release gives it that reads texts wrongly. */
function corrupted(answer: unknown): unknown {
  if (typeof answer !== 'object' || answer === null || !('memory' in answer)) return answer;
  const memory = answer.memory as { content: string } | null;
  if (memory === null) return answer;
  return { ...answer, memory: { ...memory, content: [...memory.content].toReversed().join('') } };
}

function breakRequests(): void {
  const track = SwarmNode.prototype.track as (work: () => Promise<unknown>) => Promise<unknown>;
  const broken = async function (this: SwarmNode, work: () => Promise<unknown>): Promise<unknown> {
    if (!isSwitched(this)) return track.call(this, work);
    requests += 1;
    if (kind === 'errors' && requests % 3 === 0) throw new Error('broken on purpose');
    if (kind === 'slow') await sleep(SLOW_MS);
    const answer = await track.call(this, work);
    return kind === 'corrupts' ? corrupted(answer) : answer;
  };
  SwarmNode.prototype.track = broken as typeof SwarmNode.prototype.track;
}

function breakProcess(): void {
  const { start } = SwarmNode;
  SwarmNode.start = async (options) => {
    const node = await start.call(SwarmNode, options);
    setInterval(() => {
      kind = readFileSync(file, 'utf8');
      if (kind !== 'leaks' || !isSwitched(node)) leaked = [];
      if (!isSwitched(node)) return;
      if (kind === 'dies') process.kill(process.pid, 'SIGKILL');
      if (kind === 'leaks' && leaked.length * LEAK_BYTES < LEAK_BYTES_MAX) {
        leaked.push(Buffer.alloc(LEAK_BYTES, 1));
      }
    }, TICK_MS);
    return node;
  };
}

// Worker threads of the node load this too.
if (isMainThread) {
  breakRequests();
  breakProcess();
}
