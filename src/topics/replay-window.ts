/** Which numbers of one sender were seen: an anti-replay window as in RFC 6479. */
import { WINDOW_NUMBERS } from './limits.js';

const WORD_BITS = 32;
/** One word more than the window: the word of the highest number is partly ahead. */
const WORDS = WINDOW_NUMBERS / WORD_BITS + 1;

export class ReplayWindow {
  readonly #words = new Uint32Array(WORDS);
  #epoch = 0;
  #highest = 0;

  /** Whether it has not been seen and is not too far behind the highest. Changes nothing. */
  isNew(epoch: number, sequence: number): boolean {
    if (epoch !== this.#epoch) return epoch > this.#epoch;
    if (sequence > this.#highest) return true;
    if (sequence + WINDOW_NUMBERS <= this.#highest) return false;
    return (this.#words[wordOf(sequence) % WORDS]! & bitOf(sequence)) === 0;
  }

  /** Remembers a number of which `isNew` says that it is. */
  add(epoch: number, sequence: number): void {
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#highest = 0;
      this.#words.fill(0);
    }
    if (sequence > this.#highest) {
      const from = wordOf(this.#highest);
      const skipped = Math.min(wordOf(sequence) - from, WORDS);
      for (let step = 1; step <= skipped; step += 1) this.#words[(from + step) % WORDS] = 0;
      this.#highest = sequence;
    }
    const at = wordOf(sequence) % WORDS;
    this.#words[at] = this.#words[at]! | bitOf(sequence);
  }
}

function wordOf(sequence: number): number {
  return Math.floor(sequence / WORD_BITS);
}

function bitOf(sequence: number): number {
  return 1 << (sequence % WORD_BITS);
}
