/**
 * Tells the other members who has documents open here: what has changed, ten times a second at most, and all
 * of it every two seconds. That is repeated makes up for what is lost, and what is not repeated expires.
 */
import type { Presence, Presences } from '../../src/documents/index.js';
import { RpcError, isUnknownMethod } from '../../transport/rpc/rpc.js';
import {
  AWARE_CALLS_PER_SECOND_MAX,
  AWARE_INTERVAL_MS,
  AWARE_REPEAT_MS,
  AWARE_STATES_PER_CALL_MAX,
  AWARE_TIMEOUT_MS,
  AWARE_WAITING_MAX,
  UNKNOWN_RETRY_MS,
} from './limits.js';
import type { SyncPorts } from './member-sync.js';

/** What one member is still to be told. */
interface Waiting {
  readonly states: Map<string, Presence>;
  isCalling: boolean;
  notBeforeMs: number;
}

/** Calls of one member in the second that began then. */
interface Taken {
  beganMs: number;
  calls: number;
}

export class MemberPresence {
  readonly #presences: Presences;
  readonly #nowMs: () => number;
  readonly #waiting = new Map<number, Waiting>();
  readonly #taken = new Map<number, Taken>();
  #ports: Pick<SyncPorts, 'others' | 'call'> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #repeatAtMs = 0;

  /** `nowMs`: a clock that only goes forward. */
  constructor(presences: Presences, nowMs: () => number = () => performance.now()) {
    this.#presences = presences;
    this.#nowMs = nowMs;
  }

  /** With `isTicking` false the caller ticks. */
  begin(ports: Pick<SyncPorts, 'others' | 'call'>, isTicking = true): void {
    this.#ports = ports;
    if (isTicking) this.#timer = setInterval(() => this.tick(), AWARE_INTERVAL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#ports = undefined;
  }

  /** Called every `AWARE_INTERVAL_MS`. */
  tick(): void {
    if (this.#ports === undefined) return;
    const nowMs = this.#nowMs();
    const others = new Set(this.#ports.others());
    for (const known of [this.#waiting, this.#taken]) {
      for (const nodeId of known.keys()) if (!others.has(nodeId)) known.delete(nodeId);
    }
    this.#presences.expire(nowMs, others);
    const states = this.#presences.takeChanged();
    if (nowMs >= this.#repeatAtMs) {
      this.#repeatAtMs = nowMs + AWARE_REPEAT_MS;
      states.push(...this.#presences.all());
    }
    for (const nodeId of others) {
      const waiting = this.#waitingOf(nodeId);
      if (nowMs < waiting.notBeforeMs) continue;
      for (const state of states) add(waiting.states, state);
      if (!waiting.isCalling) void this.#tell(nodeId, waiting);
    }
  }

  /**
   * What a member says of its peers. Throws `RpcError` `overloaded` when it says too much, and
   * `DocumentError` `malformed-update`.
   */
  take(from: number, states: readonly Omit<Presence, 'client'>[]): void {
    const nowMs = this.#nowMs();
    let taken = this.#taken.get(from);
    if (taken === undefined || nowMs - taken.beganMs >= 1_000) {
      taken = { beganMs: nowMs, calls: 0 };
      this.#taken.set(from, taken);
    }
    taken.calls += 1;
    if (taken.calls > AWARE_CALLS_PER_SECOND_MAX) {
      const sentence = `a member says who is here ${AWARE_CALLS_PER_SECOND_MAX} times a second at most`;
      throw new RpcError('overloaded', sentence);
    }
    for (const { name, bytes } of states) this.#presences.take(from, name, bytes, nowMs);
  }

  async #tell(nodeId: number, waiting: Waiting): Promise<void> {
    waiting.isCalling = true;
    try {
      while (waiting.states.size > 0 && this.#ports !== undefined) {
        const some = [...waiting.states].slice(0, AWARE_STATES_PER_CALL_MAX);
        for (const [key] of some) waiting.states.delete(key);
        const states = some.map(([, { name, bytes }]) => ({ name, bytes }));
        await this.#ports.call(nodeId, 'documents.aware', { states }, AWARE_TIMEOUT_MS);
      }
    } catch (error) {
      // It is told all of it again.
      waiting.states.clear();
      if (isUnknownMethod(error)) waiting.notBeforeMs = this.#nowMs() + UNKNOWN_RETRY_MS;
    } finally {
      waiting.isCalling = false;
    }
  }

  #waitingOf(nodeId: number): Waiting {
    let waiting = this.#waiting.get(nodeId);
    if (waiting === undefined) {
      waiting = { states: new Map(), isCalling: false, notBeforeMs: 0 };
      this.#waiting.set(nodeId, waiting);
    }
    return waiting;
  }
}

/** The latest that a client says takes the place of what it has said before. */
function add(states: Map<string, Presence>, state: Presence): void {
  const key = `${state.client} ${state.name}`;
  if (states.has(key) || states.size < AWARE_WAITING_MAX) states.set(key, state);
}
