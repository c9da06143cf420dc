import type { MemberId, MemberStatus } from './types.js';

/** Why something that a member sent was not taken. */
export type GossipRefusal =
  /** The sender is not admitted. */
  | 'stranger'
  /** The bytes are no message. */
  | 'malformed'
  /** A record or claim that its author has not signed. */
  | 'forged'
  /** A record or claim of somebody who is not admitted: evicted, or unknown here so far. */
  | 'not-admitted';

/** What a node asks for. */
export type GossipEffect =
  /** Datagrams may be lost and doubled; streams come whole, or not at all. */
  | {
      readonly type: 'send';
      readonly to: MemberId;
      readonly via: 'datagram' | 'stream';
      readonly bytes: Uint8Array;
    }
  /** What this node holds of a member has changed: its status, or what it says of itself. */
  | { readonly type: 'changed'; readonly member: MemberView }
  | { readonly type: 'refused'; readonly from: MemberId; readonly refusal: GossipRefusal };

/** What a node holds of a member. */
export interface MemberView {
  readonly id: MemberId;
  readonly status: MemberStatus;
  /** When it became so, by the clock of the inputs; 0 while it is unknown. */
  readonly sinceMs: number;
  readonly incarnation: number;
  readonly metadataVersion: number;
  readonly metadata: Uint8Array;
}
