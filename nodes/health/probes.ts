/**
 * Requests that a leader makes as a client would, so that an idle member is measured too, and from outside.
 * The member counts them among its requests. What a probe asks for is right: whatever answer it lacks is
 * the fault of the member, unless the swarm has no leader.
 */
import { z } from 'zod';

import { RpcError } from '../../transport/rpc/rpc.js';
import { messageOf } from '../errors.js';
import type { RequestFigures } from '../rollout/guards.js';
import { PROBED_MAX, PROBES_MAX, PROBES_MIN, PROBE_TIMEOUT_MS } from './limits.js';
import { Latencies } from './latency.js';
import { outcomeOf } from './measured.js';
import { figuresOf } from './figures.js';
import type { Ask } from './compare.js';

/** Probes of one member under way at a time; one that does not answer gets no more of them. */
const UNDER_WAY_MAX = 8;
/** Of a memory that nobody has: asking for it costs as much as for another one. */
const PROBE_ID = 'agentic-flow:probe';
const PROBE_TEXT = 'is this node well';

const opened = z.object({ session: z.union([z.number(), z.bigint()]) });

/** What the probes of one member came to. */
export interface ProbeTally {
  requests: number;
  faults: number;
  readonly latencies: Latencies;
  lastError: string;
}

/** How often each of so many members is probed in one window: fewer each when they are many. */
export function probesPerMember(members: number): number {
  const share = Math.floor((PROBED_MAX * PROBES_MIN) / Math.max(1, members));
  return Math.min(PROBES_MAX, Math.max(PROBES_MIN, share));
}

export class Probes {
  readonly #ask: Ask;
  readonly #underWay = new Map<number, number>();
  #tallies = new Map<number, ProbeTally>();
  #turn = 0;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** One read of each of them; answers are counted as they come. */
  send(members: readonly number[]): void {
    this.#turn += 1;
    const turn = this.#turn;
    for (const nodeId of members) this.#start(nodeId, () => this.#read(nodeId, turn));
  }

  /** The way of a write through each of them: two log entries, which change no memory. */
  sendWrites(members: readonly number[]): void {
    for (const nodeId of members) this.#start(nodeId, () => this.#write(nodeId));
  }

  /** What was answered since the last call, by member. */
  take(): ReadonlyMap<number, ProbeTally> {
    const tallies = this.#tallies;
    this.#tallies = new Map();
    return tallies;
  }

  #start(nodeId: number, question: () => Promise<unknown>): void {
    const underWay = this.#underWay.get(nodeId) ?? 0;
    if (underWay >= UNDER_WAY_MAX) return;
    this.#underWay.set(nodeId, underWay + 1);
    void this.#probe(nodeId, question).finally(() => {
      this.#underWay.set(nodeId, (this.#underWay.get(nodeId) ?? 1) - 1);
    });
  }

  async #probe(nodeId: number, question: () => Promise<unknown>): Promise<void> {
    const startedMs = performance.now();
    const error = await question().then(
      () => undefined,
      (reason: unknown) => reason ?? new Error('nothing'),
    );
    if (error !== undefined && isOfSwarm(error)) return;
    const tally = this.#tally(nodeId);
    tally.requests += 1;
    tally.latencies.add(performance.now() - startedMs);
    if (error === undefined) return;
    tally.faults += 1;
    tally.lastError = messageOf(error).slice(0, 200);
  }

  /** Mostly what is cheap; searches need a vector. */
  async #read(nodeId: number, turn: number): Promise<unknown> {
    const read = { id: PROBE_ID, consistency: turn % 2 === 0 ? 'linearizable' : 'local' };
    switch (turn % 8) {
      case 3:
        return this.#ask(nodeId, 'memory.list', { limit: 4 });
      case 5:
        return this.#ask(nodeId, 'memory.edges', read);
      case 7:
        return this.#ask(nodeId, 'memory.search', { text: PROBE_TEXT, limit: 3 });
      default:
        return this.#ask(nodeId, 'memory.get', read);
    }
  }

  async #write(nodeId: number): Promise<void> {
    const { session } = opened.parse(await this.#ask(nodeId, 'memory.openSession', {}));
    await this.#ask(nodeId, 'memory.closeSession', { session });
  }

  #tally(nodeId: number): ProbeTally {
    const known = this.#tallies.get(nodeId);
    if (known !== undefined) return known;
    const fresh = { requests: 0, faults: 0, latencies: new Latencies(), lastError: '' };
    this.#tallies.set(nodeId, fresh);
    return fresh;
  }
}

/** Nobody can serve it while no leader is known. */
function isOfSwarm(error: unknown): boolean {
  if (!(error instanceof RpcError) || error.code !== 'refused') return false;
  return outcomeOf(error, { signal: NEVER, timeoutMs: PROBE_TIMEOUT_MS }) === 'void';
}

const NEVER = new AbortController().signal;

/** Of members taken together. */
export function probeFigures(tallies: readonly (ProbeTally | undefined)[]): RequestFigures {
  return figuresOf(tallies.filter((tally) => tally !== undefined));
}
