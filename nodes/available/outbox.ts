/**
 * Messages of namespaces on their way to the other members: those of one turn of the event loop in one
 * call, large ones in pieces. What cannot be sent is dropped; the next comparison finds it.
 */
import type { StateCut } from '../../consensus/crdt/index.js';
import { CALLS_MAX, CALL_BYTES_TARGET, MESSAGES_PER_CALL_MAX, UNKNOWN_RETRY_MS } from './limits.js';
import { advanceSlice } from './state-slices.js';

/** How a call came to its end. */
export type CallEnd =
  | 'answered'
  /** Nobody answered, or with an error. */
  | 'failed'
  /** The member runs a release that has no available namespaces. */
  | 'unknown-method';

export interface OutboxPorts {
  /** A message with more bytes is sent in pieces of so many. */
  readonly pieceBytes: number;
  /** Calls a method of a member; `end` is called once, and not at once. */
  call(nodeId: number, method: string, payload: object, end: (how: CallEnd) => void): void;
  /** Of a clock that does not go back. */
  monotonicMs(): number;
  /** Does the work when what happens now is over. */
  soon(work: () => void): void;
}

/** A message of one namespace. */
export interface NamespaceMessage {
  readonly namespace: string;
  readonly bytes: Uint8Array;
}

/** A message that is too large for one call. */
interface LargeMessage {
  readonly namespace: string;
  readonly bytes: number;
  readonly pieces: readonly Uint8Array[];
}

interface Box {
  messages: NamespaceMessage[];
  calls: number;
  /** Whether a message goes out in pieces: one at a time. */
  isLarge: boolean;
  notBeforeMs: number;
}

export class Outbox {
  readonly #ports: OutboxPorts;
  readonly #boxes = new Map<number, Box>();
  #isFlushing = false;
  #transfer = 0;

  constructor(ports: OutboxPorts) {
    this.#ports = ports;
  }

  send(to: number, message: NamespaceMessage): void {
    const box = this.#boxOf(to);
    if (box.calls >= CALLS_MAX || this.#ports.monotonicMs() < box.notBeforeMs) return;
    if (message.bytes.length > this.#ports.pieceBytes) {
      const { namespace, bytes } = message;
      if (!box.isLarge) this.#begin(to, box, { namespace, bytes: bytes.length, pieces: [bytes] });
      return;
    }
    box.messages.push(message);
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.#ports.soon(() => this.#flush());
  }

  /**
   * A message whose bytes are made first, in slices; not while another one is on its way in pieces, since
   * a member that lacks much asks again and again until it has it.
   */
  sendState(to: number, namespace: string, cut: StateCut): void {
    const box = this.#boxOf(to);
    if (box.isLarge || this.#ports.monotonicMs() < box.notBeforeMs) {
      cut.abandon();
      return;
    }
    box.isLarge = true;
    const slice = (): void => {
      if (this.#boxes.get(to) !== box) cut.abandon();
      if (!cut.isDone) {
        advanceSlice(cut);
        this.#ports.soon(slice);
        return;
      }
      box.isLarge = false;
      const { pieces, bytes } = cut;
      if (pieces.length > 1) this.#begin(to, box, { namespace, bytes, pieces });
      else for (const only of pieces) this.send(to, { namespace, bytes: only });
    };
    this.#ports.soon(slice);
  }

  /** Forgets members that are none any more. */
  keep(members: ReadonlySet<number>): void {
    for (const nodeId of this.#boxes.keys()) if (!members.has(nodeId)) this.#boxes.delete(nodeId);
  }

  #boxOf(nodeId: number): Box {
    let box = this.#boxes.get(nodeId);
    if (box === undefined) {
      box = { messages: [], calls: 0, isLarge: false, notBeforeMs: 0 };
      this.#boxes.set(nodeId, box);
    }
    return box;
  }

  #flush(): void {
    this.#isFlushing = false;
    for (const [nodeId, box] of this.#boxes) {
      const all = box.messages;
      box.messages = [];
      for (const messages of parts(all)) {
        if (box.calls >= CALLS_MAX) break;
        this.#call(nodeId, box, 'available.messages', { messages });
      }
    }
  }

  #begin(to: number, box: Box, { namespace, bytes: total, pieces }: LargeMessage): void {
    box.isLarge = true;
    this.#transfer += 1;
    const transfer = this.#transfer;
    const left = piecesOf(pieces, this.#ports.pieceBytes);
    /** One piece, and when it is answered those behind it. */
    const sendNext = (at: number): void => {
      const { value: bytes } = left.next();
      if (bytes === undefined) {
        box.isLarge = false;
        return;
      }
      const piece = { namespace, transfer, at, total, bytes };
      this.#call(to, box, 'available.piece', piece, (how) => {
        if (how === 'answered') sendNext(at + bytes.length);
        else box.isLarge = false;
      });
    };
    sendNext(0);
  }

  #call(
    to: number,
    box: Box,
    method: string,
    payload: object,
    then: (how: CallEnd) => void = () => undefined,
  ): void {
    box.calls += 1;
    this.#ports.call(to, method, payload, (how) => {
      box.calls -= 1;
      if (how === 'unknown-method') {
        box.notBeforeMs = this.#ports.monotonicMs() + UNKNOWN_RETRY_MS;
      }
      then(how);
    });
  }
}

function* piecesOf(
  all: readonly Uint8Array[],
  bytesMax: number,
): Generator<Uint8Array, undefined, void> {
  for (const bytes of all) {
    for (let at = 0; at < bytes.length; at += bytesMax) yield bytes.subarray(at, at + bytesMax);
  }
  return undefined;
}

function* parts(messages: readonly NamespaceMessage[]): Generator<NamespaceMessage[]> {
  let part: NamespaceMessage[] = [];
  let bytes = 0;
  for (const message of messages) {
    const isFull =
      part.length >= MESSAGES_PER_CALL_MAX || bytes + message.bytes.length > CALL_BYTES_TARGET;
    if (isFull && part.length > 0) {
      yield part;
      [part, bytes] = [[], 0];
    }
    part.push(message);
    bytes += message.bytes.length;
  }
  if (part.length > 0) yield part;
}
