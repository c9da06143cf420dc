import { createHash } from 'node:crypto';
import { encodePayload } from './codec.js';
import {
  IDEMPOTENT_AGE_MS_MAX,
  IDEMPOTENT_ANSWERS_MAX,
  IDEMPOTENT_ANSWERS_PER_PEER_MAX,
  IDEMPOTENT_BYTES_MAX,
  IDEMPOTENT_BYTES_PER_PEER_MAX,
} from './limits.js';
import { RpcError, type RpcErrorCode } from './rpc.js';

/** An answer as it goes over the wire, and whether the handler meant it. */
export interface KeyedAnswer {
  readonly frame: Uint8Array;
  /** A failure that says nothing about the call itself is not kept: another try may succeed. */
  readonly isFinal: boolean;
  /** It failed because its own caller gave up: those who joined it have not. */
  readonly isOfItsCaller: boolean;
}

/** What a key means for a call. */
export type KeyClaim =
  /** The call is to be run; `settle` must be called, with undefined when there is no answer. */
  | {
      readonly kind: 'run';
      readonly settle: (answer: KeyedAnswer | undefined, nowMs: number) => void;
    }
  /** It runs already: the answer, or undefined when there will be none: claim again. */
  | { readonly kind: 'join'; readonly answer: Promise<KeyedAnswer | undefined> }
  | { readonly kind: 'answered'; readonly frame: Uint8Array }
  | { readonly kind: 'conflict'; readonly error: RpcError };

interface Entry {
  readonly peerId: string;
  readonly digest: string;
  /** When the answer was there, or the call began. */
  atMs: number;
  bytes: number;
  frame: Uint8Array | undefined;
  running: Promise<KeyedAnswer | undefined> | undefined;
}

interface Usage {
  readonly keys: Set<string>;
  bytes: number;
}

/** Bytes that an entry takes beside its answer: keys, digest, objects. */
const ENTRY_BYTES = 512;
const RETRYABLE: ReadonlySet<RpcErrorCode> = new Set<RpcErrorCode>([
  'unavailable',
  'deadline-exceeded',
  'cancelled',
  'overloaded',
  'too-early',
  'internal',
]);

/** An answer that is a failure. */
export function failedAnswer(frame: Uint8Array, error: RpcError): KeyedAnswer {
  const isOfItsCaller = error.code === 'cancelled' || error.code === 'deadline-exceeded';
  return { frame, isFinal: !RETRYABLE.has(error.code), isOfItsCaller };
}

/**
 * Answers by the keys of their calls, so that a call that is made again does not run again. Keys
 * belong to the peer that used them. Kept in memory for at most five minutes, so that a restart
 * forgets them: a handler whose effect must survive that keeps its own record. Of each peer 1,024
 * answers and 4 MB are kept, of all 16,384 and 64 MB; the oldest go first, and a peer that fills its
 * part pushes out its own. An answer above 2 MB is not kept. A call that runs keeps its key however
 * long it takes (`Admission` bounds how many run). Time comes in.
 */
export class IdempotentAnswers {
  /** The oldest answers first; calls that run are among them. */
  readonly #entries = new Map<string, Entry>();
  readonly #usage = new Map<string, Usage>();
  #bytes = 0;

  get size(): number {
    return this.#entries.size;
  }

  /** Bytes held, answers and what belongs to them. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Says what to do with a call that carries a key. */
  claim(
    call: {
      readonly peerId: string;
      readonly key: string;
      readonly method: string;
      readonly payload: unknown;
    },
    nowMs: number,
  ): KeyClaim {
    this.#expire(nowMs);
    const name = `${call.peerId}\n${call.key}`;
    const digest = digestOf(call.method, call.payload);
    const entry = this.#entries.get(name);
    if (entry === undefined) return this.#run(name, call.peerId, digest, nowMs);
    if (entry.digest !== digest) {
      const text = `the idempotency key '${call.key}' was used for another method or payload`;
      const error = new RpcError('refused', text, { reason: 'idempotency-key-reused' });
      return { kind: 'conflict', error };
    }
    if (entry.frame !== undefined) return { kind: 'answered', frame: entry.frame };
    if (entry.running !== undefined) return { kind: 'join', answer: entry.running };
    throw new Error('an entry runs or has an answer');
  }

  #run(name: string, peerId: string, digest: string, nowMs: number): KeyClaim {
    let settlePromise!: (answer: KeyedAnswer | undefined) => void;
    const running = new Promise<KeyedAnswer | undefined>((resolve) => {
      settlePromise = resolve;
    });
    const entry: Entry = { peerId, digest, atMs: nowMs, bytes: 0, frame: undefined, running };
    this.#keep(name, entry, ENTRY_BYTES);
    const settle = (answer: KeyedAnswer | undefined, endMs: number): void => {
      entry.running = undefined;
      this.#remove(name, entry);
      if (answer?.isFinal === true && answer.frame.length <= IDEMPOTENT_BYTES_PER_PEER_MAX / 2) {
        entry.frame = answer.frame;
        entry.atMs = endMs;
        this.#keep(name, entry, ENTRY_BYTES + answer.frame.length);
      }
      settlePromise(answer?.isOfItsCaller === true ? undefined : answer);
    };
    return { kind: 'run', settle };
  }

  /** Adds an entry as the newest of all and of its peer. */
  #keep(name: string, entry: Entry, bytes: number): void {
    const { peerId } = entry;
    const usage = this.#usage.get(peerId) ?? { keys: new Set<string>(), bytes: 0 };
    this.#usage.set(peerId, usage);
    this.#entries.set(name, entry);
    usage.keys.add(name);
    entry.bytes = bytes;
    usage.bytes += bytes;
    this.#bytes += bytes;
    while (this.#isOverPart(peerId) && this.#removeOldest(usage.keys));
    while (this.#isOver() && this.#removeOldest(this.#entries.keys()));
  }

  #isOver(): boolean {
    return this.#entries.size > IDEMPOTENT_ANSWERS_MAX || this.#bytes > IDEMPOTENT_BYTES_MAX;
  }

  #isOverPart(peerId: string): boolean {
    const usage = this.#usage.get(peerId);
    if (usage === undefined) return false;
    const isFull = usage.keys.size > IDEMPOTENT_ANSWERS_PER_PEER_MAX;
    return isFull || usage.bytes > IDEMPOTENT_BYTES_PER_PEER_MAX;
  }

  /** Forgets the oldest answer; false when there is none, only calls that run. */
  #removeOldest(names: Iterable<string>): boolean {
    for (const name of names) {
      const entry = this.#entries.get(name);
      if (entry === undefined || entry.running !== undefined) continue;
      this.#remove(name, entry);
      return true;
    }
    return false;
  }

  #expire(nowMs: number): void {
    for (const [name, entry] of this.#entries) {
      if (entry.running !== undefined) continue;
      if (nowMs - entry.atMs < IDEMPOTENT_AGE_MS_MAX) return;
      this.#remove(name, entry);
    }
  }

  #remove(name: string, entry: Entry): void {
    this.#entries.delete(name);
    this.#bytes -= entry.bytes;
    const usage = this.#usage.get(entry.peerId);
    if (usage === undefined) return;
    usage.bytes -= entry.bytes;
    usage.keys.delete(name);
    if (usage.keys.size === 0) this.#usage.delete(entry.peerId);
  }
}

function digestOf(method: string, payload: unknown): string {
  return createHash('sha256').update(`${method}\n`).update(encodePayload(payload)).digest('base64');
}
