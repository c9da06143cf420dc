import {
  ACK_PACKETS_MAX,
  ACK_PACKET_BYTES_MAX,
  PACKETS_PER_FLUSH_CLOSING_MAX,
  PACKETS_PER_FLUSH_MAX,
  PACKETS_PER_FLUSH_REBOUND_MAX,
} from '../limits.js';
import type { ConnectionLog } from './connection-log.js';
import type { ConnectionOwner } from './connection-owner.js';
import type { ConnectionGuard } from './guard.js';
import type { NativeConnection } from './native.js';
import type { Paths } from './paths.js';
import type { SendControl } from './send-control.js';

/** What sending asks of the connection. */
interface PacketSenderOwner {
  /** Flush again in the next turn. */
  markDirty(): void;
}

interface PacketSenderParts {
  readonly paths: Paths;
  readonly control: SendControl;
  readonly log: ConnectionLog | undefined;
  readonly guard: ConnectionGuard;
}

/** Takes packets from the engine and sends them, as many and as large as the path allows now. */
export class PacketSender {
  readonly #owner: PacketSenderOwner;
  readonly #engine: ConnectionOwner;
  readonly #native: NativeConnection;
  readonly #paths: Paths;
  readonly #control: SendControl;
  readonly #log: ConnectionLog | undefined;
  readonly #guard: ConnectionGuard;
  #paceTimer: NodeJS.Timeout | undefined;
  /** There is something to send besides acknowledgements. */
  hasWork = false;
  /** A packet came since something was sent; and how many that were no mere acknowledgements. */
  #isUnanswered = false;
  #unansweredPackets = 0;
  /** By the last flush that sent anything. */
  #packetsSent = 0;
  /** The engine has been told to close; what it sends now is the last. */
  #isClosing = false;
  /** What to answer a peer with that goes on sending after the end. */
  lastPacket: Uint8Array | undefined;

  constructor(
    owner: PacketSenderOwner,
    engine: ConnectionOwner,
    native: NativeConnection,
    parts: PacketSenderParts,
  ) {
    this.#owner = owner;
    this.#engine = engine;
    this.#native = native;
    this.#paths = parts.paths;
    this.#control = parts.control;
    this.#log = parts.log;
    this.#guard = parts.guard;
  }

  /** True while packets are ready, and wait for their time. */
  get isWaiting(): boolean {
    return this.#paceTimer !== undefined;
  }

  /** There is at most an acknowledgement to send, and it may wait for company. */
  get mayWait(): boolean {
    return (
      !this.hasWork &&
      this.#isUnanswered &&
      this.#unansweredPackets < ACK_PACKETS_MAX &&
      // After more than a packet there may be a rest that waits for this acknowledgement.
      this.#packetsSent <= 1 &&
      !this.isWaiting &&
      !this.#paths.isRebound &&
      !this.#native.isClosed() &&
      !this.#native.isDraining()
    );
  }

  onPacketReceived(bytes: number): void {
    this.#isUnanswered = true;
    // An acknowledgement asks for none (RFC 9000 13.2.1). Of the others a short one waits a little.
    if (bytes > ACK_PACKET_BYTES_MAX) this.#unansweredPackets += 1;
  }

  /** Only the end of the connection is still to be sent. */
  beginClosing(): void {
    this.#isClosing = true;
  }

  /** Returns false when there is more to send in the next turn. */
  send(isEstablished: boolean): boolean {
    this.#control.begin(performance.now(), isEstablished && !this.#isClosing);
    this.hasWork = false;
    this.#isUnanswered = false;
    this.#unansweredPackets = 0;
    const { isRebound } = this.#paths;
    let sent = 0;
    for (let left = this.#packetsMax(isRebound); left > 0; left -= 1) {
      const roomBytes =
        isRebound && !this.#isClosing
          ? this.#paths.nextPacketBytes(performance.now())
          : this.#control.nextPacketBytes();
      if (roomBytes === 0) {
        if (!isRebound) this.#sendLater();
        return true;
      }
      const buffer = this.#engine.packetBuffer(roomBytes);
      const packet = this.#native.send(buffer);
      if (packet === null) return true;
      const [length, { from, to }] = packet;
      sent += 1;
      this.#packetsSent = sent;
      this.#control.onPacket(length);
      if (this.#isClosing) this.lastPacket = new Uint8Array(buffer.subarray(0, length));
      this.#log?.onDatagram('sent', length);
      if (this.#guard.onSend(buffer.subarray(0, length), performance.now())) {
        this.#engine.sendPacket(length, this.#paths.localOf(from), this.#paths.wireOf(to));
      }
    }
    return isRebound;
  }

  stop(): void {
    clearTimeout(this.#paceTimer);
  }

  #packetsMax(isRebound: boolean): number {
    if (this.#isClosing) return PACKETS_PER_FLUSH_CLOSING_MAX;
    return isRebound ? PACKETS_PER_FLUSH_REBOUND_MAX : PACKETS_PER_FLUSH_MAX;
  }

  #sendLater(): void {
    this.#paceTimer ??= setTimeout(() => {
      this.#paceTimer = undefined;
      this.#owner.markDirty();
    }, Math.ceil(this.#control.waitMs()));
  }
}
