/** Pings of this node for others, which get no answer from a member themselves. */
import { RELAYS_MAX } from './limits.js';
import type { GossipState } from './state.js';
import { sendDatagram } from './telling.js';
import type { MemberId } from './types.js';

interface Relay {
  readonly asker: MemberId;
  /** The number under which it was asked for. */
  readonly theirSequence: number;
  readonly target: MemberId;
  readonly nackAtMs: number;
  readonly endMs: number;
  isNacked: boolean;
}

export class Relays {
  readonly #state: GossipState;
  readonly #nextSequence: () => number;
  /** By the number of the ping of this node, oldest first. */
  readonly #relays = new Map<number, Relay>();
  /** The same, by whom it is for. */
  readonly #asked = new Map<string, number>();

  constructor(state: GossipState, nextSequence: () => number) {
    this.#state = state;
    this.#nextSequence = nextSequence;
  }

  get nextMs(): number {
    let next = Infinity;
    for (const { nackAtMs, endMs, isNacked } of this.#relays.values()) {
      next = Math.min(next, isNacked ? endMs : nackAtMs);
    }
    return next;
  }

  tick(): void {
    const { nowMs } = this.#state;
    for (const [sequence, relay] of this.#relays) {
      if (nowMs >= relay.endMs) this.#drop(sequence, relay);
      else if (!relay.isNacked && nowMs >= relay.nackAtMs) this.#nack(relay);
    }
  }

  /** Asked for again, it pings again. */
  request(asker: MemberId, theirSequence: number, target: MemberId): void {
    const { known, nowMs, config } = this.#state;
    if (target === asker || !known.has(target)) return;
    const key = `${asker} ${theirSequence}`;
    let sequence = this.#asked.get(key);
    if (sequence === undefined) {
      if (this.#relays.size >= RELAYS_MAX) return;
      sequence = this.#nextSequence();
      this.#asked.set(key, sequence);
      this.#relays.set(sequence, {
        asker,
        theirSequence,
        target,
        nackAtMs: nowMs + config.nackAfterMs,
        endMs: nowMs + config.probePeriodMs,
        isNacked: false,
      });
    }
    const relay = this.#relays.get(sequence);
    if (relay?.target !== target) return;
    // The first one may be lost.
    if (relay.isNacked) this.#nack(relay);
    sendDatagram(this.#state, target, { type: 'ping', sequence });
  }

  /** An answer of the target of a ping of this node. */
  acked(from: MemberId, sequence: number): void {
    const relay = this.#relays.get(sequence);
    if (relay?.target !== from) return;
    this.#drop(sequence, relay);
    const { asker, theirSequence, target } = relay;
    sendDatagram(this.#state, asker, { type: 'ack', sequence: theirSequence, target });
  }

  delay(ms: number): void {
    for (const [sequence, relay] of this.#relays) {
      const { nackAtMs, endMs } = relay;
      this.#relays.set(sequence, { ...relay, nackAtMs: nackAtMs + ms, endMs: endMs + ms });
    }
  }

  #nack(relay: Relay): void {
    relay.isNacked = true;
    const { asker, theirSequence, target } = relay;
    sendDatagram(this.#state, asker, { type: 'nack', sequence: theirSequence, target });
  }

  #drop(sequence: number, { asker, theirSequence }: Relay): void {
    this.#relays.delete(sequence);
    this.#asked.delete(`${asker} ${theirSequence}`);
  }
}
