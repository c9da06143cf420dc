import type { ConnectionCloseInfo, ConnectionStats } from '../connection.js';
import { KeyLog } from './key-log.js';
import type { NativeConnection, NativePathEvent } from './native.js';
import { Qlog } from './qlog.js';

/** What is written down of a connection for debugging, when SSLKEYLOGFILE or QLOGDIR ask for it. */
export class ConnectionLog {
  readonly #keyLog: KeyLog | undefined;
  readonly #qlog: Qlog | undefined;

  private constructor(keyLog: KeyLog | undefined, qlog: Qlog | undefined) {
    this.#keyLog = keyLog;
    this.#qlog = qlog;
  }

  /** Undefined when nobody asked for anything, so that it costs nothing. */
  static begin(
    native: NativeConnection,
    connection: { readonly isServer: boolean; readonly firstId: Uint8Array },
  ): ConnectionLog | undefined {
    const keyLog = KeyLog.begin(native);
    const name = Buffer.from(connection.firstId).toString('hex');
    const qlog = Qlog.begin(name, connection.isServer, performance.now());
    return keyLog === undefined && qlog === undefined ? undefined : new ConnectionLog(keyLog, qlog);
  }

  onDatagram(direction: 'sent' | 'received', bytes: number): void {
    this.#event(`transport:datagrams_${direction}`, { count: 1, raw: [{ length: bytes }] });
  }

  onPath(event: NativePathEvent): void {
    this.#event('connectivity:path_updated', event);
  }

  onMetrics(stats: ConnectionStats): void {
    this.#event('recovery:metrics_updated', {
      smoothed_rtt: stats.rttMs,
      congestion_window: stats.congestionWindowBytes,
      packets_lost: stats.lostPackets,
      max_datagram_size: stats.packetBytes,
    });
  }

  onEstablished(): void {
    this.#event('connectivity:connection_state_updated', { new: 'handshake_complete' });
  }

  onOver(info: ConnectionCloseInfo): void {
    this.#event('connectivity:connection_closed', {
      owner: info.local ? 'local' : 'remote',
      trigger: info.kind,
      code: info.code,
      reason: info.reason,
    });
    this.#qlog?.end();
    this.#keyLog?.end();
  }

  #event(name: string, data: object): void {
    this.#qlog?.event(name, data, performance.now());
  }
}
