/**
 * Where sessions of earlier connections are kept, by peer id, for shorter handshakes and for 0-RTT. A
 * session is a secret: whoever holds it can pose as this side. It is used once, so that nobody who
 * watches can tell that two connections are of the same peer.
 */
export interface SessionStore {
  /** The newest session with a peer, which the store then forgets. */
  take(peerId: string): Uint8Array | undefined;
  put(peerId: string, session: Uint8Array): void;
}
