import { TokenBucket } from '../../token-bucket.js';
import { CreditAccount, HandshakeAccount } from './budget.js';
import { FrameRules, type Violation } from './frame-rules.js';
import {
  CALL_MS_MAX,
  DEBT_BYTES_MAX,
  CREDIT_BYTES,
  EARLY_BYTES_MAX,
  LONG_CALLS_MAX,
  LONG_CALLS_PER_SECOND,
  PACKETS_PER_AUDIT,
  PACKETS_SENT_PER_AUDIT,
  PACKETS_SENT_PER_TRAP,
  PATH_CHANGES_MAX,
  PATH_CHANGES_PER_SECOND,
  TRAP_EVERY_MS,
} from './guard-limits.js';
import { readLongPacket } from './initial-packet.js';
import { Inspector } from './inspector.js';
import { SecretTap, type KeyLogging, type TrafficSecrets } from './secret-tap.js';

/** Which guards stand. All but in tests, which show what happens without one. */
export interface Guards {
  /** Bounds of what a peer sends before the handshake is over. */
  readonly handshake: boolean;
  /** Looks into the packets of peers in debt, on new paths, and by sample. */
  readonly inspection: boolean;
  /** Packets from another address are inspected, or dropped where that cannot be done. */
  readonly paths: boolean;
}

export const ALL_GUARDS: Guards = { handshake: true, inspection: true, paths: true };

/** What is to be done with a packet. */
export type Verdict =
  | 'pass'
  | 'drop'
  /** Only so many bytes of the datagram. */
  | { readonly keptBytes: number }
  | Violation;

/** Types of long headers (RFC 9000 17.2). */
const EARLY_DATA = 1;
const RETRY = 3;
const INTERNAL_ERROR = 0x01;
const PROTOCOL_VIOLATION = 0x0a;

/** What the guard asks the native connection; each costs a call of it. */
export interface GuardedConnection extends KeyLogging {
  isEstablished(): boolean;
  stats(): { readonly sent: number; readonly recv: number };
  /** The id that the peer gave for the active path. */
  destinationId(): Uint8Array;
  sourceId(): Uint8Array;
}

/**
 * Decides about each packet of a peer before quiche 0.18 sees it, which lacks bounds that were added
 * later. Most packets are only counted. A peer that sends much and delivers little, or that comes
 * from another address, has its packets opened and their frames judged, for which the keys of the
 * connection are needed; of all others a packet now and then.
 */
export class ConnectionGuard {
  readonly #guards: Guards;
  readonly #native: GuardedConnection;
  readonly #isServer: boolean;
  readonly #tap: SecretTap | undefined;
  readonly #handshake = new HandshakeAccount();
  readonly #credit: CreditAccount;
  readonly #rules: FrameRules;
  #secrets: TrafficSecrets | undefined;
  #inbound: Inspector | undefined;
  #outbound: Inspector | undefined;
  /** The id that the peer gave in the handshake. */
  #firstDestination: Buffer | undefined;
  /** The last packet answers a challenge, or nobody looks. Seen as soon as there are several paths. */
  hasPathResponse = false;
  #isOpen = false;
  #hasPaths = false;
  #isSuspect = false;
  #earlyBytes = 0;
  #auditsLeft = 0;
  #sentSinceAudit = 0;
  #sentSinceTrap = 0;
  #trappedAt: number;
  #sentPackets = 0;
  readonly #longCalls: TokenBucket;
  readonly #paths: TokenBucket;

  /** Before the first packet. `isServer`: this side was dialled. */
  constructor(native: GuardedConnection, isServer: boolean, guards: Guards, now: number) {
    this.#native = native;
    this.#isServer = isServer;
    this.#guards = guards;
    const isLogged = guards.inspection || guards.paths;
    this.#tap = isLogged ? SecretTap.attach(native) : undefined;
    this.#credit = new CreditAccount(now);
    this.#longCalls = new TokenBucket(LONG_CALLS_PER_SECOND, LONG_CALLS_MAX, now);
    this.#trappedAt = now - TRAP_EVERY_MS;
    this.#paths = new TokenBucket(PATH_CHANGES_PER_SECOND, PATH_CHANGES_MAX, now);
    const hasSent = (packetNumber: number): boolean =>
      // The first count leaves out coalesced packets, so quiche has the last word.
      packetNumber < this.#sentPackets || packetNumber < native.stats().sent;
    this.#rules = new FrameRules({ isServer, hasSent }, now);
  }

  /** The peer is looked at more closely than others. */
  get isSuspect(): boolean {
    return this.#isSuspect;
  }

  /** The handshake is over: from now on packets can be opened. */
  onEstablished(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#secrets = this.#tap?.take();
    if (this.#secrets === undefined) return;
    const { client, server } = this.#secrets;
    const idBytes = this.#native.sourceId().length;
    this.#inbound = new Inspector(this.#isServer ? client : server, idBytes);
  }

  /** The connection is over. */
  close(): void {
    this.#tap?.close();
  }

  /** A packet that is not quiche's yet. */
  judge(packet: Uint8Array, isNewPath: boolean, now: number): Verdict {
    this.hasPathResponse = !this.#guards.paths;
    const isShort = ((packet[0] ?? 0) & 0x80) === 0;
    if (!this.#isOpen && isShort && this.#native.isEstablished()) this.onEstablished();
    if (!this.#isOpen) return this.#judgeHandshake(packet, isNewPath);
    this.#credit.onReceived(packet.length);
    if (isNewPath && this.#guards.paths) {
      if (!isShort || !this.allowsPath()) return 'drop';
      // Forged packets cost an honest peer nothing: only what could be opened counts.
      const verdict = this.#inspect(packet, now);
      if (verdict === 'pass' && this.#paths.take(now) > 0) return 'drop';
      this.#hasPaths ||= verdict === 'pass';
      return verdict;
    }
    if (!this.#isInspected()) return 'pass';
    // A 1-RTT packet may hide behind one with a long header, of which none is needed any more.
    return isShort ? this.#inspect(packet, now) : 'drop';
  }

  /**
   * Whether this connection may have another path. CVE-2025-7054: ids that a peer has made this side
   * retire must not come back when a second path looks for one. Retiring any of them retires the
   * first, which the only path uses; once there is a second path each frame is seen.
   */
  allowsPath(): boolean {
    if (this.#hasPaths || !this.#guards.paths) return true;
    if (this.#inbound === undefined || this.#firstDestination === undefined) return false;
    return this.#firstDestination.equals(this.#native.destinationId());
  }

  /** This side is about to use another path, which `allowsPath`. */
  onPath(): void {
    this.#hasPaths = true;
  }

  /** What came has been handed on: now it shows how much of it there was to hand on. */
  settle(now: number): void {
    this.#credit.settle(now);
    this.#isSuspect = this.#credit.bytes < (this.#isSuspect ? CREDIT_BYTES / 2 : 0);
  }

  onDelivered(bytes: number): void {
    this.#credit.onDelivered(bytes);
    this.#rules.onDelivered(bytes);
  }

  /**
   * A packet is about to leave. False: it must not, to see whether the peer acknowledges what it
   * cannot have.
   */
  onSend(packet: Uint8Array, now: number): boolean {
    this.#credit.onSent(1);
    this.#sentPackets += 1;
    this.#sentSinceTrap += 1;
    this.#sentSinceAudit += 1;
    if (this.#sentSinceAudit >= PACKETS_SENT_PER_AUDIT) {
      this.#sentSinceAudit = 0;
      this.#auditsLeft = PACKETS_PER_AUDIT;
    }
    if (this.#sentSinceTrap < PACKETS_SENT_PER_TRAP || now - this.#trappedAt < TRAP_EVERY_MS) {
      return true;
    }
    return ((packet[0] ?? 0) & 0x80) !== 0 || !this.#setTrap(packet, now);
  }

  /** A call of the native object took so long. */
  onCall(ms: number, now: number): Violation | undefined {
    if (ms < CALL_MS_MAX || this.#longCalls.take(now) === 0) return undefined;
    return { code: INTERNAL_ERROR, reason: 'its packets take too long' };
  }

  #judgeHandshake(packet: Uint8Array, isNewPath: boolean): Verdict {
    const isLong = ((packet[0] ?? 0) & 0x80) !== 0;
    if (isNewPath && this.#guards.paths && !isLong) return 'drop';
    if (!isLong) return 'pass';
    this.#firstDestination ??= firstSourceId(packet);
    if (!this.#guards.handshake) return 'pass';
    if (isEarlyData(packet)) {
      this.#earlyBytes += packet.length;
      const isTaken = this.#earlyBytes <= EARLY_BYTES_MAX && !(isNewPath && this.#guards.paths);
      return isTaken ? 'pass' : 'drop';
    }
    // What comes behind in the same datagram is no part of it, and may be as long as a cable allows.
    const keptBytes = handshakeBytes(packet);
    if (this.#handshake.onReceived(keptBytes)) {
      // What comes behind packets of the handshake may open a path, and must be seen before.
      const isCut = isNewPath && this.#guards.paths;
      // They open one themselves when the peer's port changes before it has heard the answer to them.
      this.#hasPaths ||= isCut && this.#isServer;
      return isCut ? { keptBytes } : 'pass';
    }
    return { code: PROTOCOL_VIOLATION, reason: 'too much before the end of the handshake' };
  }

  #isInspected(): boolean {
    if (!this.#guards.inspection) return this.#hasPaths && this.#guards.paths;
    return this.#isSuspect || this.#hasPaths || this.#rules.isTrapSet || this.#auditsLeft > 0;
  }

  #inspect(packet: Uint8Array, now: number): Verdict {
    if (this.#auditsLeft > 0) this.#auditsLeft -= 1;
    const frames = this.#inbound?.frames(packet, this.#native.stats().recv);
    if (this.#inbound === undefined) return this.#judgeBlindly();
    // Forged by somebody else, or by a peer that hides its packet numbers: not quiche's business.
    if (frames === undefined) return 'drop';
    this.hasPathResponse = frames.some(({ kind }) => kind === 'path-response');
    return this.#rules.judge(frames, packet.length, this.#isSuspect, now) ?? 'pass';
  }

  /** Without keys all that counts is how much came of nothing. */
  #judgeBlindly(): Verdict {
    if (this.#credit.bytes > -DEBT_BYTES_MAX) return 'pass';
    return { code: PROTOCOL_VIOLATION, reason: 'too many bytes that deliver nothing' };
  }

  #setTrap(packet: Uint8Array, now: number): boolean {
    if (this.#secrets === undefined || !this.#guards.inspection || this.#rules.isTrapSet) {
      return false;
    }
    const { client, server } = this.#secrets;
    this.#outbound ??= new Inspector(
      this.#isServer ? server : client,
      this.#native.destinationId().length,
    );
    const opened = this.#outbound.open(packet, this.#sentPackets);
    if (opened === undefined) return false;
    this.#sentSinceTrap = 0;
    this.#trappedAt = now;
    this.#rules.setTrap(opened.packetNumber);
    return true;
  }
}

/** Length of the packets of the handshake with which a datagram begins. */
function handshakeBytes(datagram: Uint8Array): number {
  let at = 0;
  while (at < datagram.length) {
    const packet = isEarlyData(datagram.subarray(at)) ? undefined : readLongPacket(datagram, at);
    if (packet === undefined) break;
    at = packet.end;
  }
  return at;
}

/** A 0-RTT packet (RFC 9000 17.2.3) comes first in the datagram. */
function isEarlyData(packet: Uint8Array): boolean {
  return (((packet[0] ?? 0) >> 4) & 3) === EARLY_DATA;
}

/** The id by which the sender of a packet of the handshake wants to be called (RFC 9000 7.2). */
function firstSourceId(packet: Uint8Array): Buffer | undefined {
  const [first = 0, v1 = 0, v2 = 0, v3 = 0, v4 = 0, destinationBytes = 0] = packet;
  const isVersionNegotiation = (v1 | v2 | v3 | v4) === 0;
  const isRetry = ((first >> 4) & 3) === RETRY;
  if (isVersionNegotiation || isRetry) return undefined;
  const at = 6 + destinationBytes;
  const bytes = packet[at] ?? 0;
  return Buffer.from(packet.subarray(at + 1, at + 1 + bytes));
}
