import { SimulationError } from '../world/errors.js';
import type { DamageGate } from '../world/damage.js';

/** What an atlas is made for. */
export interface AtlasOptions {
  /** The nodes that share the data. Disks of others are never damaged. */
  readonly nodes: readonly string[];
  /** Nodes whose copy of an area may be damaged at a time; the largest minority unless named. */
  readonly damagedNodesMax?: number;
  /**
   * Keys with copies of the same data, by name. Unless named the whole disk is one area, so that
   * the other nodes are not damaged at all. `(key) => key` lets each node be damaged somewhere.
   */
  readonly areaOf?: (key: string) => string;
  /**
   * Asked besides, for protocols whose members change: whether the protocol survives that all of
   * these nodes are damaged at once, for example by the voters of the memberships in force.
   */
  readonly survives?: (damaged: ReadonlySet<string>) => boolean;
}

/**
 * Keeps damage within what a protocol must survive (TigerBeetle's fault atlas): of each area at most
 * `damagedNodesMax` nodes are damaged at a time, never a majority. A node counts until the damaged
 * keys are durably written again, or until the scenario says that it is repaired. Removing a
 * damaged key repairs nothing, since the node may still owe the data to others.
 */
export class FaultAtlas implements DamageGate {
  readonly #nodes: ReadonlySet<string>;
  readonly #damagedNodesMax: number;
  readonly #areaOf: (key: string) => string;
  readonly #survives: (damaged: ReadonlySet<string>) => boolean;
  /** Damaged keys, by area and node. */
  readonly #damage = new Map<string, Map<string, Set<string>>>();
  /** Nodes that lost their disk: damaged in every area. */
  readonly #wiped = new Set<string>();
  #admitted = 0;
  #refused = 0;

  /** Throws 'invalid-option' when a majority could be damaged. */
  constructor(options: AtlasOptions) {
    const minority = Math.floor((options.nodes.length - 1) / 2);
    const most = options.damagedNodesMax ?? Math.max(0, minority);
    if (!Number.isSafeInteger(most) || most < 0 || most > Math.max(0, minority)) {
      throw new SimulationError(
        'invalid-option',
        `damagedNodesMax is ${most}; of ${options.nodes.length} nodes use 0 to ${minority}`,
      );
    }
    this.#nodes = new Set(options.nodes);
    this.#damagedNodesMax = most;
    this.#areaOf = options.areaOf ?? (() => 'disk');
    this.#survives = options.survives ?? (() => true);
  }

  /** Damage that was let happen, and damage that was not. */
  get admitted(): number {
    return this.#admitted;
  }

  get refused(): number {
    return this.#refused;
  }

  admit(node: string, key: string): boolean {
    const area = this.#areaOf(key);
    if (!this.#decide(node, [area])) return false;
    let nodes = this.#damage.get(area);
    if (nodes === undefined) this.#damage.set(area, (nodes = new Map()));
    const keys = nodes.get(node);
    if (keys === undefined) nodes.set(node, new Set([key]));
    else keys.add(key);
    return true;
  }

  /** Whether the whole disk of a node may be lost; if so the node counts until it is repaired. */
  admitWipe(node: string): boolean {
    const areas = [...this.#damage.keys()];
    if (!this.#decide(node, areas.length > 0 ? areas : [''])) return false;
    this.#wiped.add(node);
    return true;
  }

  repaired(node: string, key: string): void {
    const area = this.#areaOf(key);
    const nodes = this.#damage.get(area);
    const keys = nodes?.get(node);
    if (nodes === undefined || keys?.delete(key) !== true || keys.size > 0) return;
    nodes.delete(node);
    if (nodes.size === 0) this.#damage.delete(area);
  }

  /** The scenario has seen that the node has all its data again. */
  markRepaired(node: string): void {
    this.#wiped.delete(node);
    for (const [area, nodes] of this.#damage) {
      nodes.delete(node);
      if (nodes.size === 0) this.#damage.delete(area);
    }
  }

  /** Nodes that count as damaged: in this area, or in any. */
  damagedNodes(area?: string): string[] {
    const areas = area === undefined ? [...this.#damage.keys()] : [area];
    const names = new Set(this.#wiped);
    for (const each of areas)
      for (const name of this.#damage.get(each)?.keys() ?? []) names.add(name);
    return [...names].sort();
  }

  #decide(node: string, areas: readonly string[]): boolean {
    const isWithin =
      this.#nodes.has(node) &&
      areas.every((area) => {
        const names = new Set(this.damagedNodes(area)).add(node);
        return names.size <= this.#damagedNodesMax && this.#survives(names);
      });
    if (isWithin) this.#admitted += 1;
    else this.#refused += 1;
    return isWithin;
  }
}
