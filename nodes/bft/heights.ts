/** Who has decided how much: told to each other now and then. */
import type { Height, ValidatorId } from '../../consensus/bft/index.js';
import { BEAT_MS } from './limits.js';

/** What it needs of what is around it. */
interface HeightsPorts {
  /** Rejects when the peer cannot be reached. */
  call(peer: ValidatorId, method: string, payload: unknown): Promise<unknown>;
  /** The last height that is decided here. */
  decided(): Height;
  heard(peer: ValidatorId, decided: Height): void;
}

/** See the head of this file. */
export class Heights {
  readonly #ports: HeightsPorts;
  readonly #saidAtMs = new Map<ValidatorId, number>();

  constructor(ports: HeightsPorts) {
    this.#ports = ports;
  }

  /** Tells a peer what is decided here, now and then, and hears what is decided there. */
  say(peer: ValidatorId): void {
    const nowMs = performance.now();
    if (nowMs - (this.#saidAtMs.get(peer) ?? -BEAT_MS) < BEAT_MS / 2) return;
    this.#saidAtMs.set(peer, nowMs);
    this.#ports.call(peer, 'bft.height', this.#ports.decided()).then(
      // A release before answers nothing.
      (answer) => typeof answer === 'number' && this.#ports.heard(peer, answer),
      () => {},
    );
  }

  /** Tells it at once. */
  greet(peer: ValidatorId): void {
    this.#saidAtMs.delete(peer);
    this.say(peer);
  }
}
