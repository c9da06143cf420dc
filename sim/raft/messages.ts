/** What nodes and clients of the simulated group send each other. */
import { MESSAGE_TYPES } from '../../consensus/raft/index.js';
import type { ConfChange, Message } from '../../consensus/raft/index.js';
import type { Json } from '../explore/plan.js';

/** What an administrator may ask of the leader. */
export type AdminRequest =
  | { readonly kind: 'change'; readonly change: ConfChange }
  | { readonly kind: 'transfer'; readonly to: number }
  /** Whoever is asked forgets the leader that it follows. */
  | { readonly kind: 'forget' };

/** What a client may ask of a node. */
export type ClientAsk =
  | { readonly kind: 'write'; readonly operation: Json }
  | { readonly kind: 'read'; readonly operation: Json }
  | AdminRequest;

export interface ClientRequest {
  readonly type: 'client-request';
  /** Counts the attempts of a client: an answer to an earlier one is not taken for another's. */
  readonly attempt: number;
  /** Number of the write in the client's session, from 1 on; 0 for a write outside of it. */
  readonly sequence: number;
  readonly ask: ClientAsk;
}

export interface ClientReply {
  readonly type: 'client-reply';
  readonly attempt: number;
  /**
   * `ok`: done, with its result. `refused`: it has had no effect and never will. `unknown`: this
   * node cannot tell.
   */
  readonly outcome: 'ok' | 'refused' | 'unknown';
  readonly result: Json;
  /** Where it was applied; for a read, up to where the node had applied. */
  readonly index: number;
  /** Term of the entry of a write, else 0. */
  readonly term: number;
  /** Who leads, as far as this node knows, or 0. */
  readonly leader: number;
}

/** What moves snapshots; in production a stream of its own. See `snapshot-transfers.ts`. */
export type SnapshotMessage =
  | { readonly type: 'snapshot-transfer'; readonly message: Message; readonly state: string }
  | { readonly type: 'snapshot-offer'; readonly message: Message; readonly blocks: number }
  | { readonly type: 'snapshot-wanted'; readonly index: number; readonly block: number }
  | {
      readonly type: 'snapshot-block';
      readonly index: number;
      readonly block: number;
      readonly text: string;
    }
  /** Tells the sender of a snapshot that it has arrived whole. */
  | { readonly type: 'snapshot-arrived'; readonly index: number };

/** Tells whether a peer is there at all, as an open connection does. */
interface Probe {
  readonly type: 'are-you-there' | 'i-am-here';
}

/** A message of the core as an object, or as the bytes of the production codec. */
export type RaftMessage =
  Message | Uint8Array | ClientRequest | ClientReply | SnapshotMessage | Probe;

export function raftNodeName(id: number): string {
  return `node-${id}`;
}

const typeNumbers = new Map<string, number>(MESSAGE_TYPES.map((type, at) => [type, at]));

/** What of a message enters the trace of a run. */
export function digestMessage(message: RaftMessage): string | number | Uint8Array {
  if (message instanceof Uint8Array) return message;
  if (!('commit' in message)) return message.type;
  const { type, term, index, commit, entries, reject } = message;
  let digest = (typeNumbers.get(type) as number) + (reject ? 32 : 0);
  digest = Math.imul(digest, 0x9e3779b1) + term;
  digest = Math.imul(digest, 0x9e3779b1) + index;
  digest = Math.imul(digest, 0x9e3779b1) + commit;
  return (Math.imul(digest, 0x9e3779b1) + entries.length) | 0;
}
