/**
 * Makes fewer messages of those that leave for one member together. The core asks for an append a
 * proposal and an acknowledgement an append; under load dozens of each leave in one turn, and each
 * that is sent costs a stream, a handler and a share of a packet. What comes out is what the core
 * could have sent itself, or what a network that loses messages could have left over.
 */
import type { Entry, Message } from '../consensus/raft/index.js';
import { APPEND_ENTRY_OVERHEAD_BYTES, COALESCED_BYTES_MAX } from './limits.js';

/** The messages in their order, neighbours merged where one says what both say. */
export function coalesce(messages: readonly Message[]): Message[] {
  const fewer: Message[] = [];
  let pending: Pending | undefined;
  for (const message of messages) {
    if (pending?.take(message) === true) continue;
    if (pending !== undefined) fewer.push(pending.message());
    pending = new Pending(message);
  }
  if (pending !== undefined) fewer.push(pending.message());
  return fewer;
}

/** An append without entries: it tells how far the log is committed, or asks where it agrees. */
export function isCommitOnly({ type, entries }: Message): boolean {
  return type === 'appendRequest' && entries.length === 0;
}

/** A message that neighbours may still join. */
class Pending {
  readonly #first: Message;
  #last: Message;
  #entries: Entry[] | undefined;
  #bytes: number;

  constructor(first: Message) {
    this.#first = first;
    this.#last = first;
    this.#bytes = bytesOf(first.entries);
  }

  /** False when the message has to leave by itself. */
  take(next: Message): boolean {
    const last = this.#last;
    if (next.type !== last.type || next.term !== last.term) return false;
    if (next.type === 'appendResponse') return this.#takeAcknowledgement(next);
    if (next.type !== 'appendRequest') return false;
    const lastEntry = last.entries.at(-1);
    const endsAt = last.index + last.entries.length;
    const endTerm = lastEntry === undefined ? last.logTerm : lastEntry.term;
    if (next.index !== endsAt || next.logTerm !== endTerm || next.commit < last.commit)
      return false;
    const bytes = bytesOf(next.entries);
    if (this.#bytes + bytes > COALESCED_BYTES_MAX) return false;
    this.#bytes += bytes;
    this.#entries ??= [...last.entries];
    this.#entries.push(...next.entries);
    this.#last = next;
    return true;
  }

  /** The member acknowledges all up to an index: the highest says it for the others. */
  #takeAcknowledgement(next: Message): boolean {
    if (next.reject || this.#last.reject || next.index < this.#last.index) return false;
    this.#last = next;
    return true;
  }

  message(): Message {
    if (this.#entries === undefined) return this.#last;
    // Raft 5.3: the entries follow the entry before the first of them; the last has the newest commit.
    const { index, logTerm } = this.#first;
    return { ...this.#last, index, logTerm, entries: this.#entries };
  }
}

function bytesOf(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const { data } of entries) bytes += data.length + APPEND_ENTRY_OVERHEAD_BYTES;
  return bytes;
}
