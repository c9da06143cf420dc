/** States of namespaces that operators read piece by piece, for backups. */
import type { StateCut } from '../../consensus/crdt/index.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import { EXPORTS_MAX, PIECE_BYTES } from './limits.js';

interface Begun {
  readonly namespace: string;
  readonly state: StateCut;
}

export interface ExportedPiece {
  readonly total: number;
  readonly bytes: Uint8Array;
}

const NOTHING: Pick<StateCut, 'pieces' | 'bytes'> = { pieces: [], bytes: 0 };

export class Exports {
  /** By who reads: one namespace at a time. The one that was begun first stands first. */
  readonly #begun = new Map<object, Begun>();

  /**
   * The piece of a state at byte `at`; with `at` 0 it is taken anew by `take`, in pieces of `PIECE_BYTES`. Throws `RpcError` `refused`
   * when the reader has to begin again.
   */
  async read(
    reader: object,
    { namespace, at }: { readonly namespace: string; readonly at: number },
    take: () => Promise<StateCut>,
  ): Promise<ExportedPiece> {
    if (at === 0) this.#begin(reader, { namespace, state: await take() });
    const begun = this.#begun.get(reader);
    const { pieces, bytes: total } = begun?.namespace === namespace ? begun.state : NOTHING;
    const bytes = at % PIECE_BYTES === 0 ? pieces[at / PIECE_BYTES] : undefined;
    if (bytes === undefined) {
      throw new RpcError('refused', 'others read too, or this is read to its end: begin again');
    }
    if (at + bytes.length >= total) this.#begun.delete(reader);
    return { total, bytes };
  }

  #begin(reader: object, begun: Begun): void {
    this.#begun.delete(reader);
    this.#begun.set(reader, begun);
    for (const first of this.#begun.keys()) {
      if (this.#begun.size <= EXPORTS_MAX) break;
      this.#begun.delete(first);
    }
  }
}
