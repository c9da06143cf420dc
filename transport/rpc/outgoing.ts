import type { Stream, StreamHandler } from '../quic/stream.js';
import type { ReceiveBudget } from './frame-reader.js';
import type { RpcError } from './rpc.js';

/** What a call that goes out asks of its session. */
export interface OutgoingOwner {
  readonly receiveBudget: ReceiveBudget;
  /** Longest message that the peer takes. */
  readonly peerMessageBytesMax: number;
  /** True when the peer reads too slowly for one more message. */
  readonly isSendFull: boolean;
  /** Calls `resume` when `isSendFull` is over. */
  awaitSendRoom(resume: () => void): void;
  /** Something that was queued has been sent. */
  onSendRoom(): void;
  /** The call has its answer, or never will. */
  onCallOver(call: Outgoing): void;
}

/** A call of this side, of any kind; it is the handler of its stream. */
export interface Outgoing extends StreamHandler {
  readonly method: string;
  /** Bytes that wait with the call before it has a stream. */
  readonly waitingBytes: number;
  /** It may ride in 0-RTT. Only unary calls do: a source of messages can be read only once. */
  readonly isIdempotent: boolean;
  /** A stream has been opened for the call. */
  begin(stream: Stream): void;
  /** Ends the call here; the peer is told that nobody waits any more. */
  fail(error: RpcError): void;
}
