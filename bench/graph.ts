import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { DatabaseSync } from '@photostructure/sqlite';
import { openV2Engine, type V2Engine } from '../src/memory/index.js';
import { RandomStream } from '../sim/world/random.js';
import { median, type Bench, type Measurements } from './harness.js';

/** How large the graph is, and how many questions of each kind a round asks. */
export interface GraphBenchSize {
  readonly nodes: number;
  readonly edges: number;
  readonly questions: number;
  /** Of the kinds that take long. */
  readonly longQuestions: number;
}

const usual: GraphBenchSize = {
  nodes: 100_000,
  edges: 1_000_000,
  questions: 100,
  longQuestions: 3,
};
const relations = ['refines', 'contradicts', 'follows', 'cites'];
const longKinds: readonly string[] = ['hops-4', 'path', 'weighted-path', 'traverse'];
const hopsFew = 2;
const hopsMany = 4;
const limit = 10_000;
const hopsOfPath = 8;

/**
 * The graph of a v2 store against recursive SQL on the same file. Both answer the same questions in
 * each round, and a round fails when they do not agree. `build`: from an open store to the first
 * answer, by the clock; `build-processor`: the time that the processor spends on it. `bytes-arrays`,
 * `bytes-all`: an edge, without and with ids and relations.
 */
export function graphBench(size: GraphBenchSize = usual): Bench {
  const store = new BenchStore(size);
  return {
    description:
      'builds the graph of 100,000 memories and 1,000,000 edges, and asks it for hops, shortest ' +
      'paths and a pattern, beside recursive SQL on the same file',
    roundsDefault: 5,
    metrics: {
      build: 'ms',
      'build-processor': 'ms',
      'bytes-arrays': 'bytes',
      'bytes-all': 'bytes',
      'hops-2': 'ms',
      'hops-4': 'ms',
      path: 'ms',
      'weighted-path': 'ms',
      traverse: 'ms',
      pattern: 'ms',
    },
    subjects: [graphSubject(store), sqlSubject(store)],
    ratios: ['hops-2', 'hops-4', 'path', 'pattern'].map((metric) => {
      return { metric, subject: 'graph', peer: 'sql' };
    }),
    notes: () => [
      `${size.nodes} memories, ${size.edges} edges of ${relations.length} relations between random ends`,
      `times are medians of ${size.questions} questions a round (${size.longQuestions} of hops-4, path, ` +
        'weighted-path and traverse), the same for both',
    ],
  };
}

/** A store file, and the questions of each round. */
class BenchStore {
  readonly #size: GraphBenchSize;
  readonly #random = new RandomStream(1, 'bench-graph');
  readonly #rounds: Question[][] = [];
  readonly #answers = new Map<string, unknown>();
  #folder: string | undefined;

  constructor(size: GraphBenchSize) {
    this.#size = size;
  }

  get longQuestions(): number {
    return this.#size.longQuestions;
  }

  get path(): string {
    this.#folder ??= this.#fill();
    return join(this.#folder, 'graph.db');
  }

  questions(round: number): readonly Question[] {
    const asked = (this.#rounds[round] ??= Array.from({ length: this.#size.questions }, () => {
      return { from: this.#anyId(), to: this.#anyId() };
    }));
    return asked;
  }

  /** Fails when the other subject said something else to the same question. */
  agree(key: string, answer: unknown): void {
    const said = JSON.stringify(answer);
    const known = this.#answers.get(key);
    if (known === undefined) this.#answers.set(key, said);
    else if (known !== said) throw new Error(`${key}: one says ${String(known)}, one ${said}`);
  }

  remove(): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }

  #anyId(): string {
    return `memory-${this.#random.integer(0, this.#size.nodes - 1)}`;
  }

  /** Straight into the tables: a million commands one by one would take longer than the bench. */
  #fill(): string {
    const folder = mkdtempSync(join(tmpdir(), 'agentic-flow-bench-'));
    const path = join(folder, 'graph.db');
    openV2Engine(path, { create: true }).close();
    const database = new DatabaseSync(path);
    database.exec('BEGIN');
    const record = database.prepare(
      `INSERT INTO records (id, body, created_at_ms, unparsable) VALUES (?, ?, 0, 0)`,
    );
    for (let at = 0; at < this.#size.nodes; at += 1) {
      record.run(`memory-${at}`, JSON.stringify([`text ${at}`, { at }]));
    }
    const edge = database.prepare(
      `INSERT OR REPLACE INTO edges (from_id, to_id, relation, weight, created_at_ms)
       VALUES (?, ?, ?, ?, 0)`,
    );
    let edges = 0;
    while (edges < this.#size.edges) {
      const weight = 1 - this.#random.fraction() / 2;
      edge.run(this.#anyId(), this.#anyId(), this.#random.pick(relations), weight);
      edges += 1;
    }
    database.exec('COMMIT');
    database.close();
    return folder;
  }
}

interface Question {
  readonly from: string;
  readonly to: string;
}

const patternQuery =
  'MATCH (a {id: $from})-[:follows]->(b)-[:cites]->(c)<-[:refines]-(d) RETURN count(*)';

function graphSubject(store: BenchStore): Bench['subjects'][number] {
  let engine: V2Engine | undefined;
  let round = 0;
  return {
    name: 'graph',
    prepare: () => {
      engine = openV2Engine(store.path);
    },
    run: async (): Promise<Measurements> => {
      if (engine === undefined) throw new Error('prepare comes first');
      const { graph } = engine;
      graph.clear();
      const bytesBefore = await bytesInUse();
      const used = process.cpuUsage();
      const startedMs = performance.now();
      const { edges, arrayBytes } = await graph.size();
      const build = performance.now() - startedMs;
      const { user, system } = process.cpuUsage(used);
      const bytes = (await bytesInUse()) - bytesBefore;
      const questions = store.questions(round);
      round += 1;
      const each = (
        name: string,
        ask: (question: Question) => Promise<unknown>,
        isShared = true,
      ): Promise<number> => timed(store, name, round, questions, ask, isShared);
      return {
        build,
        'build-processor': (user + system) / 1_000,
        'bytes-arrays': arrayBytes / edges,
        'bytes-all': bytes / edges,
        'hops-2': await each('hops-2', async ({ from }) =>
          rowsOf((await graph.kHops(from, { hops: hopsFew, limit })).nodes),
        ),
        'hops-4': await each('hops-4', async ({ from }) =>
          rowsOf((await graph.kHops(from, { hops: hopsMany, limit })).nodes),
        ),
        path: await each('path', async ({ from, to }) => {
          const found = await graph.path(from, to, { hops: hopsOfPath });
          return found === null ? -1 : found.edges.length;
        }),
        'weighted-path': await each(
          'weighted-path',
          ({ from, to }) => graph.path(from, to, { weighted: true }),
          false,
        ),
        traverse: await each('traverse', ({ from }) => graph.traverse(from), false),
        pattern: await each('pattern', async ({ from }) => {
          const { rows } = await graph.query(patternQuery, { parameters: { from } });
          return rows[0]?.[0];
        }),
      };
    },
    close: () => {
      engine?.close();
      store.remove();
    },
  };
}

function rowsOf(nodes: readonly { readonly id: string; readonly hops: number }[]): unknown {
  return nodes.map(({ id, hops }) => [id, hops]);
}

/** In order of `UNION`, each row of the recursion once, first those of fewer hops. */
const walkSql = `WITH RECURSIVE walk (id, hops) AS (
    VALUES (?, 0)
    UNION SELECT edges.to_id, hops + 1 FROM walk JOIN edges ON from_id = id WHERE hops < ?)`;
const hopsSql = `${walkSql} SELECT id, min(hops) AS hops FROM walk GROUP BY id
  HAVING min(hops) > 0 ORDER BY 2, 1 LIMIT ${limit}`;
const pathSql = `${walkSql} SELECT hops FROM walk WHERE id = ? LIMIT 1`;
// The weights of SQLite's planner do not know this data; without an index on to_id d would be a scan.
const patternSql = `SELECT count(*) AS count FROM edges AS r1
  JOIN edges AS r2 ON r2.from_id = r1.to_id AND r2.relation = 'cites'
  JOIN edges AS r3 ON r3.to_id = r2.to_id AND r3.relation = 'refines'
  WHERE r1.from_id = ? AND r1.relation = 'follows'`;

function sqlSubject(store: BenchStore): Bench['subjects'][number] {
  let database: InstanceType<typeof DatabaseSync> | undefined;
  let round = 0;
  return {
    name: 'sql',
    prepare: () => {
      database = new DatabaseSync(store.path);
      // The store has no such index; a program that asked SQL such questions would make it.
      database.exec(`CREATE INDEX IF NOT EXISTS bench_edges_by_to ON edges (to_id, relation)`);
      database.exec('ANALYZE');
    },
    run: async (): Promise<Measurements> => {
      if (database === undefined) throw new Error('prepare comes first');
      const hops = database.prepare(hopsSql);
      const path = database.prepare(pathSql);
      const pattern = database.prepare(patternSql);
      const questions = store.questions(round);
      round += 1;
      const each = (name: string, ask: (question: Question) => unknown): Promise<number> =>
        timed(store, name, round, questions, async (question) => ask(question), true);
      const walked = (from: string, most: number): unknown =>
        (hops.all(from, most) as unknown as { id: string; hops: number }[]).map((row) => [
          row.id,
          Number(row.hops),
        ]);
      return {
        'hops-2': await each('hops-2', ({ from }) => walked(from, hopsFew)),
        'hops-4': await each('hops-4', ({ from }) => walked(from, hopsMany)),
        path: await each('path', ({ from, to }) => {
          const row = path.get(from, hopsOfPath, to) as { hops: number } | undefined;
          return row === undefined ? -1 : Number(row.hops);
        }),
        pattern: await each('pattern', ({ from }) => {
          return Number((pattern.get(from) as { count: number }).count);
        }),
      };
    },
    close: () => database?.close(),
  };
}

async function timed(
  store: BenchStore,
  name: string,
  round: number,
  questions: readonly Question[],
  ask: (question: Question) => Promise<unknown>,
  isShared: boolean,
): Promise<number> {
  const times: number[] = [];
  const count = longKinds.includes(name) ? store.longQuestions : questions.length;
  for (const [at, question] of questions.slice(0, count).entries()) {
    const startedMs = performance.now();
    const answer = await ask(question);
    times.push(performance.now() - startedMs);
    if (isShared) store.agree(`${name}, round ${round}, question ${at}`, answer);
  }
  return median(times);
}

/** Bytes of the heap and of arrays that are reachable. */
async function bytesInUse(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // Arrays that the first pass finds are freed in a later turn.
  collect();
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
