import type { ConnectionLog } from './connection-log.js';
import type { ConnectionGuard } from './guard.js';
import type { NativeConnection, NativeHost } from './native.js';
import type { Paths } from './paths.js';
import type { Violation } from './frame-rules.js';

/** Shows packets to the guard, and those that it lets pass to the engine. */
export class PacketReceiver {
  readonly #native: NativeConnection;
  readonly #paths: Paths;
  readonly #guard: ConnectionGuard;
  readonly #log: ConnectionLog | undefined;

  constructor(
    native: NativeConnection,
    paths: Paths,
    guard: ConnectionGuard,
    log: ConnectionLog | undefined,
  ) {
    this.#native = native;
    this.#paths = paths;
    this.#guard = guard;
    this.#log = log;
  }

  /** Returns for what the connection must end, if it must. The datagram is spoilt afterwards. */
  receive(
    datagram: Uint8Array,
    host: string,
    port: number,
    local: NativeHost,
  ): Violation | undefined {
    const startedAt = performance.now();
    const isNewPath = !this.#paths.isLast(host, port, local);
    const verdict = this.#guard.judge(datagram, isNewPath, startedAt);
    if (verdict === 'drop') return undefined;
    if (verdict !== 'pass' && 'code' in verdict) return verdict;
    if (this.#guard.hasPathResponse) this.#paths.onPathResponse();
    const taken = verdict === 'pass' ? datagram : datagram.subarray(0, verdict.keptBytes);
    this.#log?.onDatagram('received', datagram.length);
    try {
      this.#native.recv(taken, this.#paths.receiveInfo(host, port, local));
    } catch {
      // quiche has noted the error and sends it to the peer in the next flush.
    }
    const now = performance.now();
    return this.#guard.onCall(now - startedAt, now);
  }
}
