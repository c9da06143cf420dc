/** Editing a shared document, against Yjs alone. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as Y from 'yjs';
import {
  applyPatches,
  hasOnlyNarrowCharacters,
  replaySequential,
} from '../test/oracle/crdt-replay.js';
import { type Trace, readTrace } from '../test/oracle/crdt-trace.js';
import type { Bench } from './harness.js';

/** How many times as long as Yjs alone it may take. */
const TIMES_MOST = 1.3;
const TRACE = join(process.cwd(), '..', 'shared', 'oracles', 'crdt', 'automerge-paper.json.gz');

/**
 * The edits of `automerge-paper`, one by one: through a shared document that another peer watches (two
 * peers and a node in one process, QUIC on the loopback, until the watcher has all and all is durable),
 * and into a document of Yjs that nobody shares. `yjs two documents` gives each edit to a second
 * document in memory.
 */
export function crdtBench(file = TRACE): Bench {
  let trace: Trace | undefined;
  const prepare = (): void => {
    if (!existsSync(file))
      throw new Error(`${file} is not there; give the path of a trace by --file`);
    trace ??= readTrace(file);
    if (trace.isConcurrent) throw new Error(`${file} is concurrent; give a sequential trace`);
  };
  const edit = (document: Y.Doc): void => {
    const isAscii = hasOnlyNarrowCharacters(trace!);
    const text = document.getText('text');
    if (trace!.startContent !== '') text.insert(0, trace!.startContent);
    for (const { patches } of trace!.transactions) applyPatches(text, patches, isAscii);
    if (text.toString() !== trace!.endContent) throw new Error('it ends with another text');
  };
  return {
    description:
      'edits of a trace through a shared document that another peer watches, and into Yjs alone ' +
      '(--file: another sequential trace)',
    roundsDefault: 5,
    metrics: { milliseconds: 'ms' },
    subjects: [
      {
        name: 'agentic-flow',
        prepare,
        run: async () => {
          const { texts, milliseconds } = await replaySequential(trace!);
          if (texts.some((text) => text !== trace!.endContent))
            throw new Error('it ends otherwise');
          return { milliseconds };
        },
      },
      {
        name: 'yjs',
        prepare,
        run: () => {
          const startedMs = performance.now();
          edit(new Y.Doc());
          return { milliseconds: performance.now() - startedMs };
        },
      },
      {
        name: 'yjs two documents',
        prepare,
        run: () => {
          const startedMs = performance.now();
          const [one, other] = [new Y.Doc(), new Y.Doc()];
          one.on('update', (update) => Y.applyUpdate(other, update));
          edit(one);
          return { milliseconds: performance.now() - startedMs };
        },
      },
    ],
    ratios: ['yjs', 'yjs two documents'].map((peer) => {
      const goal = peer === 'yjs' ? { goalMost: TIMES_MOST } : {};
      return { metric: 'milliseconds', subject: 'agentic-flow', peer, ...goal };
    }),
  };
}
