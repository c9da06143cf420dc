/**
 * Judges what is on the nodes after the rollout. Pure: what every node holds comes in, what is
 * missing comes out.
 */

import type { Edge, EngineVersion, MemoryCounts } from '../../src/memory/engine.js';
import type { Operation } from './history.js';
import type { SourceRows } from './source.js';

/** What one node answered for itself, from its own store. */
export interface NodeObservation {
  readonly nodeId: number;
  readonly engine: EngineVersion;
  readonly swarmVersion: 1 | 2;
  readonly counts: MemoryCounts;
  /** Content by id, of every id that was asked for; null where there is no such memory. */
  readonly contents: ReadonlyMap<string, string | null>;
  /** Edges by the id that they leave. */
  readonly edges: ReadonlyMap<string, readonly Edge[]>;
}

/** What the v1 installation held, before the load began. */
export interface Baseline {
  readonly rows: SourceRows;
  /** Content of each memory as a v1 node served it. */
  readonly contents: ReadonlyMap<string, string>;
  /** As a v1 node counted. */
  readonly counts: MemoryCounts;
}

export interface Verification {
  readonly acknowledgedWrites: number;
  /** Acknowledged writes that some node does not hold, nor anything written after them. */
  readonly lostWrites: number;
  /** Of the memories of v1, those that every node holds with the content that v1 served. */
  readonly memoriesV2: number;
  readonly linksV2: number;
  readonly quarantined: number;
  readonly quarantinedMemories: number;
  readonly quarantinedLinks: number;
  /** Sentences, one for each number that is not what it must be. */
  readonly differences: readonly string[];
  /** Sentences, one for each lost write. */
  readonly losses: readonly string[];
}

interface WrittenMemory {
  readonly content: string;
  /** Null when the write was not acknowledged, so that its place in the log is unknown. */
  readonly index: number | null;
}

/** Compares every node with what was there before and what was acknowledged since. */
export function verify(
  baseline: Baseline,
  operations: readonly Operation[],
  nodes: readonly NodeObservation[],
): Verification {
  const writes = operations.filter((each) => each.kind === 'insert' || each.kind === 'addEdge');
  const acknowledged = writes.filter((each) => each.error === null);
  const losses = lostWrites(writes, nodes);
  const memoriesFound = baseline.rows.memoryIds.filter((id) =>
    nodes.every((node) => holdsMemory(node, id, baseline.contents.get(id))),
  );
  const linksFound = baseline.rows.links.filter((link) =>
    nodes.every((node) => holdsEdge(node, link, [link.weight])),
  );
  const most = (read: (counts: MemoryCounts) => number): number =>
    Math.max(0, ...nodes.map((node) => read(node.counts)));
  const found = {
    memoriesV2: memoriesFound.length,
    linksV2: linksFound.length,
    quarantined: most((counts) => counts.quarantined),
    quarantinedMemories: most((counts) => counts.quarantinedMemories),
    quarantinedLinks: most((counts) => counts.quarantinedLinks),
  };
  return {
    ...found,
    acknowledgedWrites: acknowledged.length,
    lostWrites: new Set(losses.map((loss) => loss.write)).size,
    losses: losses.map((loss) => loss.sentence),
    differences: [
      ...sourceDifferences(baseline, found),
      ...nodeDifferences(baseline, writes, nodes),
    ],
  };
}

/** What losses are looked for in. */
type Held = Pick<NodeObservation, 'nodeId' | 'contents' | 'edges'>;

/** An acknowledged write that a node does not hold, nor anything written after it. */
export interface Loss {
  readonly write: Operation;
  readonly sentence: string;
}

/** Every acknowledged write that some node has lost. */
export function lostWrites(writes: readonly Operation[], nodes: readonly Held[]): Loss[] {
  return [...lostInserts(writes, nodes), ...lostEdges(writes, nodes)];
}

/** The last acknowledged write of an id, by log index, must be what each node holds. */
function lostInserts(writes: readonly Operation[], nodes: readonly Held[]): Loss[] {
  const losses: Loss[] = [];
  for (const [id, own] of byId(writes.filter((each) => each.kind === 'insert'))) {
    const written: WrittenMemory[] = own.map((each) => ({
      content: each.content ?? '',
      index: each.error === null ? each.index : null,
    }));
    for (const node of nodes) {
      const found = node.contents.get(id) ?? null;
      const source = written.find((each) => each.content === found);
      // A write that was not acknowledged may have come last: nothing after it can be judged.
      if (source !== undefined && source.index === null) continue;
      const reached = source?.index ?? -1;
      for (const write of own) {
        if (write.error !== null || write.index === null || write.index <= reached) continue;
        const sentence =
          `node ${node.nodeId} holds ${found === null ? 'nothing' : `"${found}"`} at ${id}, not ` +
          `"${write.content}" of index ${write.index}`;
        losses.push({ write, sentence });
      }
    }
  }
  return losses;
}

/** Edges are replaced by the same ends and relation, so the last acknowledged weight counts. */
function lostEdges(writes: readonly Operation[], nodes: readonly Held[]): Loss[] {
  const losses: Loss[] = [];
  const edges = new Map<string, Operation[]>();
  for (const write of writes) {
    if (write.edge === null) continue;
    const key = JSON.stringify([write.id, write.edge.to, write.edge.relation]);
    const own = edges.get(key);
    if (own === undefined) edges.set(key, [write]);
    else own.push(write);
  }
  for (const own of edges.values()) {
    const acknowledged = own.filter((each) => each.error === null);
    const last = acknowledged.reduce<Operation | undefined>(
      (best, each) => ((each.index ?? 0) >= (best?.index ?? 0) ? each : best),
      undefined,
    );
    if (last?.edge === null || last === undefined) continue;
    const { to, relation, weight } = last.edge;
    // The weight of an edge that was not acknowledged may stand there instead.
    const doubtful = own.filter((each) => each.error !== null).map((each) => each.edge?.weight);
    const weights = [weight, ...doubtful.filter((each) => each !== undefined)];
    for (const node of nodes) {
      if (holdsEdge(node, { from: last.id, to, relation }, weights)) continue;
      const sentence =
        `node ${node.nodeId} lacks the edge ${last.id} -${relation}-> ${to} with weight ` +
        `${weight} of index ${last.index}`;
      losses.push({ write: last, sentence });
    }
  }
  return losses;
}

function sourceDifferences(
  baseline: Baseline,
  found: Pick<Verification, 'memoriesV2' | 'linksV2' | 'quarantinedMemories' | 'quarantinedLinks'>,
): string[] {
  const { memoryIds, links } = baseline.rows;
  const differences: string[] = [];
  const compare = (what: string, v1: number, v2: number, quarantined: number): void => {
    if (v1 === v2 + quarantined) return;
    differences.push(
      `v1 held ${v1} ${what}, but every node of v2 holds ${v2} of them and ${quarantined} are ` +
        'in quarantine',
    );
  };
  compare('memories', memoryIds.length, found.memoriesV2, found.quarantinedMemories);
  compare('links', links.length, found.linksV2, found.quarantinedLinks);
  return differences;
}

/** The counts of each node: what v1 held and what the load added, less what is in quarantine. */
function nodeDifferences(
  baseline: Baseline,
  writes: readonly Operation[],
  nodes: readonly NodeObservation[],
): string[] {
  const { rows, contents } = baseline;
  const inserts = writes.filter((each) => each.kind === 'insert');
  const edges = writes.filter((each) => each.kind === 'addEdge');
  const newMemories = added(
    inserts.filter((each) => !contents.has(each.id)),
    (each) => each.id,
  );
  const newLinks = added(edges, (each) =>
    JSON.stringify([each.id, each.edge?.to, each.edge?.relation]),
  );
  const none: Added = { least: 0, most: 0 };
  const differences: string[] = [];
  for (const { nodeId, counts } of nodes) {
    const { quarantined, quarantinedMemories, quarantinedLinks } = counts;
    const otherQuarantined = quarantined - quarantinedMemories - quarantinedLinks;
    const check = (what: string, before: number, more: Added, found: number): void => {
      if (found >= before + more.least && found <= before + more.most) return;
      const sum = `${before} of v1 and ${more.least} acknowledged`;
      differences.push(`node ${nodeId} counts ${found} ${what}, expected ${sum}`);
    };
    check('memories', rows.memoryIds.length, newMemories, counts.memories + quarantinedMemories);
    check('links', rows.links.length, newLinks, counts.links + quarantinedLinks);
    if (otherQuarantined === 0) {
      check('trajectories', rows.trajectories, none, counts.trajectories);
      check('entries', rows.entries, none, counts.entries);
    }
    const rest = rows.trajectories + rows.entries + baseline.counts.otherRows;
    const restFound = counts.trajectories + counts.entries + counts.otherRows + otherQuarantined;
    check('rows of the other tables', rest, none, restFound);
    for (const each of ['quarantined', 'quarantinedMemories', 'quarantinedLinks'] as const) {
      if (counts[each] === nodes[0]?.counts[each]) continue;
      differences.push(
        `node ${nodeId} counts ${counts[each]} ${each}, another node another number`,
      );
    }
  }
  return differences;
}

/** How many of something the load added: what was acknowledged, and what may be there besides. */
interface Added {
  readonly least: number;
  readonly most: number;
}

function added(list: readonly Operation[], key: (each: Operation) => string): Added {
  const acknowledged = list.filter((each) => each.error === null);
  return { least: new Set(acknowledged.map(key)).size, most: new Set(list.map(key)).size };
}

function holdsMemory(node: NodeObservation, id: string, content: string | undefined): boolean {
  const found = node.contents.get(id);
  return found !== undefined && found !== null && (content === undefined || found === content);
}

function holdsEdge(
  node: Held,
  edge: Pick<Edge, 'from' | 'to' | 'relation'>,
  weights: readonly number[],
): boolean {
  return (node.edges.get(edge.from) ?? []).some(
    (each) =>
      each.to === edge.to && each.relation === edge.relation && weights.includes(each.weight),
  );
}

function byId(writes: readonly Operation[]): Map<string, Operation[]> {
  const groups = new Map<string, Operation[]>();
  for (const write of writes) {
    const own = groups.get(write.id);
    if (own === undefined) groups.set(write.id, [write]);
    else own.push(write);
  }
  return groups;
}
