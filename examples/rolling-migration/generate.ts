/** Writes a v1 installation as agentic-flow 1.10 leaves it behind on a machine without a network. */
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { Database, type SqlValue } from '../../src/memory/database.js';
import { v1HashEmbedding } from '../../src/memory/v1-hash-embedding.js';
import { V1_INDEXES, V1_TABLES } from '../../src/memory/v1-schema.js';
import { bytesOfVector } from '../../src/memory/vector-bytes.js';
import { Random } from './random.js';

export interface GenerateOptions {
  readonly memories?: number;
  readonly seed: number;
}

/** Rows written, by table. */
export type GeneratedRows = Readonly<Record<string, number>>;

const DIMENSIONS = 384;
/** Tables beside the memories have so many rows for each memory, as in installations seen. */
const SHARES = { links: 0.38, trajectories: 0.22, entries: 0.24, runs: 0.04, metrics: 0.15 };

const SUBJECTS = [
  'connection pool of the orders service',
  'read replica in eu-west',
  'nightly export to the warehouse',
  'OAuth callback of the admin console',
  'JWT refresh endpoint',
  'webhook consumer for invoices',
  'Redis cache of product pages',
  'search index of customer tickets',
  'Kubernetes readiness probe',
  'Terraform plan of the staging network',
  'React table of the dashboard',
  'GraphQL resolver for permissions',
  'Kafka consumer group of payments',
  'rate limiter in front of the public API',
  'integration test of the checkout',
  'Docker image of the worker',
  'feature flag of the new editor',
  'TLS certificate of the mail gateway',
  'background job that resizes images',
  'CSV import of the address book',
];
const SYMPTOMS = [
  'ran out of connections under load',
  'returned stale rows for several minutes',
  'failed with a timeout after thirty seconds',
  'looped between two redirects',
  'lost messages when a broker restarted',
  'grew without bound until it was killed',
  'answered 500 for users without a role',
  'was forty times slower after the upgrade',
  'accepted a token that had expired',
  'rendered twice on every keystroke',
  'left a lock behind when it crashed',
  'rejected names with accents',
];
const REMEDIES = [
  'set a statement timeout of five seconds and release the client in a finally block',
  'read from the primary for one second after a write of the same user',
  'stream the rows in batches of five hundred instead of loading them all',
  'compare the state parameter before the session is created',
  'commit the offset only after the row is stored',
  'bound the queue and shed load with a 429 and Retry-After',
  'check the role in the resolver, not in the component',
  'add an index on tenant and created_at and analyze the table',
  'verify the expiry with a leeway of at most one minute',
  'memoize the rows and key them by id',
  'take the lock with a lease and renew it from the worker',
  'normalize the input to NFC before it is compared',
];
const CHECKS = [
  'Watch the error budget for an hour before the rollout goes on.',
  'Reproduce it first with the recorded traffic of last Tuesday.',
  'Compare the plan with EXPLAIN (ANALYZE, BUFFERS) before and after.',
  'Add a test that fails without the change.',
  'Tell the on-call engineer before the switch.',
  'Roll back at once if p99 doubles.',
];
const DOMAINS = ['database', 'authentication', 'deployment', 'frontend', 'messaging', 'testing'];
const AGENTS = ['coder', 'reviewer', 'tester', 'backend-dev', 'perf-analyzer', 'security-manager'];
const RELATIONS = ['entails', 'contradicts', 'refines', 'duplicate_of', 'depends_on'];
const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const STARTED_MS = Date.UTC(2025, 9, 1, 8, 0, 0);

/**
 * Creates `directory/.swarm/memory.db` with patterns, embeddings, links, trajectories, entries, runs
 * and metrics. The same seed gives the same rows. Throws if the database is there already.
 */
export function generateV1Installation(
  directory: string,
  { memories = 500, seed }: GenerateOptions,
): GeneratedRows {
  const path = join(directory, '.swarm', 'memory.db');
  mkdirSync(dirname(path), { recursive: true });
  const database = Database.open(path, { create: true });
  try {
    // No write-ahead log: nothing may still be moved into the file once it serves as a source.
    return database.transaction(() => new Generator(database, memories, seed).run());
  } finally {
    database.close();
  }
}

class Generator {
  readonly #database: Database;
  readonly #memories: number;
  readonly #random: Random;
  readonly #ids: string[] = [];
  readonly #rows: Record<string, number> = {};

  constructor(database: Database, memories: number, seed: number) {
    this.#database = database;
    this.#memories = memories;
    this.#random = new Random(seed);
  }

  run(): GeneratedRows {
    for (const { sql } of V1_TABLES) this.#database.exec(sql);
    for (const index of V1_INDEXES) this.#database.exec(index);
    for (let i = 0; i < this.#memories; i += 1) this.#memory(i);
    this.#repeat(SHARES.links, () => this.#link());
    this.#repeat(SHARES.trajectories, (i) => this.#trajectory(i));
    this.#repeat(SHARES.entries, (i) => this.#entry(i));
    this.#repeat(SHARES.runs, (i) => this.#run(i));
    this.#repeat(SHARES.metrics, (i) => this.#metric(i));
    return this.#rows;
  }

  #repeat(share: number, write: (position: number) => void): void {
    const count = Math.round(this.#memories * share);
    for (let i = 0; i < count; i += 1) write(i);
  }

  #insert(table: string, row: Readonly<Record<string, SqlValue>>): void {
    const columns = Object.keys(row);
    const changed = this.#database.run(
      `INSERT OR IGNORE INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
      ...Object.values(row),
    );
    this.#rows[table] = (this.#rows[table] ?? 0) + changed;
  }

  /** A distilled memory, as v1 makes one of a task that ended well or not. */
  #memory(position: number): void {
    const random = this.#random;
    const id = this.#ulid(STARTED_MS + position * 1000);
    const [subject, symptom] = [random.pick(SUBJECTS), random.pick(SYMPTOMS)];
    const succeeded = random.next() < 0.75;
    const ticket = 100 + random.below(900);
    const domain = random.pick(DOMAINS);
    const title = `${succeeded ? 'Fix' : 'Guardrail'}: ${subject} ${symptom}`;
    const description = `Ticket #${ticket} in ${domain}.`;
    const content = `${random.pick(REMEDIES)} (run ${position}). ${random.pick(CHECKS)}`;
    const confidence = Math.round((succeeded ? 0.75 : 0.6) * 1000 + random.below(150)) / 1000;
    const outcome = succeeded ? 'Success' : 'Failure';
    const source = {
      task_id: `task-${ticket}`,
      agent_id: random.pick(AGENTS),
      outcome,
      evidence: [],
    };
    const created_at = this.#instant(position).toISOString();
    const tags = [domain, outcome.toLowerCase()];
    const shared = { title, description, content, source, tags, domain, created_at };
    this.#insert('patterns', {
      id,
      type: 'reasoning_memory',
      pattern_data: JSON.stringify({ ...shared, confidence, n_uses: 0 }),
      confidence,
      usage_count: random.below(4),
      created_at: this.#sqliteTime(position),
      last_used: null,
    });
    const vector = v1HashEmbedding(`${title} ${description} ${content}`, DIMENSIONS);
    this.#insert('pattern_embeddings', {
      id,
      model: succeeded ? 'distill-success' : 'distill-failure',
      dims: DIMENSIONS,
      vector: bytesOfVector(vector),
      created_at: this.#sqliteTime(position),
    });
    this.#ids.push(id);
  }

  #link(): void {
    const random = this.#random;
    const from = random.pick(this.#ids);
    const to = random.pick(this.#ids);
    if (from === to) return;
    this.#insert('pattern_links', {
      src_id: from,
      dst_id: to,
      relation: random.pick(RELATIONS),
      weight: (1 + random.below(999)) / 1000,
      created_at: this.#sqliteTime(this.#memories),
    });
  }

  #trajectory(position: number): void {
    const random = this.#random;
    const [subject, symptom] = [random.pick(SUBJECTS), random.pick(SYMPTOMS)];
    const steps = Array.from({ length: 2 + random.below(4) }, () => ({
      action: random.pick(['read_file', 'edit', 'run_tests', 'shell']),
      reasoning: `Try: ${random.pick(REMEDIES)}`,
      result: 'ok',
      ms: 200 + random.below(4000),
    }));
    this.#insert('task_trajectories', {
      task_id: `trajectory-${position}`,
      agent_id: random.pick(AGENTS),
      query: `Investigate ${subject} that ${symptom}`,
      trajectory_json: JSON.stringify({ steps, metadata: { domain: random.pick(DOMAINS) } }),
      started_at: this.#instant(position).toISOString(),
      ended_at: this.#instant(position + 1).toISOString(),
      judge_label: random.next() < 0.7 ? 'Success' : 'Failure',
      judge_conf: random.below(100) / 100,
      judge_reasons: JSON.stringify(['Heuristic evaluation']),
      matts_run_id: null,
      created_at: this.#sqliteTime(position),
    });
  }

  /** An entry of claude-flow, which keeps its memory in the same file. */
  #entry(position: number): void {
    const random = this.#random;
    const agent = random.pick(AGENTS);
    const seconds = Math.floor(STARTED_MS / 1000) + position;
    this.#insert('memory_entries', {
      key: `swarm/${agent}/status-${position}`,
      value: JSON.stringify({ agent, status: 'complete', task: random.pick(SUBJECTS) }),
      namespace: random.pick(['default', 'coordination', 'hooks']),
      metadata: JSON.stringify({ agent }),
      created_at: seconds,
      updated_at: seconds,
      accessed_at: seconds,
      access_count: random.below(5),
      ttl: null,
      expires_at: null,
    });
  }

  #run(position: number): void {
    this.#insert('matts_runs', {
      run_id: this.#ulid(STARTED_MS + position),
      task_id: `trajectory-${position}`,
      mode: this.#random.pick(['parallel', 'sequential']),
      k: 3,
      status: 'completed',
      summary: null,
      created_at: this.#sqliteTime(position),
    });
  }

  #metric(position: number): void {
    const names = ['rb.retrieve.latency_ms', 'rb.distill.latency_ms', 'rb.distill.yield'];
    this.#insert('metrics_log', {
      metric_name: this.#random.pick(names),
      value: this.#random.below(500),
      timestamp: this.#sqliteTime(position),
    });
  }

  /** ulid.org: 48 bits of time, 80 of chance, in Crockford's base 32. */
  #ulid(timeMs: number): string {
    let time = '';
    for (let rest = timeMs, i = 0; i < 10; i += 1, rest = Math.floor(rest / 32)) {
      time = `${CROCKFORD[rest % 32]}${time}`;
    }
    return time + Array.from({ length: 16 }, () => CROCKFORD[this.#random.below(32)]).join('');
  }

  #instant(position: number): Date {
    return new Date(STARTED_MS + position * 1000);
  }

  #sqliteTime(position: number): string {
    return this.#instant(position).toISOString().slice(0, 19).replace('T', ' ');
  }
}
