/** Local edits on their way out: gathered, so that a burst costs little more than the edits themselves. */
import * as Y from 'yjs';
import { TRANSACTIONS_GATHERED_MAX, TRANSACTIONS_UNSENT_MAX } from './limits.js';

/**
 * Watches a document for local transactions. A few at a time are handed out as Yjs encodes each; of
 * many, only the difference is encoded when it is sent: encoding each keystroke of a burst would take
 * longer than typing it.
 */
export class OutgoingEdits {
  readonly #document: Y.Doc;
  readonly #isRemote: (origin: unknown) => boolean;
  readonly #onEdits: (isUrgent: boolean) => void;
  #updates: Uint8Array[] = [];
  #count = 0;
  /** What was there when the last edits were taken. */
  #since: Uint8Array;
  #isBurst = false;

  /** `onEdits` is told of each local transaction; `isUrgent`: it is time to take them. */
  constructor(
    document: Y.Doc,
    isRemote: (origin: unknown) => boolean,
    onEdits: (isUrgent: boolean) => void,
  ) {
    this.#document = document;
    this.#isRemote = isRemote;
    this.#onEdits = onEdits;
    this.#since = Y.encodeStateVector(document);
    document.on('update', this.#onUpdate);
    document.on('afterTransaction', this.#onTransaction);
  }

  /** One update of all local edits since the last time; undefined when there are none. */
  take(): Uint8Array | undefined {
    if (this.#count === 0) return undefined;
    const update = this.#isBurst
      ? Y.encodeStateAsUpdate(this.#document, this.#since)
      : this.#updates.length === 1
        ? this.#updates[0]
        : Y.mergeUpdates(this.#updates);
    this.#count = 0;
    this.#updates = [];
    this.#since = Y.encodeStateVector(this.#document);
    if (this.#isBurst) this.#document.on('update', this.#onUpdate);
    this.#isBurst = false;
    return update;
  }

  stop(): void {
    this.#document.off('update', this.#onUpdate);
    this.#document.off('afterTransaction', this.#onTransaction);
  }

  readonly #onUpdate = (update: Uint8Array, origin: unknown): void => {
    if (!this.#isRemote(origin)) this.#updates.push(update);
  };

  readonly #onTransaction = (transaction: Y.Transaction): void => {
    if (this.#isRemote(transaction.origin)) return;
    if (!hasEdits(transaction)) return;
    this.#count += 1;
    if (this.#count === TRANSACTIONS_GATHERED_MAX) {
      this.#isBurst = true;
      this.#updates = [];
      this.#document.off('update', this.#onUpdate);
    }
    this.#onEdits(this.#count >= TRANSACTIONS_UNSENT_MAX);
  };
}

/** Reading inside of a transaction is no edit. */
function hasEdits({ deleteSet, beforeState, afterState }: Y.Transaction): boolean {
  if (deleteSet.clients.size > 0) return true;
  for (const [client, clock] of afterState) if (beforeState.get(client) !== clock) return true;
  return false;
}
