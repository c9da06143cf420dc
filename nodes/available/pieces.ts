/** Messages that come in pieces: one at a time of each member and namespace, in order. */
import { NodeError } from '../errors.js';
import { PIECED_BYTES_MAX } from './limits.js';

export interface Piece {
  readonly namespace: string;
  /** A later one takes the place of the one before. */
  readonly transfer: number;
  /** Where it belongs, and how many bytes the whole message has. */
  readonly at: number;
  readonly total: number;
  readonly bytes: Uint8Array;
}

interface Begun {
  readonly namespace: string;
  readonly transfer: number;
  readonly pieces: Uint8Array[];
  bytes: number;
}

export class Pieces {
  /** A member sends one message at a time: what it begins takes the place of what it has not ended. */
  readonly #begun = new Map<number, Begun>();

  /** The whole message with its last piece. Throws `NodeError` `malformed` for one that does not fit. */
  take(from: number, { namespace, transfer, at, total, bytes }: Piece): Uint8Array | undefined {
    if (total > PIECED_BYTES_MAX) throw new NodeError('malformed', 'the message is too large');
    if (at === 0) this.#begun.set(from, { namespace, transfer, pieces: [], bytes: 0 });
    const begun = this.#begun.get(from);
    const fits =
      begun?.namespace === namespace &&
      begun.transfer === transfer &&
      begun.bytes === at &&
      bytes.length > 0 &&
      at + bytes.length <= total;
    if (!fits) {
      throw new NodeError(
        'malformed',
        `a piece at byte ${at} does not follow what has come so far`,
      );
    }
    // A copy: it must not keep the whole call in memory.
    begun.pieces.push(bytes.slice());
    begun.bytes += bytes.length;
    if (begun.bytes < total) return undefined;
    this.#begun.delete(from);
    return Buffer.concat(begun.pieces);
  }

  /** Forgets members that are none any more. */
  keep(members: ReadonlySet<number>): void {
    for (const nodeId of this.#begun.keys()) if (!members.has(nodeId)) this.#begun.delete(nodeId);
  }
}
