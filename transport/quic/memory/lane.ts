import type { LocalAddress } from '../connection.js';
import type { Frame } from './frame.js';

/** One end of a connection, as the network sees it. */
export interface LaneEnd {
  /** A frame has come from `from`. */
  onFrame(frame: Frame, from: LocalAddress): void;
  /** A frame of this end has reached the other: in QUIC, it has been acknowledged. */
  onDelivered(frame: Frame): void;
  /** A frame of this end found the path cut. */
  onLost(): void;
}

/**
 * One direction of a connection. What is sent reliably arrives in order; when the path is cut it
 * waits for it to heal, as if it were sent again and again.
 */
export class Lane {
  /** Where the frames come from and go to: an end that moves changes both. */
  from: LocalAddress;
  to: LocalAddress;
  readonly sender: LaneEnd;
  /** Unknown to a first packet: whoever listens at `to` is asked. */
  receiver: LaneEnd | undefined;
  /** Reliable frames that have not arrived, in order. */
  readonly queue: Frame[] = [];
  /** How many of `queue` found the path cut and wait for it to heal. */
  heldCount = 0;

  constructor(sender: LaneEnd, from: LocalAddress, to: LocalAddress) {
    this.sender = sender;
    this.from = from;
    this.to = to;
  }

  /** True when everything that was sent has arrived. */
  get isQuiet(): boolean {
    return this.queue.length === 0;
  }
}
