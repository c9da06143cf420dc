/**
 * What members say to each other of their namespaces: each tells some of the others what it has, once a
 * second, so that whatever was lost on its way is found; and large messages come in pieces.
 */
import { Outbox } from './outbox.js';
import type { OutboxPorts } from './outbox.js';
import { Pieces } from './pieces.js';
import type { Piece } from './pieces.js';

/** A namespace, as far as others hear of it. */
interface Comparable {
  readonly isUsable: boolean;
  compare(others: readonly number[]): void;
}

export class Exchange {
  readonly outbox: Outbox;
  readonly #pieces = new Pieces();

  constructor(ports: OutboxPorts) {
    this.outbox = new Outbox(ports);
  }

  /** Compares with those that are members now. Returns the namespaces that have to be opened again. */
  compare<One extends Comparable>(others: Iterable<number>, namespaces: readonly One[]): One[] {
    const members = new Set(others);
    this.outbox.keep(members);
    this.#pieces.keep(members);
    const ordered = [...members].sort((a, b) => a - b);
    for (const namespace of namespaces) if (namespace.isUsable) namespace.compare(ordered);
    return namespaces.filter(({ isUsable }) => !isUsable);
  }

  /** The whole message with its last piece. Throws `NodeError` `malformed` for one that does not fit. */
  take(from: number, piece: Piece): Uint8Array | undefined {
    return this.#pieces.take(from, piece);
  }
}
