/**
 * Sizes of what is stored, the oldest first; says what has to go. Both bounds hold after each `add`
 * once its result is removed.
 */
export class SessionIndex {
  readonly #entriesMax: number;
  readonly #bytesMax: number;
  readonly #sizes = new Map<string, number>();
  #bytes = 0;

  constructor(entriesMax: number, bytesMax: number) {
    this.#entriesMax = entriesMax;
    this.#bytesMax = bytesMax;
  }

  get count(): number {
    return this.#sizes.size;
  }

  clear(): void {
    this.#sizes.clear();
    this.#bytes = 0;
  }

  /** Adds an entry as the newest, or makes it the newest; gives the names that must go for it. */
  add(name: string, bytes: number): string[] {
    this.remove(name);
    this.#sizes.set(name, bytes);
    this.#bytes += bytes;
    const gone: string[] = [];
    for (const oldest of this.#sizes.keys()) {
      if (this.#sizes.size <= this.#entriesMax && this.#bytes <= this.#bytesMax) break;
      gone.push(oldest);
      this.remove(oldest);
    }
    return gone;
  }

  remove(name: string): void {
    this.#bytes -= this.#sizes.get(name) ?? 0;
    this.#sizes.delete(name);
  }
}
