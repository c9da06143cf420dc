/**
 * Two members compare what they know (anti-entropy, "push-pull"): one sends a summary, the other one
 * sends what is newer there, and a summary of its own if something is newer here. It brings a node up
 * to date that joins, mends what gossip has missed, and brings two halves together after a partition.
 */
import { encodeMessage } from './codec.js';
import { RECORDS_BYTES_TARGET } from './limits.js';
import type { Message } from './message.js';
import type { GossipState } from './state.js';
import type { Item, MemberId, SummaryEntry } from './types.js';

/** In a larger swarm than this, members compare less often: the load of each stays the same. */
const SIZE_USUAL = 32;
/** With so many a node compares at once when it joins. */
const JOIN_PARTNERS = 3;
/** Then with others, after so long at first and twice as long each time: they may all be busy. */
const JOIN_RETRY_MS_MIN = 300;
const JOIN_RETRY_MS_MAX = 5_000;
/** How often comparisons that something asked for are begun. */
const URGENT_PERIOD_MS = 200;

export class PushPull {
  readonly #state: GossipState;
  #nextMs = 0;
  #reconnectAtMs = 0;
  #urgentAtMs = 0;
  /** Members to compare with as soon as it is allowed. */
  readonly #wanted = new Set<MemberId>();
  #hasJoined = false;
  #joinRetryMs = JOIN_RETRY_MS_MIN;

  constructor(state: GossipState) {
    this.#state = state;
  }

  get nextMs(): number {
    if (this.#state.admitted.size < 2) return Infinity;
    const urgentMs = this.#wanted.size === 0 ? Infinity : this.#urgentAtMs;
    return Math.min(this.#nextMs, this.#reconnectAtMs, urgentMs);
  }

  /** Something says that this member knows what this node does not, or the other way round. */
  want(id: MemberId): void {
    if (this.#wanted.size < SIZE_USUAL) this.#wanted.add(id);
  }

  tick(): void {
    const { nowMs, config, reachable } = this.#state;
    if (nowMs >= this.#nextMs) this.#compare();
    const [urgent] = this.#wanted;
    if (urgent !== undefined && nowMs >= this.#urgentAtMs) {
      this.#wanted.delete(urgent);
      this.#urgentAtMs = nowMs + URGENT_PERIOD_MS;
      this.#sendSummary(urgent, false);
    }
    if (nowMs < this.#reconnectAtMs) return;
    // Not all at the same time.
    this.#reconnectAtMs = nowMs + config.reconnectPeriodMs * (0.75 + config.random() / 2);
    if (reachable.length + 1 === this.#state.admitted.size) return;
    this.#reconnect();
  }

  /** Takes a summary, after its items. */
  summarised(from: MemberId, { entries, isAnswer }: Extract<Message, { type: 'summary' }>): void {
    this.#hasJoined = true;
    const theirs = new Map(entries.map((entry) => [entry.id, entry]));
    const newer: Item[] = [];
    for (const entry of this.#entries()) {
      newer.push(...this.#newerThan(entry, theirs.get(entry.id)));
    }
    const lacks = !isAnswer && entries.some((entry) => this.#isNewerThere(entry));
    if (lacks) this.#sendSummary(from, true);
    // Without any it still says that this node is there.
    if (newer.length > 0 || (!lacks && !isAnswer)) this.#sendRecords(from, newer);
  }

  /** Records came, so that somebody has answered. */
  joined(): void {
    this.#hasJoined = true;
  }

  #compare(): void {
    const state = this.#state;
    const { config, nowMs } = state;
    if (this.#hasJoined) {
      const factor = Math.max(1, 1 + Math.log2(state.size / SIZE_USUAL));
      this.#nextMs = nowMs + config.exchangePeriodMs * factor * (0.75 + config.random() / 2);
      for (const id of state.pick(state.reachable, 1)) this.#sendSummary(id, false);
      return;
    }
    this.#nextMs = nowMs + this.#joinRetryMs;
    this.#joinRetryMs = Math.min(2 * this.#joinRetryMs, JOIN_RETRY_MS_MAX);
    const others = [...state.admitted.keys()].filter((id) => id !== config.self);
    for (const id of state.pick(others, JOIN_PARTNERS)) this.#sendSummary(id, false);
  }

  /** Nobody probes the dead: without this two halves of a swarm would never find together. */
  #reconnect(): void {
    const { admitted, known, config } = this.#state;
    const away = [...admitted.keys()].filter((id) => {
      const status = known.get(id)?.status;
      return id !== config.self && (status === undefined || status === 'dead');
    });
    for (const id of this.#state.pick(away, 1)) this.#sendSummary(id, false);
  }

  #entries(): SummaryEntry[] {
    const { own, known } = this.#state;
    const { id, incarnation, hasLeft } = own.record;
    const entries: SummaryEntry[] = [{ id, incarnation, status: hasLeft ? 'left' : 'alive' }];
    for (const [other, { item, status }] of known) {
      entries.push({ id: other, incarnation: item.record.incarnation, status });
    }
    return entries;
  }

  #newerThan(mine: SummaryEntry, theirs: SummaryEntry | undefined): Item[] {
    const { known, own, config } = this.#state;
    const entry = known.get(mine.id);
    const item = mine.id === config.self ? own : entry?.item;
    if (item === undefined) return [];
    const accusation = entry?.accusation === undefined ? [] : [entry.accusation];
    if (theirs === undefined || theirs.incarnation < mine.incarnation) return [item, ...accusation];
    if (theirs.incarnation > mine.incarnation || !isWorse(mine, theirs)) return [];
    return accusation;
  }

  #isNewerThere(theirs: SummaryEntry): boolean {
    const { known, own, admitted, config } = this.#state;
    if (!admitted.has(theirs.id)) return false;
    if (theirs.id === config.self) {
      const { incarnation } = own.record;
      // Taken for dead there: it has to be told, to refute.
      return theirs.incarnation > incarnation || theirs.status !== 'alive';
    }
    const mine = known.get(theirs.id);
    if (mine === undefined) return true;
    const { incarnation } = mine.item.record;
    const entry = { id: theirs.id, incarnation, status: mine.status };
    return theirs.incarnation > incarnation || isWorse(theirs, entry);
  }

  #sendSummary(to: MemberId, isAnswer: boolean): void {
    const state = this.#state;
    if (!state.admitted.has(to)) return;
    const known = state.known.get(to);
    const items: Item[] = [state.own];
    if (known?.accusation !== undefined) items.push(known.item, known.accusation);
    const body = { type: 'summary', isAnswer, entries: this.#entries() } as const;
    state.send(to, 'stream', encodeMessage(body, items));
  }

  #sendRecords(to: MemberId, items: readonly Item[]): void {
    let part: Item[] = [];
    let size = 0;
    const send = (): void =>
      this.#state.send(to, 'stream', encodeMessage({ type: 'records' }, part));
    for (const item of items) {
      part.push(item);
      size += item.bytes.length;
      if (size < RECORDS_BYTES_TARGET) continue;
      send();
      part = [];
      size = 0;
    }
    if (part.length > 0 || items.length === 0) send();
  }
}

/** Whether one says worse of the same incarnation than the other. */
function isWorse(one: SummaryEntry, other: SummaryEntry): boolean {
  if (one.incarnation !== other.incarnation) return false;
  const rank = { alive: 0, suspect: 1, dead: 2, left: 3 };
  return rank[one.status] > rank[other.status];
}
