/** Comparisons of one window: of each judged member with another one, about a few memories in turns. */
import { z } from 'zod';

import type { Roles } from '../rollout/judged.js';
import { difference, isLasting, pageOf, questionsAbout } from './compare.js';
import type { Ask, ComparedMemory } from './compare.js';
import { COMPARED_MEMBERS_MAX, COMPARED_MEMORIES, DIFFERENCES_MAX } from './limits.js';

const PAGE = 16;
const counted = z.object({ counts: z.object({ quarantined: z.number() }) });

export class Comparisons {
  readonly #ask: Ask;
  #isRunning = false;
  #left = COMPARED_MEMBERS_MAX * COMPARED_MEMORIES;
  #turn = 0;
  /** Where the next page of memories begins; all of a store are asked about in the end. */
  #after: string | null = null;
  #differences = new Map<number, string[]>();
  /** Of members, in this window: whether a migration has set none of their rows aside. */
  readonly #isWhole = new Map<number, boolean>();

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** Compares one more judged member about one more memory, unless that is under way. */
  poke({ judged, references }: Roles): void {
    if (this.#isRunning || this.#left === 0 || judged.length === 0) return;
    const member = judged[this.#turn % judged.length]!.nodeId;
    const others = [...references, ...judged].filter(({ nodeId }) => nodeId !== member);
    const hasReferences = references.length > 0;
    const candidates = hasReferences ? references : others;
    const reference = candidates[this.#turn % Math.max(1, candidates.length)]?.nodeId;
    this.#turn += 1;
    if (reference === undefined) return;
    this.#left -= 1;
    this.#isRunning = true;
    void this.#compare(member, reference)
      // A member that does not answer is what the probes are for.
      .catch(() => undefined)
      .finally(() => {
        this.#isRunning = false;
      });
  }

  /** The differences found since the last call, by member; and begins a new window. */
  take(): ReadonlyMap<number, readonly string[]> {
    const differences = this.#differences;
    this.#differences = new Map();
    this.#isWhole.clear();
    this.#left = COMPARED_MEMBERS_MAX * COMPARED_MEMORIES;
    return differences;
  }

  async #compare(judged: number, reference: number): Promise<void> {
    const isWhole = (await this.#holdsAll(judged)) && (await this.#holdsAll(reference));
    // Rows that a migration has set aside are not asked about: only one of the two shows them.
    const memory = await this.#nextMemory(isWhole ? reference : judged);
    if (memory === undefined) return;
    for (const question of questionsAbout(memory, isWhole, this.#turn)) {
      const found = await difference(this.#ask, question, judged, reference);
      if (found !== null) this.#note(judged, found);
    }
  }

  async #nextMemory(nodeId: number): Promise<ComparedMemory | undefined> {
    const { memories, next } = await pageOf(this.#ask, nodeId, this.#after, PAGE);
    this.#after = next;
    const lasting = memories.filter(isLasting);
    return lasting[Math.floor(Math.random() * lasting.length)];
  }

  async #holdsAll(nodeId: number): Promise<boolean> {
    const known = this.#isWhole.get(nodeId);
    if (known !== undefined) return known;
    const { counts } = counted.parse(await this.#ask(nodeId, 'memory.counts', {}));
    this.#isWhole.set(nodeId, counts.quarantined === 0);
    return counts.quarantined === 0;
  }

  #note(nodeId: number, found: string): void {
    const known = this.#differences.get(nodeId) ?? [];
    if (known.length < DIFFERENCES_MAX) known.push(found);
    this.#differences.set(nodeId, known);
  }
}
