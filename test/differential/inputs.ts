/** Draws what happens next in a group: by seed, weighted so that most of it gets somewhere. */
import type { Message } from '../../consensus/raft/index.js';
import type { Random } from '../consensus/raft/random.js';
import type { ChangeCommand, GroupConfig, Payload, TheirView } from './driver.js';
import type { Host } from './host.js';

/** A message on its way, as each side made it. */
export interface Flight {
  readonly ours: Message;
  /** The number of Go's. */
  readonly number: number;
}

/** One input of one node. */
export type Input = { readonly node: number } & (
  | { readonly op: 'tick' | 'campaign' | 'advance' }
  | { readonly op: 'deliver'; readonly flight: Flight; readonly again: boolean }
  | { readonly op: 'propose'; readonly payloads: readonly Payload[] }
  | { readonly op: 'change'; readonly change: ChangeCommand }
  | { readonly op: 'transfer' | 'unreachable'; readonly peer: number }
  | { readonly op: 'report'; readonly peer: number; readonly ok: boolean }
  | { readonly op: 'read'; readonly context: string }
  | { readonly op: 'compact'; readonly snapshot: number; readonly index: number }
  | { readonly op: 'restart'; readonly ok: boolean }
);

/** What the draws look at. */
export interface Scene {
  readonly hosts: readonly Host[];
  readonly theirs: readonly TheirView[];
  readonly pool: Flight[];
}

const MESSAGES_ON_THE_WAY_MAX = 200;
const ENTRIES_IN_LOG_MAX = 80;
/** Sizes are multiples of this, and limits lie half-way between: entries cost a few bytes more. */
const PAYLOAD_BYTES = 10_000;
const NO_LIMIT_BYTES = 16 << 20;

/** The settings of a group. */
export function drawConfig(random: Random): GroupConfig {
  const nodes = random.pick([1, 2, 3, 3, 3, 4, 5, 5, 5]);
  const ids = Array.from({ length: nodes }, (_, at) => at + 1);
  const voters = ids.slice(0, random.chance(0.6) ? nodes : 1 + random.below(nodes));
  const mayLearn = voters.length > 1 && random.chance(0.4);
  const electionTicks = 3 + random.below(8);
  return {
    nodes,
    voters,
    learners: mayLearn ? ids.slice(voters.length, voters.length + 1) : [],
    electionTicks,
    heartbeatTicks: 1 + random.below(2),
    preVote: random.chance(0.5),
    checkQuorum: random.chance(0.5),
    forward: random.chance(0.5),
    messageBytes: random.pick([1, 2.5 * PAYLOAD_BYTES, NO_LIMIT_BYTES]),
    inflight: random.pick([1, 2, 4, 256]),
    uncommitted: random.pick([4.5 * PAYLOAD_BYTES, 2 ** 40, 2 ** 40]),
    applyBytes: random.pick([1, NO_LIMIT_BYTES]),
  };
}

type Draw = () => Input | undefined;

/** See the head of this file. */
export class Inputs {
  private readonly reordered: number;
  private readonly lossy: number;
  private readonly repeated: number;
  private readonly bursts: number;
  private readonly weights: readonly (readonly [number, Draw])[];
  private readonly total: number;
  /** Nodes on one side of a cut through the network. */
  private cut = new Set<number>();
  private names = 0;
  /** A node whose clock runs ahead of all others, and for how many ticks it still does. */
  private ahead = { node: 0, ticks: 0 };

  constructor(
    private readonly random: Random,
    private readonly scene: Scene,
  ) {
    this.reordered = random.pick([0.02, 0.2, 0.6]);
    this.lossy = random.pick([0, 0.02, 0.1]);
    this.repeated = random.pick([0, 0.02, 0.1]);
    const storms = random.pick([0.2, 1, 1, 4]);
    this.bursts = random.pick([0, 0.01, 0.05]);
    this.weights = [
      [60, () => this.deliver()],
      [random.pick([15, 30, 60]), () => this.tick()],
      [random.pick([3, 8, 15]), () => this.propose()],
      [random.pick([0, 0.5, 3]), () => this.change()],
      [2, () => this.read()],
      [0.5 * storms, () => ({ op: 'campaign', node: this.anyNode() })],
      [0.7 * storms, () => this.transfer()],
      [0.7 * storms, () => this.unreachable()],
      [4, () => this.report()],
      [random.pick([2, 8]), () => this.compact()],
      [0.8 * storms, () => this.restart()],
      [4, () => this.advance()],
      [random.pick([0.2, 0.5, 1]), () => this.redraw()],
    ];
    this.total = this.weights.reduce((sum, [weight]) => sum + weight, 0);
  }

  /** The next input. Drawing it may lose messages and cut or join the network. */
  next(): Input {
    for (;;) {
      const { node, ticks } = this.ahead;
      if (ticks > 0) {
        this.ahead = { node, ticks: ticks - 1 };
        return { op: 'tick', node };
      }
      let at = this.random.next() * this.total;
      const [, draw] = this.weights.find(([weight]) => (at -= weight) < 0) ?? [0, () => undefined];
      const input = draw();
      if (input !== undefined) return input;
    }
  }

  private anyNode(): number {
    return 1 + this.random.below(this.scene.hosts.length);
  }

  private other(node: number): number | undefined {
    const peer = this.anyNode();
    return peer === node ? undefined : peer;
  }

  /** Mostly a leader, if there is one. */
  private mostlyLeader(): number {
    const leaders = this.scene.hosts.filter(({ status }) => status.role === 'leader');
    return leaders.length > 0 && this.random.chance(0.85)
      ? this.random.pick(leaders).id
      : this.anyNode();
  }

  private tick(): Input {
    const node = this.anyNode();
    if (this.random.chance(this.bursts)) this.ahead = { node, ticks: this.random.below(20) };
    return { op: 'tick', node };
  }

  private deliver(): Input | undefined {
    const { pool } = this.scene;
    while (pool.length > MESSAGES_ON_THE_WAY_MAX) pool.splice(this.random.below(pool.length), 1);
    if (pool.length === 0) return undefined;
    const at = this.random.chance(this.reordered) ? this.random.below(pool.length) : 0;
    const flight = pool[at] as Flight;
    const { from, to } = flight.ours;
    if (this.cut.has(from) !== this.cut.has(to) || this.random.chance(this.lossy)) {
      pool.splice(at, 1);
      return undefined;
    }
    // Rule `readRound`.
    const mayRepeat = flight.ours.type !== 'readIndexRequest';
    return {
      op: 'deliver',
      node: to,
      flight,
      again: mayRepeat && this.random.chance(this.repeated),
    };
  }

  private propose(): Input {
    const count = 1 + this.random.below(2);
    const payloads = Array.from({ length: count }, () => {
      this.names += 1;
      return { name: `p${this.names}`, bytes: PAYLOAD_BYTES };
    });
    return { op: 'propose', node: this.mostlyLeader(), payloads };
  }

  private change(): Input | undefined {
    const node = this.mostlyLeader();
    const { theirs, hosts } = this.scene;
    const { waiting, postponed } = theirs[node - 1] as TheirView;
    // Rule `changeDuringRead`.
    if (waiting + postponed > 0) return undefined;
    const { confState } = (hosts[node - 1] as Host).status;
    if (confState.votersOutgoing.length > 0 && this.random.chance(0.8)) {
      return { op: 'change', node, change: { transition: 'auto', changes: [] } };
    }
    const joint = this.random.chance(0.4);
    const count = joint ? 1 + this.random.below(3) : 1;
    // Rule `namedTwice`.
    const named = new Set(Array.from({ length: count }, () => this.anyNode()));
    const changes = [...named].map((each) => {
      const letter = this.random.pick(['v', 'v', 'v', 'l', 'r', 'u']);
      return `${letter}${each}`;
    });
    return {
      op: 'change',
      node,
      change: { transition: joint ? 'jointExplicit' : 'auto', changes },
    };
  }

  private read(): Input {
    this.names += 1;
    return { op: 'read', node: this.mostlyLeader(), context: `r${this.names}` };
  }

  private transfer(): Input | undefined {
    const node = this.mostlyLeader();
    const { role } = (this.scene.hosts[node - 1] as Host).status;
    // Rule `transferByOthers`.
    if (role !== 'leader') return { op: 'transfer', node, peer: node };
    return { op: 'transfer', node, peer: this.anyNode() };
  }

  private unreachable(): Input | undefined {
    const node = this.mostlyLeader();
    const peer = this.other(node);
    return peer === undefined ? undefined : { op: 'unreachable', node, peer };
  }

  private report(): Input | undefined {
    const node = this.mostlyLeader();
    const { progress } = this.scene.theirs[node - 1] as TheirView;
    const waiting = progress.filter(({ state }) => state === 'snapshot');
    if (waiting.length === 0) return undefined;
    const peer = this.random.pick(waiting).node;
    return { op: 'report', node, peer, ok: this.random.chance(0.7) };
  }

  private compact(): Input | undefined {
    const node = this.anyNode();
    const { applied, snapshotIndex, firstIndex, lastIndex } = (this.scene.hosts[node - 1] as Host)
      .status;
    const isLong = lastIndex - firstIndex > ENTRIES_IN_LOG_MAX;
    if (applied <= snapshotIndex || !(isLong || this.random.chance(0.3))) return undefined;
    const span = Math.max(applied - firstIndex + 1, 0);
    const index = this.random.chance(0.5) ? applied : firstIndex - 1 + this.random.below(span + 1);
    return { op: 'compact', node, snapshot: applied, index };
  }

  private restart(): Input {
    return { op: 'restart', node: this.anyNode(), ok: this.random.chance(0.3) };
  }

  private advance(): Input | undefined {
    const held = this.scene.hosts.filter(({ isHeld }) => isHeld);
    return held.length === 0 ? undefined : { op: 'advance', node: this.random.pick(held).id };
  }

  /** Cuts the network or joins it again; half of the time it is whole. */
  private redraw(): undefined {
    const ids = this.scene.hosts.map(({ id }) => id);
    const isWhole = this.cut.size > 0 || this.random.chance(0.5);
    this.cut = new Set(isWhole ? [] : ids.filter(() => this.random.chance(0.4)));
  }
}
