/**
 * The number under which the swarm has admitted an identity. Raft gives it out, and never twice: an
 * identity that was evicted comes back under another one or not at all, so that it is the epoch of an
 * admission too.
 */
export type MemberId = number;

/** `unknown`: admitted, and nothing was heard of it. */
export type MemberStatus = 'unknown' | 'alive' | 'suspect' | 'dead' | 'left';

/** What a member says of itself, signed with the key of its identity. */
export interface MemberRecord {
  readonly id: MemberId;
  /** The greater one counts. Only the member itself makes a record with a greater one. */
  readonly incarnation: number;
  /** It stops on purpose. */
  readonly hasLeft: boolean;
  /** Grows with each change of the metadata. */
  readonly metadataVersion: number;
  readonly metadata: Uint8Array;
  /** Raw Ed25519 key; the peer id that Raft has admitted is its hash. */
  readonly publicKey: Uint8Array;
  readonly signature: Uint8Array;
}

/** What a member says of another one, signed by who says it. */
export interface Claim {
  readonly kind: 'suspect' | 'dead';
  readonly subject: MemberId;
  /** The incarnation of the subject that the claim is about. */
  readonly incarnation: number;
  readonly accuser: MemberId;
  readonly signature: Uint8Array;
}

/** A record or a claim, with the bytes in which it travels. */
export type Item =
  | { readonly kind: 'record'; readonly record: MemberRecord; readonly bytes: Uint8Array }
  | { readonly kind: 'claim'; readonly claim: Claim; readonly bytes: Uint8Array };

export type RecordItem = Extract<Item, { kind: 'record' }>;
export type ClaimItem = Extract<Item, { kind: 'claim' }>;

/** What a node holds of one member, as it tells another one to find out what differs. */
export interface SummaryEntry {
  readonly id: MemberId;
  readonly incarnation: number;
  readonly status: Exclude<MemberStatus, 'unknown'>;
}
