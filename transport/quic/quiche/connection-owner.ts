import type { ConnectionCloseInfo, LocalAddress } from '../connection.js';
import type { Authenticate } from '../engine.js';
import type { QuicSettings } from '../settings.js';
import type { ConnectionLog } from './connection-log.js';
import type { Guards } from './guard.js';
import type { LateFlushes } from './late-flushes.js';
import type { NativeHost } from './native.js';
import type { QuicheConnection } from './quiche-connection.js';

/** What a connection asks of its engine. */
export interface ConnectionOwner {
  /** Connections that may wait with what they owe. */
  readonly lateFlushes: LateFlushes;
  /** Scratch space for reading streams. */
  readonly readBuffer: Uint8Array;
  /** Scratch space for one packet of at most `bytes`; another one while the system holds on to it. */
  packetBuffer(bytes: number): Uint8Array;
  sendPacket(length: number, from: NativeHost, to: NativeHost): void;
  /** Call `pump` and then `flush` soon. */
  schedule(connection: QuicheConnection): void;
  addRoute(connection: QuicheConnection, route: string): void;
  removeRoute(connection: QuicheConnection, route: string): void;
  resetToken(connectionId: Uint8Array): bigint;
  /** A further local address; give it back with `releaseLocal`. */
  bindLocal(local: LocalAddress): Promise<NativeHost>;
  releaseLocal(local: NativeHost): void;
  /** The connection can be used: the peer is accepted, or (early) was so the last time. */
  onOpen(connection: QuicheConnection): void;
  /** The handshake is over and the peer accepted. */
  onEstablished(connection: QuicheConnection): void;
  /** Over; `lastPacket` is what to answer a peer with that has not understood it. */
  onOver(connection: QuicheConnection, info: ConnectionCloseInfo, lastPacket?: Uint8Array): void;
}

export interface QuicheConnectionOptions {
  readonly isServer: boolean;
  readonly local: NativeHost;
  readonly remote: NativeHost;
  readonly settings: QuicSettings;
  /** Undefined when the peer shows no certificate. */
  readonly authenticate: Authenticate | undefined;
  readonly onSession?: ((session: Uint8Array) => void) | undefined;
  readonly log: ConnectionLog | undefined;
  readonly guards: Guards;
}
