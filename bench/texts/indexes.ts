/** Text indexes that are measured: ours, read in two ways, the plain way to do it, and others. */
import { DatabaseSync } from '@photostructure/sqlite';
import { B, inverseDocumentFrequency, K1, TextIndex, tokensOf } from '../../src/memory/index.js';
import { peersRequire } from '../vectors/peers.js';

/** An index of texts, whose ids are their places. */
export interface MeasuredTexts {
  /** The ids of the best, best first. */
  search(query: string, limit: number): number[];
  close?(): void;
}

export interface TextIndexMaker {
  /** Package of bench/peers that it comes from. */
  readonly from?: string;
  build(texts: readonly string[]): MeasuredTexts;
}

/** Others get our tokenizer where they take one; SQLite has its own. */
export const TEXT_INDEXES: Readonly<Record<string, TextIndexMaker>> = {
  'agentic-flow': { build: (texts) => own(texts, false) },
  'every posting': { build: (texts) => own(texts, true) },
  'maps and arrays': { build: plain },
  minisearch: { from: 'minisearch', build: miniSearch },
  'wink-bm25-text-search': { from: 'wink-bm25-text-search', build: wink },
  'sqlite fts5': { build: fts5 },
};

function own(texts: readonly string[], isExhaustive: boolean): MeasuredTexts {
  const index = new TextIndex();
  for (const [id, text] of texts.entries()) index.put(String(id), text);
  return {
    search: (query, limit) =>
      index.search(query, { limit, isExhaustive }).map(({ id }) => Number(id)),
  };
}

/** BM25 as one would write it in an hour. */
function plain(texts: readonly string[]): MeasuredTexts {
  const postings = new Map<string, { readonly ids: number[]; readonly counts: number[] }>();
  const lengths: number[] = [];
  for (const [id, text] of texts.entries()) {
    const tokens = tokensOf(text);
    lengths.push(tokens.length);
    const counts = new Map<string, number>();
    for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
    for (const [token, count] of counts) {
      let held = postings.get(token);
      if (held === undefined) {
        held = { ids: [], counts: [] };
        postings.set(token, held);
      }
      held.ids.push(id);
      held.counts.push(count);
    }
  }
  const mean = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
  return {
    search: (query, limit) => {
      const scores = new Map<number, number>();
      for (const token of new Set(tokensOf(query))) {
        const held = postings.get(token);
        if (held === undefined) continue;
        const idf = inverseDocumentFrequency(lengths.length, held.ids.length);
        for (const [at, id] of held.ids.entries()) {
          const count = held.counts[at]!;
          const norm = K1 * (1 - B + (B * lengths[id]!) / mean);
          scores.set(id, (scores.get(id) ?? 0) + (idf * count) / (count + norm));
        }
      }
      const best = [...scores].sort(([a, x], [b, y]) => y - x || a - b);
      return best.slice(0, limit).map(([id]) => id);
    },
  };
}

interface MiniSearch {
  addAll(documents: readonly { readonly id: number; readonly text: string }[]): void;
  search(query: string): { readonly id: number }[];
}

function miniSearch(texts: readonly string[]): MeasuredTexts {
  const Library = peersRequire('minisearch') as new (options: object) => MiniSearch;
  const index = new Library({
    fields: ['text'],
    tokenize: tokensOf,
    processTerm: (term: string) => term,
    searchOptions: { bm25: { k: K1, b: B, d: 0 } },
  });
  index.addAll(texts.map((text, id) => ({ id, text })));
  return {
    search: (query, limit) =>
      index
        .search([...new Set(tokensOf(query))].join(' '))
        .slice(0, limit)
        .map(({ id }) => id),
  };
}

interface Wink {
  defineConfig(config: object): void;
  definePrepTasks(tasks: readonly ((text: string) => string[])[]): void;
  addDoc(document: object, id: number): void;
  consolidate(): void;
  search(query: string, limit: number): [id: string | number, score: number][];
}

function wink(texts: readonly string[]): MeasuredTexts {
  const index = (peersRequire('wink-bm25-text-search') as () => Wink)();
  index.defineConfig({ fldWeights: { text: 1 }, bm25Params: { k1: K1, b: B, k: 1 } });
  index.definePrepTasks([tokensOf]);
  for (const [id, text] of texts.entries()) index.addDoc({ text }, id);
  index.consolidate();
  return { search: (query, limit) => index.search(query, limit).map(([id]) => Number(id)) };
}

function fts5(texts: readonly string[]): MeasuredTexts {
  const database = new DatabaseSync(':memory:');
  database.exec(`CREATE VIRTUAL TABLE texts USING fts5 (text, content = '', detail = 'full')`);
  const insert = database.prepare(`INSERT INTO texts (rowid, text) VALUES (?, ?)`);
  database.exec('BEGIN');
  for (const [id, text] of texts.entries()) insert.run(id, text);
  database.exec('COMMIT');
  const select = database.prepare(
    `SELECT rowid FROM texts WHERE texts MATCH ? ORDER BY rank LIMIT ?`,
  );
  return {
    search: (query, limit) => {
      const words = [...new Set(tokensOf(query))].map((token) => `"${token}"`);
      const rows = select.all(words.join(' OR '), limit) as { readonly rowid: number }[];
      return rows.map(({ rowid }) => Number(rowid));
    },
    close: () => database.close(),
  };
}
