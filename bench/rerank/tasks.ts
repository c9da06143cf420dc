/** Two tasks over one store of verbs; queries to train on and to test on have no verb in common. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RandomStream } from '../../sim/world/random.js';
import {
  type MemoryCommand,
  MODEL_NAME,
  openV2Engine,
  type V2Engine,
} from '../../src/memory/index.js';
import type { VerbSynset } from './verbs.js';

export type TaskName = 'sentence' | 'related';

export interface Question {
  readonly vector: Float32Array;
  readonly relevant: ReadonlySet<string>;
}

/**
 * `sentence`: a sentence in which the verb stands, and its synset is wanted; edges have no part in what
 * is relevant. `related`: a synset that is not in the store, and those are wanted that WordNet has beside
 * it: what a pointer leads to, and what shares a hypernym with it. Here edges of the store and relevance
 * come from the same source, though the edges of the query itself are not in the store.
 */
interface Task {
  readonly train: readonly Question[];
  readonly test: readonly Question[];
}

export interface VerbStore {
  readonly engine: V2Engine;
  readonly tasks: Readonly<Record<TaskName, Task>>;
  close(): void;
}

export interface TaskSize {
  readonly train: number;
  readonly test: number;
}

/** Applied together. */
const commandsPerBatch = 1000;

type Embed = (texts: readonly string[]) => Promise<Float32Array[]>;

export async function openVerbStore(
  synsets: readonly VerbSynset[],
  { train, test }: TaskSize,
  embed: Embed,
): Promise<VerbStore> {
  const random = new RandomStream(1, 'rerank tasks');
  const vectors = await embed(synsets.map(({ text }) => text));
  const vectorOf = new Map(synsets.map(({ id }, at) => [id, vectors[at]!]));
  const exemplified = synsets.filter(({ examples }) => examples.length > 0);
  const sentences = await embed(exemplified.map(({ examples }) => examples[0]!));
  const related = relatedOf(synsets);
  const drawn = random.shuffle(synsets.filter(({ id }) => related.get(id)!.size > 0));
  const asked = drawn.slice(0, train + test);
  const heldOut = new Set(asked.map(({ id }) => id));
  const relatedQuestions = asked.flatMap(({ id }): Question[] => {
    const relevant = new Set([...related.get(id)!].filter((other) => !heldOut.has(other)));
    return [{ vector: vectorOf.get(id)!, relevant }];
  });
  const questions = exemplified.flatMap(({ id }, at): Question[] =>
    heldOut.has(id) ? [] : [{ vector: sentences[at]!, relevant: new Set([id]) }],
  );
  const sentenceQuestions = random.shuffle(questions).slice(0, train + test);
  const folder = mkdtempSync(join(tmpdir(), 'agentic-flow-bench-'));
  const engine = openV2Engine(join(folder, 'verbs.db'), { create: true });
  put(
    engine,
    synsets.filter(({ id }) => !heldOut.has(id)),
    vectorOf,
  );
  const split = (all: readonly Question[]): Task => ({
    train: all.slice(0, train),
    test: all.slice(train),
  });
  return {
    engine,
    tasks: { sentence: split(sentenceQuestions), related: split(relatedQuestions) },
    close() {
      engine.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What stands beside each synset: what its pointers lead to, and the other hyponyms of its hypernyms. */
function relatedOf(synsets: readonly VerbSynset[]): ReadonlyMap<string, ReadonlySet<string>> {
  const byId = new Map(synsets.map((synset) => [synset.id, synset]));
  return new Map(
    synsets.map(({ id, edges }) => {
      const beside = new Set(edges.map(({ to }) => to));
      for (const { to, relation } of edges) {
        if (relation !== 'hypernym') continue;
        for (const down of byId.get(to)?.edges ?? []) {
          if (down.relation === 'hyponym') beside.add(down.to);
        }
      }
      beside.delete(id);
      return [id, beside];
    }),
  );
}

function put(
  engine: V2Engine,
  synsets: readonly VerbSynset[],
  vectorOf: ReadonlyMap<string, Float32Array>,
): void {
  const inserts = synsets.map(({ id, text }): MemoryCommand => {
    const vector = { model: MODEL_NAME, values: vectorOf.get(id)! };
    return { type: 'insertMemory', id, content: text, metadata: {}, vector, timestampMs: 1 };
  });
  const edges = synsets.flatMap(({ id, edges: own }) =>
    own.map(({ to, relation }): MemoryCommand => {
      return { type: 'addEdge', from: id, to, relation, weight: 1, timestampMs: 1 };
    }),
  );
  const commands = [...inserts, ...edges];
  for (let start = 0; start < commands.length; start += commandsPerBatch) {
    const batch = commands.slice(start, start + commandsPerBatch);
    const logged = batch.map((command, at) => ({ index: start + at + 1, command }));
    engine.apply(logged, start + batch.length);
  }
}
