import { AWARENESS_MAX } from './limits.js';

/**
 * How well this node itself is (Lifeguard 4.1, "local health multiplier"): 0 is well. A node whose
 * probes fail although others answer, or that has to refute that it is dead, is more likely in
 * trouble itself than all the others are; it takes more time before it speaks ill of them.
 */
export class Awareness {
  #score = 0;

  get score(): number {
    return this.#score;
  }

  change(by: number): void {
    this.#score = Math.min(AWARENESS_MAX, Math.max(0, this.#score + by));
  }

  /** A time, as long as the health of this node asks for. */
  scale(ms: number): number {
    return ms * (this.#score + 1);
  }
}
