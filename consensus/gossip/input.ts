import type { MemberId } from './types.js';

/** Everything that can happen to a node. */
export type GossipInput = {
  /**
   * Milliseconds of a clock of this process that never goes back. It may stand still while the
   * machine sleeps.
   */
  readonly nowMs: number;
} & (
  | /** Time has passed; due whenever `Gossip.nextMs` is. */ { readonly type: 'tick' }
    /** A message came from a member whose identity the transport has proven. */
  | {
      readonly type: 'message';
      readonly from: MemberId;
      readonly via: 'datagram' | 'stream';
      readonly bytes: Uint8Array;
    }
  /**
   * Whom the swarm has admitted, as far as this node knows: peer ids by number. Who is no longer
   * among them is evicted.
   */
  | { readonly type: 'admission'; readonly members: ReadonlyMap<MemberId, string> }
  /** This node says something else of itself from now on. */
  | { readonly type: 'metadata'; readonly metadata: Uint8Array }
  /** This node stops on purpose. */
  | { readonly type: 'leave' }
);
