import { SimulationError } from './errors.js';
import { checkDelay, type Delay } from './delay.js';
import { limits } from './limits.js';
import { RandomStream } from './random.js';
import { hashName, type HashedName } from './trace.js';

/** How a link of the network behaves. Probabilities are from 0 to 1, for each message. */
export interface NetworkOptions {
  readonly delay: Delay;
  readonly lossProbability: number;
  readonly duplicationProbability: number;
  /** Share of messages that may overtake others; the rest keep the order of their link. */
  readonly reorderingProbability: number;
  /** What a link carries a second; as fast as it comes when left out or 0. */
  readonly bytesPerSecond?: number;
  /** Bytes that wait for a slow link; what comes beyond is lost. 1 MiB when left out. */
  readonly queueBytesMax?: number;
  /**
   * Share of messages that come once more, long after: what QUIC 0-RTT allows (RFC 9001, 9.2). The
   * copy passes resets of the connection and restarts of the receiver.
   */
  readonly replayProbability?: number;
  /** When the copy comes; 1 to 30 seconds after the message was sent when left out. */
  readonly replayDelay?: Delay;
}

/** A network without loss, duplicates or overtaking: 100 to 1,000 microseconds a message. */
export const reliableNetwork: NetworkOptions = {
  delay: { kind: 'uniform', minimumMicroseconds: 100, maximumMicroseconds: 1000 },
  lossProbability: 0,
  duplicationProbability: 0,
  reorderingProbability: 0,
};

export const usualReplayDelay: Delay = {
  kind: 'uniform',
  minimumMicroseconds: 1_000_000,
  maximumMicroseconds: 30_000_000,
};

/** One direction between two nodes. */
export class Link {
  readonly from: string;
  readonly to: string;
  readonly fromName: HashedName;
  /** A stream of its own, so that more traffic on one link leaves the others alone. */
  readonly random: RandomStream;
  options: NetworkOptions;
  /** What is different on this link from the rest of the network. */
  override: Partial<NetworkOptions> | undefined;
  isBlocked: boolean;
  /** Holds what arrives until it is let go. */
  isClogged = false;
  /** When the last message that keeps order arrives. */
  lastArrivalMicroseconds = 0;
  /** When the link has carried what it was given before, or has validated its path. */
  freeAtMicroseconds = 0;
  /** The next message takes a round trip more: an end has a new address. */
  needsPathValidation = false;
  /** The other end has forgotten this connection, and this end does not know it yet. */
  isForgotten = false;
  /** Counts the connections: what was sent on an earlier one does not arrive. */
  connection = 0;

  constructor(from: string, to: string, seed: number, options: NetworkOptions, isBlocked: boolean) {
    this.from = from;
    this.to = to;
    this.fromName = hashName(from);
    this.random = new RandomStream(seed, `link ${from} ${to}`);
    this.options = options;
    this.isBlocked = isBlocked;
  }
}

/** Refuses options that no network can have. */
export function checkNetworkOptions(options: NetworkOptions): void {
  checkDelay(options.delay);
  if (options.replayDelay !== undefined) checkDelay(options.replayDelay);
  for (const name of [
    'lossProbability',
    'duplicationProbability',
    'reorderingProbability',
    'replayProbability',
  ] as const) {
    const probability = options[name] ?? 0;
    if (!(probability >= 0 && probability <= 1)) {
      throw new SimulationError('invalid-option', `${name} is ${probability}; use 0 to 1`);
    }
  }
  for (const name of ['bytesPerSecond', 'queueBytesMax'] as const) {
    const bytes = options[name] ?? 0;
    if (!(Number.isSafeInteger(bytes) && bytes >= 0 && bytes <= limits.bytesPerSecondMax)) {
      throw new SimulationError('invalid-option', `${name} is ${bytes}; use a whole number`);
    }
  }
}
