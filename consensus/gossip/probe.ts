/**
 * One member after the other is asked whether it is there (SWIM 3.1). A probe is a ping, repeated while
 * no answer comes; then pings through helpers besides; then a suspicion:
 *
 *     0 ms   ping          ping, ping ...               next probe
 *     |------|-------------|----------------------------|
 *                          indirectAfterMs: helpers      probePeriodMs
 *
 * All of these times grow with the score of this node's health (Lifeguard 4.1).
 */
import { suspectAfterProbe } from './judging.js';
import type { GossipState } from './state.js';
import { sendDatagram } from './telling.js';
import type { MemberId } from './types.js';

interface Round {
  readonly target: MemberId;
  readonly sequence: number;
  pingAtMs: number;
  indirectAtMs: number;
  endMs: number;
  helpers: MemberId[] | undefined;
  /** Helpers that said that they have no answer. */
  readonly nacks: Set<MemberId>;
  isAnswered: boolean;
}

export class Prober {
  readonly #state: GossipState;
  readonly #nextSequence: () => number;
  /** Round robin in random order bounds how long nobody is asked (SWIM 4.3). */
  #order: MemberId[] = [];
  #at = 0;
  #round: Round | undefined;

  constructor(state: GossipState, nextSequence: () => number) {
    this.#state = state;
    this.#nextSequence = nextSequence;
  }

  /** When `tick` is due; never while there is nobody to ask. */
  get nextMs(): number {
    const round = this.#round;
    if (round !== undefined) {
      return round.isAnswered ? round.endMs : Math.min(round.pingAtMs, round.endMs);
    }
    return this.#state.reachable.length === 0 ? Infinity : this.#state.nowMs;
  }

  tick(): void {
    const { nowMs } = this.#state;
    if (this.#round !== undefined && nowMs >= this.#round.endMs) this.#end(this.#round);
    if (this.#round === undefined) this.#begin();
    const round = this.#round;
    if (round !== undefined && !round.isAnswered && nowMs >= round.pingAtMs) this.#ping(round);
  }

  /** A member that is new is asked at a random place of the round that is going on (SWIM 4.3). */
  added(id: MemberId): void {
    if (this.#order.includes(id)) return;
    const left = this.#order.length - this.#at;
    this.#order.splice(this.#at + this.#state.below(left + 1), 0, id);
  }

  /** An answer: of the target, or passed on by a helper. */
  acked(from: MemberId, sequence: number, target: MemberId): void {
    const round = this.#round;
    if (round === undefined || round.isAnswered || round.sequence !== sequence) return;
    if (round.target !== target) return;
    if (from !== target && round.helpers?.includes(from) !== true) return;
    round.isAnswered = true;
    this.#state.awareness.change(-1);
  }

  nacked(from: MemberId, sequence: number): void {
    const round = this.#round;
    if (round?.sequence === sequence && round.helpers?.includes(from) === true) {
      round.nacks.add(from);
    }
  }

  /** This node did not run for so long; what it would have heard meanwhile, it has not heard. */
  delay(ms: number): void {
    const round = this.#round;
    if (round === undefined) return;
    round.pingAtMs += ms;
    round.indirectAtMs += ms;
    round.endMs += ms;
  }

  #begin(): void {
    const target = this.#next();
    if (target === undefined) return;
    const { nowMs, awareness, config } = this.#state;
    this.#round = {
      target,
      sequence: this.#nextSequence(),
      pingAtMs: nowMs,
      indirectAtMs: nowMs + awareness.scale(config.indirectAfterMs),
      endMs: nowMs + awareness.scale(config.probePeriodMs),
      helpers: undefined,
      nacks: new Set(),
      isAnswered: false,
    };
  }

  #next(): MemberId | undefined {
    const { reachable } = this.#state;
    if (reachable.length === 0) return undefined;
    // Of an order that is used up none is left; those who died since are passed over.
    for (let turn = 0; turn < 2; turn += 1) {
      while (this.#at < this.#order.length) {
        const id = this.#order[this.#at]!;
        this.#at += 1;
        const status = this.#state.known.get(id)?.status;
        if (status === 'alive' || status === 'suspect') return id;
      }
      this.#order = this.#state.shuffle(reachable);
      this.#at = 0;
    }
    return undefined;
  }

  #ping(round: Round): void {
    const state = this.#state;
    const { config, awareness, nowMs } = state;
    const { target, sequence } = round;
    round.pingAtMs = nowMs + config.pingRepeatMs * (1 + awareness.score / 2);
    sendDatagram(state, target, { type: 'ping', sequence });
    if (nowMs < round.indirectAtMs) {
      round.pingAtMs = Math.min(round.pingAtMs, round.indirectAtMs);
      return;
    }
    round.helpers ??= state.pick(state.reachable, config.helpers, target);
    for (const helper of round.helpers) {
      sendDatagram(state, helper, { type: 'pingRequest', sequence, target });
    }
  }

  #end(round: Round): void {
    this.#round = undefined;
    if (round.isAnswered) return;
    // Helpers that are silent as well speak for trouble of this node (Lifeguard 4.1).
    const helpers = round.helpers ?? [];
    this.#state.awareness.change(helpers.length === 0 ? 1 : helpers.length - round.nacks.size);
    suspectAfterProbe(this.#state, round.target);
  }
}
