/** Texts whose words are as unevenly frequent as those of a language. */
import { RandomStream } from '../../../../sim/world/random.js';

export class TextSource {
  readonly random: RandomStream;
  readonly #wordCount: number;

  constructor(seed: number, wordCount: number) {
    this.random = new RandomStream(seed, 'texts');
    this.#wordCount = wordCount;
  }

  /** The word of rank r stands about 1/r as often as the first. */
  word(): string {
    return `w${Math.floor(this.#wordCount ** this.random.fraction()) - 1}`;
  }

  text(wordsMin: number, wordsMax: number): string {
    const count = this.random.integer(wordsMin, wordsMax);
    return Array.from({ length: count }, () => this.word()).join(' ');
  }
}
