import { randomBytes } from 'node:crypto';
import { CONNECTION_IDS_ISSUED_MAX, CONNECTION_IDS_SPARE } from '../limits.js';
import type { ConnectionOwner } from './connection-owner.js';
import type { NativeConnection } from './native.js';
import { CONNECTION_ID_BYTES } from './packet.js';

/** What the ids of a connection ask of its engine. */
export interface ConnectionIdsOwner {
  /** Packets to this id (latin1) are this connection's from now on. */
  addRoute(route: string): void;
  removeRoute(route: string): void;
}

/**
 * The connection ids that this side gives to the peer (RFC 9000 5.1): spare ones, so that either side
 * can move to another path, and new ones for those that the peer has retired.
 */
export class ConnectionIds {
  readonly #owner: ConnectionIdsOwner;
  readonly #engine: ConnectionOwner;
  readonly #native: NativeConnection;
  #issuedCount = 0;
  #wantedCount = CONNECTION_IDS_SPARE;

  constructor(owner: ConnectionIdsOwner, engine: ConnectionOwner, native: NativeConnection) {
    this.#owner = owner;
    this.#engine = engine;
    this.#native = native;
  }

  /**
   * Another path is in use, or the first: gives the peer what it needs for two more. Returns true
   * when there is something to send.
   */
  supply(): boolean {
    this.#wantedCount += 1;
    let isAdded = false;
    while (
      this.#native.activeSourceCids() < this.#wantedCount &&
      this.#issuedCount < CONNECTION_IDS_ISSUED_MAX &&
      this.#native.sourceCidsLeft() > 0
    ) {
      const connectionId = randomBytes(CONNECTION_ID_BYTES);
      this.#native.newSourceCid(connectionId, this.#engine.resetToken(connectionId), false);
      this.#owner.addRoute(connectionId.toString('latin1'));
      this.#issuedCount += 1;
      isAdded = true;
    }
    return isAdded;
  }

  /** Forgets those that the peer has retired, and replaces them. */
  replaceRetired(): boolean {
    let isAnyRetired = false;
    for (;;) {
      const retired = this.#native.retiredScidNext();
      if (retired === null) break;
      this.#owner.removeRoute(Buffer.from(retired).toString('latin1'));
      isAnyRetired = true;
    }
    if (isAnyRetired) this.#wantedCount -= 1;
    return isAnyRetired && this.supply();
  }
}
