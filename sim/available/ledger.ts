/** Every write that a member took up, and what it saw then: what must be there at the end follows. */

export interface LedgerWrite {
  readonly key: string;
  /** A text of its own; null: a delete. */
  readonly content: string | null;
  /** Texts that were under the key at the member: it takes their place. */
  readonly seen: readonly string[];
  readonly member: string;
  /** Whether it expires: then it may be gone. */
  readonly expires: boolean;
  isAcknowledged: boolean;
}

export class Ledger {
  readonly #writes = new Set<LedgerWrite>();
  #taken = 0;

  /** Writes that were taken up so far, refused ones among them. */
  get size(): number {
    return this.#taken;
  }

  taken(write: Omit<LedgerWrite, 'isAcknowledged'>): LedgerWrite {
    const taken = { ...write, isAcknowledged: false };
    this.#writes.add(taken);
    this.#taken += 1;
    return taken;
  }

  /** It was refused: it has had no effect, and never will. */
  refused(write: LedgerWrite): void {
    this.#writes.delete(write);
  }

  get keys(): ReadonlySet<string> {
    return new Set([...this.#writes].map(({ key }) => key));
  }

  /**
   * What is wrong with the texts that are under a key at all members, in a sentence. An acknowledged text
   * is there unless it expires, or a write that saw it may have taken its place; and is gone when one that saw it was
   * acknowledged.
   */
  judge(key: string, found: ReadonlySet<string>): string | undefined {
    const writes = [...this.#writes].filter((write) => write.key === key);
    const seen = new Set(writes.flatMap((write) => write.seen));
    for (const { content, member, expires, isAcknowledged, seen: replaced } of writes) {
      if (!isAcknowledged) continue;
      if (content !== null && !expires && !found.has(content) && !seen.has(content)) {
        return `${content} under ${key} is lost, which ${member} had acknowledged`;
      }
      const back = replaced.find((text) => found.has(text));
      if (back !== undefined)
        return `${back} under ${key} is back, whose place ${member} had taken`;
    }
    return undefined;
  }
}
