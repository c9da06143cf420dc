/** Counts the bytes of unfinished frames: of one session, and of all together. */
import { DocumentError } from '../../src/documents/index.js';

export class HeldBytes {
  readonly #bytesMax: number;
  readonly #whole: HeldBytes | undefined;
  #bytes = 0;

  /** `whole`: counts those of others, too. */
  constructor(bytesMax: number, whole?: HeldBytes) {
    this.#bytesMax = bytesMax;
    this.#whole = whole;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** For one stream: to be told how much it holds now. Throws `DocumentError` `unavailable`. */
  stream(): (bytes: number) => void {
    let before = 0;
    return (bytes) => {
      const more = bytes - before;
      before = bytes;
      this.#add(more);
      if (more > 0) this.#requireRoom();
    };
  }

  #add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#whole !== undefined) this.#whole.#add(bytes);
  }

  #requireRoom(): void {
    if (this.#whole !== undefined) this.#whole.#requireRoom();
    if (this.#bytes <= this.#bytesMax) return;
    throw new DocumentError(
      'unavailable',
      `messages that have not come to their end have ${this.#bytes} bytes, and ${this.#bytesMax} are ` +
        'the most at a time: send it again later',
    );
  }
}
