/** A project's v2 store as v1's programs know it: tables with rows, patterns, links, key-value entries. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_NAMESPACE } from '../memory/memory-key.js';
import { CausalEdges } from './layout/causal-edges.js';
import { Table } from './layout/table.js';
import {
  CAUSAL_EXPERIMENTS,
  CAUSAL_OBSERVATIONS,
  CONSOLIDATION_RUNS,
  EPISODES,
  JUSTIFICATION_PATHS,
  LEARNING_SESSIONS,
  MATTS_RUNS,
  METRICS_LOG,
  PROVENANCE_SOURCES,
  REASONING_PATTERNS,
  RECALL_CERTIFICATES,
  SKILLS,
  type TableLayout,
  TRAJECTORIES,
} from './layout/tables.js';
import { openMirror } from './mirror.js';
import { findProject, isSideBySide, placesOf, type ProjectPlaces } from './places.js';
import { Records } from './records.js';
import { sessionAt, type SessionOptions } from './session.js';

/** What v1 leaves in a project, by which it is known that a migration is due. */
const V1_FILES = ['.swarm/memory.db', 'agentdb.db', '.agentdb/reasoningbank.db'];
const projects = new Map<string, Project>();

export class Project {
  readonly places: ProjectPlaces;
  readonly records: Records;
  readonly episodes: Table;
  readonly skills: Table;
  readonly reasoningPatterns: Table;
  readonly causalEdges: CausalEdges;
  readonly causalExperiments: Table;
  readonly causalObservations: Table;
  readonly certificates: Table;
  readonly justifications: Table;
  readonly provenance: Table;
  readonly learningSessions: Table;
  readonly trajectories: Table;
  readonly mattsRuns: Table;
  readonly consolidationRuns: Table;
  readonly metrics: Table;

  constructor(places: ProjectPlaces, options: SessionOptions = {}) {
    this.places = places;
    const session = sessionAt(places.store);
    if (options.readOnly !== true && session.mirror === undefined && isSideBySide(places)) {
      session.mirror = openMirror(places);
    }
    this.records = new Records(session, options);
    this.episodes = this.table(EPISODES);
    this.skills = this.table(SKILLS);
    this.reasoningPatterns = this.table(REASONING_PATTERNS);
    this.causalEdges = new CausalEdges(this.records, places.archive);
    this.causalExperiments = this.table(CAUSAL_EXPERIMENTS);
    this.causalObservations = this.table(CAUSAL_OBSERVATIONS);
    this.certificates = this.table(RECALL_CERTIFICATES);
    this.justifications = this.table(JUSTIFICATION_PATHS);
    this.provenance = this.table(PROVENANCE_SOURCES);
    this.learningSessions = this.table(LEARNING_SESSIONS);
    this.trajectories = this.table(TRAJECTORIES);
    this.mattsRuns = this.table(MATTS_RUNS);
    this.consolidationRuns = this.table(CONSOLIDATION_RUNS);
    this.metrics = this.table(METRICS_LOG);
  }

  /** Any other table; its rows are those of a namespace. */
  table(layout: TableLayout): Table {
    return new Table(this.records, layout);
  }

  /** Key-value entries of a namespace, as `memory_entries` had them. */
  keyValue(namespace: string = DEFAULT_NAMESPACE): KeyValue {
    return new KeyValue(this.records, namespace);
  }

  /** Lets go of the store now, with what is cached of it; the next call takes it again. */
  close(): void {
    this.records.session.release();
  }
}

/** Values by key, texts of which are found by `search`. */
export class KeyValue {
  readonly #records: Records;
  readonly #namespace: string;

  constructor(records: Records, namespace: string) {
    this.#records = records;
    this.#namespace = namespace;
  }

  get(key: string): string | null {
    return this.#records.get(this.#namespace, key)?.content ?? null;
  }

  /** `expiresAt`: milliseconds since 1970. */
  async put(key: string, value: string, expiresAt: number | null = null): Promise<void> {
    const record = { namespace: this.#namespace, id: key, content: value, expiresAt };
    await this.#records.putEmbedded({ ...record, metadata: {} });
  }

  delete(key: string): boolean {
    return this.#records.delete(this.#namespace, key);
  }

  *entries(): Generator<{ key: string; value: string }, void> {
    for (const { id, content } of this.#records.scan(this.#namespace)) {
      yield { key: id, value: content };
    }
  }
}

/**
 * Opens the project in a directory. The store is taken with the first call and let go when nobody uses
 * it; other programs have it meanwhile. `readOnly`: nothing is written, and a store that is missing is
 * `not-found`.
 */
export function openProject(directory: string, options: SessionOptions = {}): Project {
  return new Project(placesOf(directory), options);
}

/** The project of v1's functions; made with its first write where there is none. */
export function currentProject(): Project {
  return projectAt(findProject(process.cwd(), process.env));
}

/** One object a store in this process. */
export function projectAt(places: ProjectPlaces): Project {
  let project = projects.get(places.store);
  if (project === undefined) {
    warnIfUnmigrated(places);
    project = new Project(places);
    projects.set(places.store, project);
  }
  return project;
}

function warnIfUnmigrated({ directory, store }: ProjectPlaces): void {
  if (existsSync(store)) return;
  const found = V1_FILES.find((name) => existsSync(join(directory, name)));
  if (found === undefined) return;
  process.emitWarning(
    `${directory} has memories of v1 (${found}) that are not in the v2 store; run ` +
      '"agentic-flow migrate v2" there',
  );
}
