import { GossipError } from './error.js';
import {
  DATAGRAM_BYTES_MAX,
  DATAGRAM_BYTES_MIN,
  METADATA_BYTES_MAX,
  PUBLIC_KEY_BYTES,
  SWARM_CHARACTERS_MAX,
} from './limits.js';
import type { MemberId } from './types.js';

/** Signatures, which are made and judged outside: with Ed25519 by a node. Pure functions. */
export interface Signatures {
  /** Signs with the key of this node's identity. */
  readonly sign: (bytes: Uint8Array) => Uint8Array;
  /** Whether `peerId` is the identity of this key, and the key has signed the bytes. */
  readonly verify: (
    peerId: string,
    publicKey: Uint8Array,
    bytes: Uint8Array,
    signature: Uint8Array,
  ) => boolean;
}

/** Times and numbers; SWIM section 4 and Lifeguard section 4 say what they are for. */
export interface GossipTuning {
  /** From the beginning of one probe to that of the next. */
  readonly probePeriodMs: number;
  /** A ping that is not answered is sent again after so long. */
  readonly pingRepeatMs: number;
  /** After so long without an answer others are asked to ping. */
  readonly indirectAfterMs: number;
  /** How many of them. */
  readonly helpers: number;
  /** A helper says after so long that it has no answer yet. */
  readonly nackAfterMs: number;
  /** While there is news, it is told this often to `fanout` members. */
  readonly gossipPeriodMs: number;
  readonly fanout: number;
  /** News is told this many times the decimal logarithm of the size of the swarm. */
  readonly retransmitFactor: number;
  /** Shortest suspicion: this many times the decimal logarithm of the size, in probe periods. */
  readonly suspicionFactor: number;
  /** The longest suspicion is this many times the shortest. */
  readonly suspicionMaxFactor: number;
  /** So many members besides the first shorten a suspicion to the shortest. */
  readonly confirmations: number;
  /** How often two members compare all that they know, in a swarm of up to 32. */
  readonly exchangePeriodMs: number;
  /** How often one of the members that are dead or unknown is tried. */
  readonly reconnectPeriodMs: number;
  /** Bytes of a datagram. */
  readonly datagramBytesMax: number;
}

const GOSSIP_TUNING: GossipTuning = {
  probePeriodMs: 500,
  pingRepeatMs: 50,
  indirectAfterMs: 200,
  helpers: 3,
  nackAfterMs: 120,
  gossipPeriodMs: 100,
  fanout: 3,
  retransmitFactor: 6,
  suspicionFactor: 3,
  suspicionMaxFactor: 6,
  confirmations: 2,
  exchangePeriodMs: 10_000,
  reconnectPeriodMs: 1_000,
  datagramBytesMax: 1_100,
};

export interface GossipConfig extends GossipTuning {
  /** The number under which this node is admitted. */
  readonly self: MemberId;
  /** Name of the swarm: what is signed for one is worth nothing in another. */
  readonly swarm: string;
  /** Raw Ed25519 key of this node. */
  readonly publicKey: Uint8Array;
  readonly signatures: Signatures;
  readonly metadata: Uint8Array;
  /**
   * Incarnation to begin with. A number that grows from start to start, such as the time of day,
   * lets the others believe a restarted node at once; a smaller one costs a refutation.
   */
  readonly firstIncarnation: number;
  /** At least 0 and less than 1. */
  readonly random: () => number;
}

/** A configuration with the usual tuning. Throws `GossipError` with code `bad-config`. */
export function gossipConfig(
  given: Omit<GossipConfig, keyof GossipTuning> & Partial<GossipTuning>,
): GossipConfig {
  const config = { ...GOSSIP_TUNING, ...given };
  for (const name of Object.keys(GOSSIP_TUNING) as (keyof GossipTuning)[]) {
    require(config[name] > 0 && Number.isFinite(config[name]), `${name} must be above 0`);
  }
  for (const name of ['helpers', 'fanout', 'confirmations'] as const) {
    require(Number.isSafeInteger(config[name]), `${name} must be a whole number`);
  }
  const { self, swarm, publicKey, metadata, firstIncarnation, datagramBytesMax } = config;
  require(Number.isSafeInteger(self) && self > 0, 'self must be the number of a member');
  require(swarm.length > 0 &&
    swarm.length <=
      SWARM_CHARACTERS_MAX, `swarm must have 1 to ${SWARM_CHARACTERS_MAX} characters`);
  require(publicKey.length === PUBLIC_KEY_BYTES, 'publicKey must be a raw Ed25519 key');
  require(metadata.length <= METADATA_BYTES_MAX, `metadata has over ${METADATA_BYTES_MAX} bytes`);
  require(Number.isSafeInteger(firstIncarnation) &&
    firstIncarnation >= 0, 'firstIncarnation must be a whole number');
  require(datagramBytesMax >= DATAGRAM_BYTES_MIN &&
    datagramBytesMax <=
      DATAGRAM_BYTES_MAX, `datagramBytesMax must be from ${DATAGRAM_BYTES_MIN} to ${DATAGRAM_BYTES_MAX}`);
  return config;
}

function require(holds: boolean, what: string): asserts holds {
  if (!holds) throw new GossipError('bad-config', `gossip: ${what}`);
}

/** The decimal logarithm by which the times of a swarm of `size` grow, at least 1. */
export function sizeFactor(size: number): number {
  return Math.max(1, Math.log10(Math.max(1, size)));
}
