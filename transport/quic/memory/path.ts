import type { ConnectionCloseInfo, LocalAddress } from '../connection.js';
import { QuicError } from '../quic-error.js';
import type { Fabric, Listener } from './fabric.js';
import type { Lane } from './lane.js';
import { PATH_VALIDATION_MS_MAX } from './limits.js';

/** An address that belongs to a connection cannot be dialled. */
const NOBODY: Listener = { onHello: () => undefined };

/** The path of one end of a connection, and its moves to another (RFC 9000 9). */
export class Path {
  readonly #fabric: Fabric;
  readonly #lane: Lane;
  /** An address that was taken for this connection alone. */
  #ownAddress: LocalAddress | undefined;
  #onAnswer: (() => void) | undefined;

  constructor(fabric: Fabric, lane: Lane) {
    this.#fabric = fabric;
    this.#lane = lane;
  }

  /**
   * Moves this end to another local address once it has been answered there. Rejects with
   * `QuicError`: `address-unavailable`, `address-in-use`, `migration-failed`, `closed`.
   */
  async move(local: LocalAddress, closed: Promise<ConnectionCloseInfo>): Promise<void> {
    if (this.#onAnswer !== undefined) {
      throw new QuicError('migration-failed', 'this connection is moving already');
    }
    const address = this.#fabric.bind(local.host, local.port, NOBODY);
    const outcome = await this.#validate(address, closed);
    this.#onAnswer = undefined;
    if (outcome !== 'answered') {
      this.#fabric.unbind(address, NOBODY);
      if (outcome === 'closed') throw new QuicError('closed', 'the connection is closed');
      throw new QuicError(
        'migration-failed',
        `nothing came back to ${address.host}:${address.port} in ${PATH_VALIDATION_MS_MAX} ms; the old path stays in use`,
      );
    }
    if (this.#ownAddress !== undefined) this.#fabric.unbind(this.#ownAddress, NOBODY);
    this.#ownAddress = address;
    this.#lane.from = address;
    this.#fabric.send(this.#lane, { kind: 'moved' });
    this.#fabric.onPathChanged();
  }

  /** The peer tries a path from `from`. */
  answer(from: LocalAddress): void {
    this.#fabric.send(this.#lane, { kind: 'probe-answer' }, { to: from });
  }

  onAnswer(): void {
    this.#onAnswer?.();
  }

  onPeerMoved(from: LocalAddress): void {
    this.#lane.to = from;
    this.#fabric.onPathChanged();
  }

  /** The connection is over. */
  stop(): void {
    if (this.#ownAddress !== undefined) this.#fabric.unbind(this.#ownAddress, NOBODY);
    this.#ownAddress = undefined;
  }

  async #validate(
    address: LocalAddress,
    closed: Promise<ConnectionCloseInfo>,
  ): Promise<'answered' | 'late' | 'closed'> {
    let timer: NodeJS.Timeout | undefined;
    const answered = new Promise<'answered' | 'late'>((resolve) => {
      this.#onAnswer = () => resolve('answered');
      timer = setTimeout(() => resolve('late'), PATH_VALIDATION_MS_MAX);
    });
    this.#fabric.send(this.#lane, { kind: 'probe' }, { from: address });
    const outcome = await Promise.race([answered, closed.then(() => 'closed' as const)]);
    clearTimeout(timer);
    return outcome;
  }
}
