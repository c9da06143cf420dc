import type { Item, MemberId, SummaryEntry } from './types.js';

/** What travels in datagrams. Each carries news besides, as many as fit. */
export type DatagramBody =
  /** Asks for an `ack` with the same number. */
  | { readonly type: 'ping'; readonly sequence: number }
  /** `target` is the member whose answer it is: another one than the sender when it was asked for. */
  | { readonly type: 'ack'; readonly sequence: number; readonly target: MemberId }
  /** Asks to ping `target`, and to pass on its answer under this number. */
  | { readonly type: 'pingRequest'; readonly sequence: number; readonly target: MemberId }
  /** The target of a `pingRequest` has not answered so far; who says so is well (Lifeguard 4.1). */
  | { readonly type: 'nack'; readonly sequence: number; readonly target: MemberId }
  | { readonly type: 'gossip' };

/** What travels on streams. */
type StreamBody =
  /** All that the sender knows, in short. To be answered with what is newer here. */
  | {
      readonly type: 'summary';
      /** It answers a summary, and is not to be answered by another one. */
      readonly isAnswer: boolean;
      readonly entries: readonly SummaryEntry[];
    }
  | { readonly type: 'records' };

export type MessageBody = DatagramBody | StreamBody;

export type Message = MessageBody & { readonly items: readonly Item[] };
