import type { ConnectionStats } from '../connection.js';
import type { QuicSettings } from '../settings.js';
import type { PacketRange } from './interface-mtu.js';
import type { NativeConnection, NativePathStats } from './native.js';
import { Pacer } from './pacer.js';
import { PathMtu } from './path-mtu.js';

/** Full packets in a row that make a bulk transfer: only then the path is looked at. */
const BULK_PACKETS = 8;
/** What quiche says before it has measured anything (RFC 9002 6.2.2). */
const RTT_MS_UNKNOWN = 333;
/** The path is looked at no more often; each look copies all its counters. */
const LOOK_MS_MIN = 5;

/**
 * When the next packet of a connection may go, and how long it may be. A connection that sends
 * little pays next to nothing for it.
 */
export class SendControl {
  readonly #native: NativeConnection;
  readonly #pacer: Pacer | undefined;
  #mtu: PathMtu;
  #nowMs = 0;
  #isEstablished = false;
  /** Packets in a row that were as long as they may be. */
  #fullPackets = 0;
  #lookedAtMs = 0;
  #lookAgainMs = LOOK_MS_MIN;
  #isProbing = false;
  /**
   * Packets of a bulk transfer differ by a byte in turns: quiche's pacer brings its time of departure up
   * to date only when lengths differ, or after ten packets, which a small window never has in a round
   * trip. BBR keeps a pacer whose time is not used so.
   */
  readonly #isUneven: boolean;
  #isOdd = false;
  #path: NativePathStats | undefined;

  constructor(native: NativeConnection, settings: QuicSettings, range: PacketRange) {
    this.#native = native;
    this.#pacer = settings.pacing ? new Pacer(settings.congestionControl) : undefined;
    this.#mtu = new PathMtu(range.startBytes, range.ceilingBytes);
    this.#isUneven = settings.congestionControl !== 'bbr';
  }

  /** Largest UDP payload that is sent now. */
  get packetBytes(): number {
    return this.#mtu.packetBytes;
  }

  /** A flush begins. */
  begin(nowMs: number, isEstablished: boolean): void {
    this.#nowMs = nowMs;
    this.#isEstablished = isEstablished;
  }

  /** Room for the next packet; 0 when it has to wait for `waitMs`. */
  nextPacketBytes(): number {
    const isBulk = this.#isEstablished && this.#fullPackets >= BULK_PACKETS;
    if (isBulk || this.#pacer?.isPacing === true) this.#look();
    if (this.waitMs() > 0) return 0;
    this.#isProbing = isBulk && this.#path !== undefined && this.#mtu.wantsProbe(this.#nowMs);
    if (this.#isProbing) return this.#mtu.probeBytes;
    this.#isOdd = this.#isUneven && !this.#isOdd;
    return this.#mtu.packetBytes - (this.#isOdd ? 1 : 0);
  }

  /** A packet of this many bytes went out. */
  onPacket(bytes: number): void {
    this.#fullPackets = bytes >= this.#mtu.packetBytes - 1 ? this.#fullPackets + 1 : 0;
    this.#pacer?.onSent(bytes);
    if (this.#isProbing && bytes > this.#mtu.packetBytes) {
      const path = this.#readPath();
      if (path !== undefined) this.#mtu.onProbeSent(bytes, counters(path), this.#nowMs);
    }
    this.#isProbing = false;
  }

  /** Milliseconds until the next packet may go. */
  waitMs(): number {
    return this.#pacer?.waitMs(this.#nowMs) ?? 0;
  }

  /** The connection goes over another path now. */
  onPathChanged(range: PacketRange): void {
    this.#mtu = new PathMtu(range.startBytes, range.ceilingBytes);
    this.#path = undefined;
    this.#lookedAtMs = 0;
  }

  stats(): ConnectionStats {
    const path = this.#readPath();
    return {
      rttMs: path?.rtt ?? 0,
      congestionWindowBytes: path?.cwnd ?? 0,
      packetBytes: this.packetBytes,
      sentPackets: path?.sent ?? 0,
      receivedPackets: path?.recv ?? 0,
      lostPackets: path?.lost ?? 0,
      sentBytes: path?.sentBytes ?? 0,
      receivedBytes: path?.recvBytes ?? 0,
    };
  }

  #look(): void {
    if (this.#nowMs - this.#lookedAtMs < this.#lookAgainMs) return;
    const path = this.#readPath();
    if (path === undefined) return;
    this.#lookedAtMs = this.#nowMs;
    this.#lookAgainMs = Math.max(LOOK_MS_MIN, path.rtt / 2);
    this.#path = path;
    if (path.rtt !== RTT_MS_UNKNOWN)
      this.#pacer?.onPath(path.rtt, path.cwnd, this.#mtu.packetBytes, this.#nowMs);
    if (this.#mtu.isWatching) this.#mtu.onCounters(counters(path), this.#nowMs);
  }

  #readPath(): NativePathStats | undefined {
    return this.#native.pathStats().find(({ active }) => active);
  }
}

function counters(path: NativePathStats): Parameters<PathMtu['onCounters']>[0] {
  return {
    sentPackets: path.sent,
    receivedPackets: path.recv,
    sentBytes: path.sentBytes,
    lostBytes: path.lostBytes,
    rttMs: path.rtt,
  };
}
