/**
 * Messages of namespaces on their way to the other members: those of one turn of the event loop in one
 * call, large ones in pieces. What cannot be sent is dropped; the next comparison finds it.
 */
import { RpcError } from '../../transport/rpc/rpc.js';
import {
  ASK_TIMEOUT_MS,
  CALLS_MAX,
  CALL_BYTES_TARGET,
  MESSAGES_PER_CALL_MAX,
  PIECE_BYTES,
  UNKNOWN_RETRY_MS,
} from './limits.js';

export interface OutboxPorts {
  call(nodeId: number, method: string, payload: unknown, timeoutMs: number): Promise<unknown>;
}

/** A message of one namespace. */
export interface NamespaceMessage {
  readonly namespace: string;
  readonly bytes: Uint8Array;
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
    if (box.calls >= CALLS_MAX || performance.now() < box.notBeforeMs) return;
    if (message.bytes.length > PIECE_BYTES) {
      if (!box.isLarge) this.#track(box, this.#sendInPieces(to, box, message));
      return;
    }
    box.messages.push(message);
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setImmediate(() => this.#flush());
  }

  /** Whether a message to this member is on its way in pieces. */
  isSendingPieces(to: number): boolean {
    return this.#boxes.get(to)?.isLarge === true;
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
        const call = this.#ports.call(nodeId, 'available.messages', { messages }, ASK_TIMEOUT_MS);
        this.#track(box, call);
      }
    }
  }

  async #sendInPieces(to: number, box: Box, { namespace, bytes }: NamespaceMessage): Promise<void> {
    box.isLarge = true;
    this.#transfer += 1;
    const transfer = this.#transfer;
    try {
      for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
        const piece = bytes.subarray(at, at + PIECE_BYTES);
        const payload = { namespace, transfer, at, total: bytes.length, bytes: piece };
        await this.#ports.call(to, 'available.piece', payload, ASK_TIMEOUT_MS);
      }
    } finally {
      box.isLarge = false;
    }
  }

  #track(box: Box, call: Promise<unknown>): void {
    box.calls += 1;
    call
      .catch((error: unknown) => {
        // It runs a release that has no available namespaces.
        const isUnknown = error instanceof RpcError && error.code === 'unknown-method';
        if (isUnknown) box.notBeforeMs = performance.now() + UNKNOWN_RETRY_MS;
      })
      .finally(() => {
        box.calls -= 1;
      });
  }
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
