/**
 * One run: faults, until all is healed; then, one after the other, what membership owes whoever uses
 * it, each within a bound of simulated time.
 */
import type { MemberId, MemberView } from '../../consensus/gossip/index.js';
import { FailureDetection, disagreement } from '../checkers/failure-detection.js';
import { Violation } from '../checkers/violation.js';
import { observeWorld } from '../explore/observe.js';
import type { Plan } from '../explore/plan.js';
import { advance, resultOf } from '../explore/run-world.js';
import type { RunOptions, RunResult } from '../explore/scenario.js';
import { applySchedule } from '../nemesis/index.js';
import { World } from '../world/index.js';
import type { RandomStream } from '../world/index.js';
import { GossipNode, nodeName } from './node.js';
import type { GossipMessage } from './node.js';
import { readSettings } from './settings.js';
import type { GossipSettings } from './settings.js';

const SECOND = 1_000_000;
/** How often it is looked whether all agree. */
const SLICE = SECOND / 20;
/** All know each other so long after the last fault, and after a start of all at once. */
const CONVERGENCE = 30 * SECOND;
/** All know of a crash so long after it, under the loss of the plan. */
const COMPLETENESS = 30 * SECOND;
/** All know of one who says that it leaves. */
const FAREWELL = 10 * SECOND;
/** How long it is watched that nobody takes up again who was evicted. */
const EVICTED = 15 * SECOND;
/** How long messages are counted in a swarm in which nothing happens. */
const QUIET = 10 * SECOND;
/** A node that was well for so long is taken for dead by nobody. */
const GRACE = 30 * SECOND;
/** Datagrams that a member sends in a second of a quiet swarm, whatever its size. */
const DATAGRAMS_A_SECOND_MAX = 40;

export class GossipRun {
  readonly #plan: Plan;
  readonly #eventsMax: number | undefined;
  readonly #settings: GossipSettings;
  readonly #world: World<GossipMessage, never>;
  readonly #nodes = new Map<MemberId, GossipNode>();
  readonly #detection = new FailureDetection(GRACE);
  readonly #probes = new Set<string>();
  readonly #random: RandomStream;
  readonly #counts = { suspicions: 0, verdicts: 0, datagrams: 0, streams: 0, streamBytes: 0 };
  readonly #times: Record<string, number> = {};
  #admitted: MemberId[];
  /** Members that have left or were evicted, and go on running. */
  readonly #gone = new Set<MemberId>();
  #datagrams = 0;

  /** Throws `SimulationError` with code `invalid-plan`. */
  constructor(plan: Plan, options: RunOptions) {
    this.#plan = plan;
    this.#eventsMax = options.eventsMax;
    this.#settings = readSettings(plan.settings);
    const { nodes, lossPercent, duplicationPercent, delayMeanMicroseconds } = this.#settings;
    this.#world = new World<GossipMessage, never>({
      seed: plan.seed,
      network: {
        delay: {
          kind: 'exponential',
          minimumMicroseconds: 100,
          meanMicroseconds: delayMeanMicroseconds,
          maximumMicroseconds: 200_000,
        },
        lossProbability: lossPercent / 100,
        duplicationProbability: duplicationPercent / 100,
        reorderingProbability: 0.3,
      },
      digest: ({ bytes }) => bytes,
      sizeOf: ({ bytes }) => bytes.length,
    });
    this.#random = this.#world.randomStream('gossip run');
    this.#admitted = Array.from({ length: nodes }, (_, at) => at + 1);
    for (const id of this.#admitted) this.#add(id);
    observeWorld(this.#world, options.observe, ({ via, bytes }) => `${via} of ${bytes.length} B`);
    applySchedule(this.#world, plan.schedule);
  }

  finish(): RunResult {
    return resultOf(
      this.#world,
      () => this.#check(),
      () => ({ counts: { ...this.#counts, ...this.#times }, probes: this.#probes }),
    );
  }

  #add(id: MemberId): void {
    const watch = {
      admitted: () => this.#admitted,
      sent: (_by: MemberId, { via, bytes }: GossipMessage) => {
        if (via === 'datagram') this.#datagrams += 1;
        else {
          this.#counts.streams += 1;
          this.#counts.streamBytes += bytes.length;
        }
      },
      changed: (by: MemberId, member: MemberView) => this.#changed(by, member),
      refused: (_by: MemberId, _from: MemberId, refusal: string) => this.#probes.add(refusal),
    };
    this.#world.addNode(nodeName(id), {
      start: (_disk, context) => {
        const node = new GossipNode(id, context, watch);
        this.#nodes.set(id, node);
        return node;
      },
    });
  }

  #changed(by: MemberId, { id, status }: MemberView): void {
    if (status === 'suspect') this.#counts.suspicions += 1;
    if (status !== 'dead') return;
    this.#counts.verdicts += 1;
    // Who was evicted hears nobody, and takes all for dead.
    if (!this.#settings.isCalm || this.#gone.has(by)) return;
    const { nowMicroseconds } = this.#world;
    this.#note();
    this.#detection.verdict(nodeName(by), nodeName(id), nowMicroseconds);
  }

  #check(): void {
    const { durationMicroseconds } = this.#plan.schedule;
    this.#until('joinMs', CONVERGENCE, () => this.#disagreement(), this.#settings.isCalm);
    while (this.#world.nowMicroseconds < durationMicroseconds) {
      this.#advance(Math.min(durationMicroseconds, this.#world.nowMicroseconds + SLICE));
    }
    this.#until('healMs', CONVERGENCE, () => this.#disagreement());
    this.#quiet();
    this.#crashSome();
    this.#farewell();
    this.#evict();
    this.#counts.datagrams = this.#datagrams;
  }

  /** The load of a member does not grow with the swarm. */
  #quiet(): void {
    const before = this.#datagrams;
    this.#advance(this.#world.nowMicroseconds + QUIET);
    const up = this.#up().length;
    const aSecond = (this.#datagrams - before) / up / (QUIET / SECOND);
    this.#times['datagramsPer1000s'] = Math.round(aSecond * 1_000);
    if (aSecond <= DATAGRAMS_A_SECOND_MAX) return;
    throw new Violation(
      'load',
      `${aSecond.toFixed(1)} datagrams a second and member in a quiet swarm of ${up}; ` +
        `at most ${DATAGRAMS_A_SECOND_MAX}`,
    );
  }

  #crashSome(): void {
    const up = this.#up();
    const count = this.#random.integer(1, Math.max(1, Math.floor(up.length / 5)));
    const crashed = this.#random.shuffle(up).slice(0, count);
    for (const id of crashed) this.#world.crash(nodeName(id));
    this.#until('crashKnownMs', COMPLETENESS, () => this.#disagreement());
    for (const id of crashed) this.#world.restart(nodeName(id));
    this.#until('restartKnownMs', CONVERGENCE, () => this.#disagreement());
  }

  #farewell(): void {
    const id = this.#random.pick(this.#up());
    this.#nodes.get(id)?.leave();
    this.#gone.add(id);
    this.#until('farewellMs', FAREWELL, () => this.#disagreement());
    this.#gone.delete(id);
    this.#world.crash(nodeName(id));
    this.#world.restart(nodeName(id));
    this.#until('returnMs', CONVERGENCE, () => this.#disagreement());
  }

  /** Evicted, it goes on as if it were a member; each of the others learns of it in its own time. */
  #evict(): void {
    const evicted = this.#random.pick(this.#up());
    this.#admitted = this.#admitted.filter((id) => id !== evicted);
    this.#gone.add(evicted);
    const told = new Set<MemberId>();
    const now = this.#world.nowMicroseconds;
    for (const id of this.#admitted) {
      this.#world.at(now + this.#random.integer(0, 2 * SECOND), 'evicted', () => {
        this.#nodes.get(id)?.admit(this.#admitted);
        told.add(id);
      });
    }
    while (this.#world.nowMicroseconds < now + EVICTED) {
      this.#advance(this.#world.nowMicroseconds + SLICE);
      for (const id of told) {
        const { status } = this.#nodes.get(id)!.gossip.member(evicted);
        if (status === 'unknown') continue;
        const what = `${nodeName(id)} takes ${nodeName(evicted)} for ${status}, and it was evicted`;
        throw new Violation('eviction', what);
      }
    }
    this.#until('evictedMs', CONVERGENCE, () => this.#disagreement());
  }

  /** Runs until nothing is wrong, for at most so long; keeps how long it took. */
  #until(
    name: string,
    boundMicroseconds: number,
    wrong: () => string | undefined,
    isBound = true,
  ): void {
    const start = this.#world.nowMicroseconds;
    const end = start + boundMicroseconds;
    let what = wrong();
    while (what !== undefined && this.#world.nowMicroseconds < end) {
      this.#advance(this.#world.nowMicroseconds + SLICE);
      what = wrong();
    }
    this.#times[name] = Math.round((this.#world.nowMicroseconds - start) / 1_000);
    if (what === undefined || !isBound) return;
    const checker = name === 'crashKnownMs' ? 'completeness' : 'convergence';
    throw new Violation(checker, `${name}: after ${boundMicroseconds / SECOND} s ${what}`);
  }

  #advance(untilMicroseconds: number): void {
    advance(this.#world, { untilMicroseconds }, this.#eventsMax);
    this.#note();
  }

  #note(): void {
    for (const id of this.#nodes.keys()) {
      const name = nodeName(id);
      const isWell = this.#world.isUp(name) && !this.#world.isPaused(name) && !this.#gone.has(id);
      this.#detection.noted(name, isWell, this.#world.nowMicroseconds);
    }
  }

  #up(): MemberId[] {
    return this.#admitted.filter((id) => this.#world.isUp(nodeName(id)) && !this.#gone.has(id));
  }

  /** What somebody who is up does not know of another member. */
  #disagreement(): string | undefined {
    const expected = new Map<string, string>();
    for (const id of this.#admitted) {
      const isUp = this.#world.isUp(nodeName(id));
      expected.set(nodeName(id), this.#gone.has(id) ? 'left' : isUp ? 'alive' : 'dead');
    }
    const up = this.#up();
    for (const id of this.#random.shuffle(up)) {
      const view = new Map(
        this.#nodes
          .get(id)
          ?.gossip.members()
          .map((one) => [nodeName(one.id), one.status]),
      );
      const what = disagreement(new Map([[nodeName(id), view]]), expected);
      if (what !== undefined) return what;
    }
    return undefined;
  }
}
