/** Keeps connections to the peers that were named, and none to those that may not take part. */
import type { Connection, Libp2p } from '@libp2p/interface';
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr';
import { TopicError, messageOf } from './error.js';
import { PEERS_MAX } from './limits.js';

const LOOK_EVERY_MS = 1_000;
const DIAL_MS_MAX = 10_000;
const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 15_000;
/** So many looks in a row without a stream to the peer, and the connection is made anew. */
const SILENT_LOOKS_MAX = 15;

interface Wanted {
  readonly address: Multiaddr;
  isDialling: boolean;
  failures: number;
  nextMs: number;
}

export interface LinksOptions {
  readonly isAllowed: (peerId: string) => boolean;
  /** Whether gossipsub has a stream to the peer. */
  readonly isSpokenTo: (peerId: string) => boolean;
  /** A dial failed; it is tried again. */
  readonly onProblem: (sentence: string) => void;
}

export class Links {
  readonly #node: Libp2p;
  readonly #options: LinksOptions;
  readonly #wanted = new Map<string, Wanted>();
  /** Looks in a row at which a connection was without a stream; 0 when it has had one. */
  readonly #silentLooks = new WeakMap<Connection, number>();
  readonly #closing = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(node: Libp2p, options: LinksOptions) {
    this.#node = node;
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
    this.#look();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#closing.abort();
  }

  /** Another address of the same peer replaces the first. Throws `TopicError` `bad-option`. */
  add(text: string): void {
    const { address, peerId } = parsePeer(text);
    if (peerId === this.#node.peerId.toString()) return;
    if (!this.#wanted.has(peerId) && this.#wanted.size >= PEERS_MAX) {
      const why = `${this.#wanted.size} peers are kept already; name no more than ${PEERS_MAX}`;
      throw new TopicError('bad-option', why);
    }
    this.#wanted.set(peerId, { address, isDialling: false, failures: 0, nextMs: 0 });
    if (this.#timer !== undefined) this.#look();
  }

  /** Dials the peer no more. A connection that stands ends when `isAllowed` says so. */
  remove(peerId: string): void {
    this.#wanted.delete(peerId);
  }

  #look(): void {
    const connected = new Set<string>();
    for (const connection of this.#node.getConnections()) {
      const peerId = connection.remotePeer.toString();
      if (this.#options.isAllowed(peerId) && !this.#isSilent(connection)) connected.add(peerId);
      else connection.close().catch((error: Error) => connection.abort(error));
    }
    const nowMs = performance.now();
    for (const [peerId, wanted] of this.#wanted) {
      if (connected.has(peerId)) wanted.failures = 0;
      else if (!wanted.isDialling && nowMs >= wanted.nextMs && this.#options.isAllowed(peerId)) {
        void this.#dial(wanted);
      }
    }
  }

  /**
   * Whether the connection is of no use. Gossipsub makes one stream to a peer and no second one: when
   * it was lost with an older connection (the peer was killed and is back), only a new connection helps.
   */
  #isSilent(connection: Connection): boolean {
    const before = this.#silentLooks.get(connection);
    const isSpokenTo = this.#options.isSpokenTo(connection.remotePeer.toString());
    const looks = isSpokenTo ? 0 : (before ?? 0) + 1;
    this.#silentLooks.set(connection, looks);
    return looks > SILENT_LOOKS_MAX || (before === 0 && !isSpokenTo);
  }

  async #dial(wanted: Wanted): Promise<void> {
    wanted.isDialling = true;
    const late = AbortSignal.timeout(DIAL_MS_MAX);
    try {
      await this.#node.dial(wanted.address, {
        signal: AbortSignal.any([late, this.#closing.signal]),
      });
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      const waitMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** wanted.failures);
      wanted.failures = Math.min(wanted.failures + 1, 10);
      wanted.nextMs = performance.now() + waitMs;
      const why = messageOf(error);
      this.#options.onProblem(
        `${wanted.address.toString()} cannot be reached, tried again in ${waitMs} ms: ${why}`,
      );
    } finally {
      wanted.isDialling = false;
    }
  }
}

function parsePeer(text: string): { readonly address: Multiaddr; readonly peerId: string } {
  let address: Multiaddr;
  try {
    address = multiaddr(text);
  } catch (cause) {
    throw badPeer(text, cause);
  }
  const peerId = address.getComponents().findLast(({ name }) => name === 'p2p')?.value;
  if (peerId === undefined) throw badPeer(text);
  return { address, peerId };
}

function badPeer(text: string, cause?: unknown): TopicError {
  const why = `the peer ${text} has no address; give /ip4/HOST/udp/PORT/quic-v1/p2p/PEER_ID`;
  return new TopicError('bad-option', why, { cause });
}
