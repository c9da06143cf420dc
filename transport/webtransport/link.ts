import type { CloseInfo } from './session.js';
import type { SessionError } from './session-error.js';

/** One stream of a session, as that which carries it offers it. */
export interface LinkStream {
  /** False when it has to wait: go on after `onDrained`, and leave `bytes` alone until then. */
  write(bytes: Uint8Array, isFinal: boolean): boolean;
  /** Gives up sending. Codes have 32 bits. */
  reset(code: number): void;
  /** Gives up receiving. */
  stop(code: number): void;
  pause(): void;
  resume(): void;
}

export interface LinkStreamHandler {
  /** `bytes` is only valid during the call. */
  onData(bytes: Uint8Array, isFinal: boolean): void;
  onReset(code: number): void;
  onStopped(code: number): void;
  onDrained(): void;
  /** The session is over, and the stream with it. */
  onLost(error: SessionError): void;
}

/** What carries a session: HTTP/3 or a WebSocket. */
export interface Link {
  /** Undefined when the peer allows no more now; `onStreamsAvailable` tells when to try again. */
  open(isUnidirectional: boolean, handler: LinkStreamHandler): LinkStream | undefined;
  /** The user took a stream that the peer opened: there may be room for more. */
  onStreamTaken(): void;
  readonly datagramBytesMax: number;
  sendDatagram(bytes: Uint8Array): void;
  /** Tells the peer. The streams are lost. */
  close(info: CloseInfo): void;
}

/** What a link tells the session that it carries. */
export interface LinkEvents {
  onStream(stream: LinkStream, isUnidirectional: boolean): LinkStreamHandler;
  onStreamsAvailable(): void;
  onDatagram(bytes: Uint8Array): void;
  /** The peer asks to end the session soon. */
  onDraining(): void;
  /** Over: closed by the peer, or lost. Streams hear of it by themselves. */
  onClosed(reason: CloseInfo | SessionError): void;
}
