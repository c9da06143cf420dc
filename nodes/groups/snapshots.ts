/**
 * Moves the state of a group to a member whose log begins too late: in calls of one chunk each, the
 * last of which carries the message of the core and the hash of the whole. The call
 * `groups.snapshot`, version 1, has the payload
 *
 *     [1, group, transfer, sequence, chunk, null]           a chunk
 *     [1, group, transfer, sequence, chunk, [message, sha256]]   the last one
 */
import { createHash } from 'node:crypto';
import {
  type Message,
  type NodeId,
  RaftError,
  type SnapshotMeta,
  decodeMessage,
  encodeMessage,
} from '../../consensus/raft/index.js';
import type { GroupId } from '../../consensus/raft-groups/index.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import {
  SNAPSHOTS_INCOMING_BYTES_MAX,
  SNAPSHOTS_INCOMING_MAX,
  SNAPSHOT_BYTES_MAX,
  SNAPSHOT_CHUNK_BYTES,
  SNAPSHOT_SILENCE_MS_MAX,
} from './limits.js';

/** A state and the entry that it goes up to. */
export interface GroupSnapshot {
  readonly meta: SnapshotMeta;
  readonly data: Uint8Array;
}

type SendChunk = (payload: unknown) => Promise<unknown>;

/** Sends `snapshot` in answer to the core's `message`; rejects when it was not taken. */
export async function sendSnapshot(
  group: GroupId,
  message: Message,
  { meta, data }: GroupSnapshot,
  send: SendChunk,
): Promise<void> {
  const transfer = `${message.term}-${meta.index}`;
  const hash = createHash('sha256').update(data).digest();
  const announced = encodeMessage({ ...message, snapshot: meta });
  let sequence = 0;
  let at = 0;
  do {
    const chunk = data.subarray(at, at + SNAPSHOT_CHUNK_BYTES);
    at += chunk.length;
    const end = at === data.length ? [announced, hash] : null;
    await send([1, group, transfer, sequence, chunk, end]);
    sequence += 1;
  } while (at < data.length);
}

interface Incoming {
  readonly transfer: string;
  readonly chunks: Uint8Array[];
  bytes: number;
  heardAtMs: number;
}

function malformed(what: string): RpcError {
  return new RpcError('malformed', `a chunk of a snapshot ${what}`);
}

/** A chunk as it was sent. */
interface Chunk {
  readonly group: GroupId;
  readonly transfer: string;
  readonly sequence: number;
  readonly bytes: Uint8Array;
  readonly end: { readonly announced: Uint8Array; readonly hash: Uint8Array } | null;
}

function readChunk(payload: unknown): Chunk {
  if (!Array.isArray(payload) || payload.length !== 6) throw malformed('is no list of six');
  const [version, group, transfer, sequence, bytes, end] = payload as unknown[];
  if (version !== 1) throw malformed(`has the version ${String(version)}, which is not known`);
  if (!Number.isSafeInteger(group) || !Number.isSafeInteger(sequence)) {
    throw malformed('has no group or no number');
  }
  if (typeof transfer !== 'string' || transfer.length > 64) throw malformed('has no name');
  if (!(bytes instanceof Uint8Array)) throw malformed('has no bytes');
  const head = { group: group as number, transfer, sequence: sequence as number, bytes };
  if (end === null) return { ...head, end };
  if (!Array.isArray(end) || end.length !== 2) throw malformed('has no proper end');
  const [announced, hash] = end as unknown[];
  if (!(announced instanceof Uint8Array) || !(hash instanceof Uint8Array)) {
    throw malformed('has no proper end');
  }
  return { ...head, end: { announced, hash } };
}

/** Collects the chunks of snapshots that peers send; a newer transfer replaces an unfinished one. */
export class SnapshotInbox {
  readonly #incoming = new Map<string, Incoming>();
  #bytes = 0;

  /**
   * Takes a chunk of `from`. Returns the message for the core with the state, once that is whole;
   * throws `RpcError` otherwise than for a chunk in order.
   */
  take(
    from: NodeId,
    payload: unknown,
    nowMs: number,
  ): { group: GroupId; message: Message; data: Uint8Array } | undefined {
    const chunk = readChunk(payload);
    const key = `${from}/${chunk.group}`;
    const incoming = this.#place(key, chunk, nowMs);
    if (incoming.chunks.length !== chunk.sequence) {
      this.#drop(key);
      throw malformed(`is number ${chunk.sequence}, which is out of order`);
    }
    const bytes = incoming.bytes + chunk.bytes.length;
    const isTooMuch = this.#bytes + chunk.bytes.length > SNAPSHOTS_INCOMING_BYTES_MAX;
    if (bytes > SNAPSHOT_BYTES_MAX || isTooMuch) {
      this.#drop(key);
      throw new RpcError('overloaded', 'more bytes of snapshots than are taken');
    }
    // A copy: the bytes of a request are a view into what the connection received.
    incoming.chunks.push(chunk.bytes.slice());
    incoming.bytes = bytes;
    incoming.heardAtMs = nowMs;
    this.#bytes += chunk.bytes.length;
    if (chunk.end === null) return undefined;
    this.#drop(key);
    const data = Buffer.concat(incoming.chunks);
    const hash = createHash('sha256').update(data).digest();
    if (!hash.equals(chunk.end.hash)) throw malformed('ends a transfer whose hash differs');
    return { group: chunk.group, message: readAnnounced(chunk.end.announced, from), data };
  }

  #place(key: string, { transfer, sequence }: Chunk, nowMs: number): Incoming {
    const known = this.#incoming.get(key);
    if (sequence > 0 && known?.transfer === transfer) return known;
    if (sequence > 0) throw malformed('belongs to no transfer that is known');
    this.#drop(key);
    for (const [other, { heardAtMs }] of this.#incoming) {
      if (nowMs - heardAtMs > SNAPSHOT_SILENCE_MS_MAX) this.#drop(other);
    }
    if (this.#incoming.size >= SNAPSHOTS_INCOMING_MAX) {
      throw new RpcError('overloaded', 'as many snapshots come in as are taken at a time');
    }
    const incoming: Incoming = { transfer, chunks: [], bytes: 0, heardAtMs: nowMs };
    this.#incoming.set(key, incoming);
    return incoming;
  }

  #drop(key: string): void {
    const incoming = this.#incoming.get(key);
    if (incoming === undefined) return;
    this.#bytes -= incoming.bytes;
    this.#incoming.delete(key);
  }
}

function readAnnounced(bytes: Uint8Array, from: NodeId): Message {
  try {
    const message = decodeMessage(bytes);
    if (message.type === 'snapshot' && message.from === from) return message;
  } catch (error) {
    if (!(error instanceof RaftError)) throw error;
  }
  throw malformed('ends with something else than the message of a snapshot');
}
