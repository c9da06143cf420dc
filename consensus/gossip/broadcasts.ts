import { BROADCASTS_MAX, SIGNATURE_BYTES } from './limits.js';
import type { Item, MemberId } from './types.js';

/** No item is shorter. */
const ITEM_BYTES_MIN = SIGNATURE_BYTES + 4;

interface News {
  readonly item: Item;
  readonly subject: MemberId;
  readonly key: string;
}

/**
 * News to be told: each a bounded number of times, those told least often first (SWIM 4.1), and what
 * was told equally often in the order in which it came. Newer news of a member replaces older news.
 */
export class Broadcasts {
  /** By how often they were told. */
  readonly #told: Map<string, News>[] = [];
  readonly #keys = new Map<MemberId, Set<string>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(item: Item): void {
    const subject = item.kind === 'record' ? item.record.id : item.claim.subject;
    const key = keyOf(item);
    // What was said of an earlier incarnation is no news any more.
    if (item.kind === 'record') this.forget(subject);
    else this.#remove(subject, key);
    if (this.#size >= BROADCASTS_MAX) this.#dropOne();
    this.#put({ item, subject, key }, 0);
  }

  /** Drops all news of a member. */
  forget(subject: MemberId): void {
    for (const key of this.#keys.get(subject) ?? []) this.#remove(subject, key);
  }

  /**
   * News that fits into so many bytes, each counted as told once more; what was told `timesMax`
   * times is dropped. `isTold` leaves out what the message has already.
   */
  take(bytesMax: number, timesMax: number, isTold: (item: Item) => boolean): Item[] {
    const taken: News[] = [];
    const counts: number[] = [];
    let left = bytesMax;
    for (const [times, bucket] of this.#told.entries()) {
      for (const news of bucket.values()) {
        if (left < ITEM_BYTES_MIN) break;
        if (news.item.bytes.length > left || isTold(news.item)) continue;
        taken.push(news);
        counts.push(times);
        left -= news.item.bytes.length;
      }
    }
    for (const [at, news] of taken.entries()) {
      this.#remove(news.subject, news.key);
      const times = counts[at]! + 1;
      if (times < timesMax) this.#put(news, times);
    }
    return taken.map(({ item }) => item);
  }

  #put(news: News, times: number): void {
    while (this.#told.length <= times) this.#told.push(new Map());
    this.#told[times]!.set(news.key, news);
    const keys = this.#keys.get(news.subject);
    if (keys === undefined) this.#keys.set(news.subject, new Set([news.key]));
    else keys.add(news.key);
    this.#size += 1;
  }

  #remove(subject: MemberId, key: string): void {
    const keys = this.#keys.get(subject);
    if (keys === undefined || !keys.delete(key)) return;
    if (keys.size === 0) this.#keys.delete(subject);
    for (const bucket of this.#told) {
      if (bucket.delete(key)) break;
    }
    this.#size -= 1;
  }

  #dropOne(): void {
    for (const bucket of this.#told.toReversed()) {
      for (const { subject, key } of bucket.values()) {
        this.#remove(subject, key);
        return;
      }
    }
  }
}

/** One of its records, one verdict, and each accuser's suspicion have a place of their own. */
function keyOf(item: Item): string {
  if (item.kind === 'record') return `record ${item.record.id}`;
  const { kind, subject, accuser } = item.claim;
  return kind === 'dead' ? `dead ${subject}` : `suspect ${subject} ${accuser}`;
}
