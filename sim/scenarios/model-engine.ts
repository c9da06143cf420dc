/**
 * A memory engine of maps on a simulated disk. The simulator runs it in place of SQLite: same
 * contract, same outcomes. A store is one value, which a batch replaces, as a transaction does: whatever
 * becomes of the disk, it is there as it was or as it is.
 */
import type {
  ApplyOutcome,
  Edge,
  EngineDump,
  EngineVersion,
  LoggedCommand,
  Memory,
  MemoryCommand,
  MemoryCounts,
  MemoryEngine,
  MemoryPage,
  SearchHit,
} from '../../src/memory/engine.js';

/** Everything that one store holds. */
export interface ModelContent {
  appliedIndex: number;
  readonly memories: Map<string, Memory>;
  readonly edges: Map<string, Edge>;
  readonly outcomes: Map<number, ApplyOutcome>;
}

/** Where a store is kept: the disk of a node in the simulated world. */
export interface ModelDisk {
  get(key: string): unknown;
  keys(prefix: string): string[];
  write(key: string, value: unknown): void;
}

export function emptyContent(appliedIndex = 0): ModelContent {
  return { appliedIndex, memories: new Map(), edges: new Map(), outcomes: new Map() };
}

export class ModelEngine implements MemoryEngine {
  readonly #disk: ModelDisk | undefined;
  #content: ModelContent;

  /** A new store with this content; kept on `disk` if there is one. */
  constructor(
    readonly version: EngineVersion,
    content: ModelContent,
    disk?: ModelDisk,
  ) {
    this.#content = copyOf(content);
    this.#disk = disk;
    this.sync();
  }

  /** The store that the disk holds, if it holds one. */
  static open(version: EngineVersion, disk: ModelDisk): ModelEngine | undefined {
    const content = disk.get(`${version}/base`) as ModelContent | undefined;
    return content === undefined ? undefined : new ModelEngine(version, content, disk);
  }

  static remove(version: EngineVersion, disk: ModelDisk): void {
    for (const key of disk.keys(`${version}/`)) disk.write(key, undefined);
  }

  get appliedIndex(): number {
    return this.#content.appliedIndex;
  }

  apply(commands: readonly LoggedCommand[], lastIndex: number): ApplyOutcome[] {
    const isNew = lastIndex > this.appliedIndex;
    const outcomes = run(this.#content, commands, lastIndex);
    if (isNew) this.sync();
    return outcomes;
  }

  forgetOutcomes(index: number): void {
    for (const at of this.#content.outcomes.keys()) {
      if (at <= index) this.#content.outcomes.delete(at);
    }
  }

  get(id: string): Memory | undefined {
    return this.#content.memories.get(id);
  }

  edges(id: string): Edge[] {
    return [...this.#content.edges.values()].filter((edge) => edge.from === id);
  }

  /** No scenario asks for it. */
  get graph(): never {
    throw new Error('a model engine has no graph');
  }

  search(): SearchHit[] {
    return [];
  }

  /** In one page: no scenario has many. */
  list(): MemoryPage {
    const memories = byKey(this.#content.memories).map(([, memory]) => memory);
    return { memories, next: null };
  }

  hasNamespaces(): boolean {
    return false;
  }

  expired(nowMs: number, limit: number): string[] {
    const due = [...this.#content.memories.values()].filter(
      ({ expiresAtMs = Infinity }) => expiresAtMs <= nowMs,
    );
    return due.slice(0, limit).map(({ id }) => id);
  }

  counts(): MemoryCounts {
    return {
      memories: this.#content.memories.size,
      links: this.#content.edges.size,
      trajectories: 0,
      entries: 0,
      otherRows: 0,
      quarantined: 0,
      quarantinedMemories: 0,
      quarantinedLinks: 0,
    };
  }

  /** Writes the content; the world's own sync makes it durable. */
  sync(): void {
    this.#disk?.write(`${this.version}/base`, copyOf(this.#content));
  }

  /** All content in one text, equal for equal stores. */
  fingerprint(): string {
    return JSON.stringify([byKey(this.#content.memories), byKey(this.#content.edges)]);
  }

  content(): ModelContent {
    return copyOf(this.#content);
  }

  replace(content: ModelContent): void {
    this.#content = copyOf(content);
    this.sync();
  }

  dump(): EngineDump {
    throw new Error('a model engine hands over its content, not a dump');
  }

  restore(): never {
    throw new Error('a model engine is replaced, not restored');
  }

  restoreInSteps(): never {
    return this.restore();
  }

  close(): void {
    // What is on the disk stays there.
  }
}

/** Memories and edges are never changed in place. */
function copyOf({ appliedIndex, memories, edges, outcomes }: ModelContent): ModelContent {
  return {
    appliedIndex,
    memories: new Map(memories),
    edges: new Map(edges),
    outcomes: new Map(outcomes),
  };
}

function run(
  content: ModelContent,
  commands: readonly LoggedCommand[],
  lastIndex: number,
): ApplyOutcome[] {
  const outcomes = commands.map(({ index, command }) => {
    if (index <= content.appliedIndex) return content.outcomes.get(index) ?? 'ok';
    const outcome = runOne(content, command);
    if (outcome !== 'ok') content.outcomes.set(index, outcome);
    return outcome;
  });
  content.appliedIndex = Math.max(content.appliedIndex, lastIndex);
  return outcomes;
}

function runOne(model: ModelContent, command: MemoryCommand): ApplyOutcome {
  const { memories, edges } = model;
  if (command.type === 'insertMemory') {
    const { id, content, metadata, timestampMs, expiresAtMs } = command;
    const expiry = expiresAtMs === undefined ? {} : { expiresAtMs };
    memories.set(id, { id, content, metadata, createdAtMs: timestampMs, ...expiry });
    return 'ok';
  }
  if (command.type === 'expireMemory') {
    const { id, timestampMs } = command;
    const isDue = (memories.get(id)?.expiresAtMs ?? Infinity) <= timestampMs;
    return isDue ? runOne(model, { ...command, type: 'deleteMemory' }) : 'not-found';
  }
  if (command.type === 'deleteMemory') {
    const { id } = command;
    if (!memories.delete(id)) return 'not-found';
    for (const [key, { from, to }] of edges) if (from === id || to === id) edges.delete(key);
    return 'ok';
  }
  const { from, to, relation } = command;
  const key = JSON.stringify([from, to, relation]);
  if (command.type === 'deleteEdge') return edges.delete(key) ? 'ok' : 'not-found';
  if (!memories.has(from) || !memories.has(to)) return 'missing-endpoint';
  edges.set(key, { from, to, relation, weight: command.weight });
  return 'ok';
}

function byKey<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** A number as a key whose order is that of the numbers. */
export function padded(index: number): string {
  return String(index).padStart(12, '0');
}
