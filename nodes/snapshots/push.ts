/**
 * Snapshots as the release before moves them, kept for members of that release: the control state,
 * and the memories as neutral rows, pushed in chunks that follow one another. The receiver collects
 * them in a file and hands the snapshot to its core when the last chunk is there and the hash agrees.
 */
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

import { decodeMessage, encodeMessage } from '../../consensus/raft/index.js';
import type { Message, SnapshotMeta } from '../../consensus/raft/index.js';
import type { DumpRecord, EngineDump } from '../../src/memory/engine.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import { NodeError } from '../errors.js';
import type { SnapshotView } from './build.js';
import { PUSHED_CHUNK_BYTES, PUSHED_CHUNK_TIMEOUT_MS, SNAPSHOT_BYTES_MAX } from './limits.js';
import { decodeDumpRecord, encodeDumpRecord } from '../wire/dump-codec.js';
import { Fields } from '../wire/fields.js';

type Send = (method: string, payload: unknown, timeoutMs: number) => Promise<unknown>;

const CHUNK_RECORDS_MAX = 10_000;
/** A complete snapshot that the core did not take is kept no longer than this. */
const RECEIVED_INDEXES_KEPT = 100_000;

/** Sends `snapshot` in answer to the core's `message`; rejects when the receiver did not take it. */
export async function sendSnapshot(
  message: Message,
  snapshot: SnapshotView,
  send: Send,
): Promise<void> {
  const announced = encodeMessage({ ...message, snapshot: snapshot.meta });
  const transfer = `${message.term}-${snapshot.meta.index}`;
  const hash = createHash('sha256');
  let sequence = 0;
  for (const records of chunks(snapshot.dump)) {
    for (const record of records) hash.update(record);
    const payload = ['snapshot-chunk', 1, transfer, sequence, records];
    await send('raft.snapshotChunk', payload, PUSHED_CHUNK_TIMEOUT_MS);
    sequence += 1;
  }
  hash.update(snapshot.controlState);
  const payload = [
    'snapshot-end',
    1,
    transfer,
    sequence,
    announced,
    snapshot.controlState,
    hash.digest(),
  ];
  await send('raft.snapshotEnd', payload, PUSHED_CHUNK_TIMEOUT_MS);
}

/** At least one chunk, so that the receiver learns of the transfer before it ends. */
function* chunks(dump: EngineDump): Generator<Uint8Array[]> {
  let records: Uint8Array[] = [];
  let bytes = 0;
  for (const record of dump.records()) {
    const encoded = encodeDumpRecord(record);
    records.push(encoded);
    bytes += encoded.byteLength;
    if (bytes < PUSHED_CHUNK_BYTES && records.length < CHUNK_RECORDS_MAX) continue;
    yield records;
    records = [];
    bytes = 0;
  }
  yield records;
}

interface Incoming {
  readonly transfer: string;
  readonly path: string;
  readonly file: FileHandle;
  readonly hash: Hash;
  sequence: number;
  bytes: number;
}

interface Received {
  readonly path: string;
  readonly meta: SnapshotMeta;
  readonly controlState: Uint8Array;
}

/** Takes pushed snapshots in, one at a time; a newer transfer replaces an unfinished one. */
export class PushedSnapshots {
  readonly #directory: string;
  #incoming: Incoming | undefined;
  /** Complete snapshots that the core has not asked for yet, by their index. */
  readonly #received = new Map<number, Received>();
  #files = 0;
  #busy: Promise<unknown> = Promise.resolve();

  constructor(directory: string) {
    this.#directory = directory;
  }

  async chunk(payload: unknown): Promise<void> {
    await this.#serially(() => this.#takeChunk(payload));
  }

  /** Resolves with the message for the core. */
  async end(payload: unknown): Promise<Message> {
    return this.#serially(() => this.#finish(payload));
  }

  /** The rows and the control state of a snapshot that the core wants installed, if it is here. */
  take(
    meta: SnapshotMeta,
  ): { records: Iterable<DumpRecord>; controlState: Uint8Array } | undefined {
    const received = this.#received.get(meta.index);
    if (received === undefined) return undefined;
    return { records: readRecords(received.path), controlState: received.controlState };
  }

  /** Forgets every complete snapshot up to `index`; one that is on its way stays. */
  async forget(index: number): Promise<void> {
    for (const [at, { path }] of this.#received) {
      if (at > index) continue;
      this.#received.delete(at);
      await rm(path, { force: true });
    }
  }

  #serially<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#busy.then(work);
    this.#busy = result.catch(() => undefined);
    return result;
  }

  async #takeChunk(payload: unknown): Promise<void> {
    const fields = new Fields(payload, 'snapshot chunk');
    fields.oneOf('kind', ['snapshot-chunk']);
    readVersion(fields);
    const transfer = fields.string('transfer', 64);
    const sequence = fields.count('sequence');
    const records = fields.list('records', CHUNK_RECORDS_MAX, (list) => list.bytes('record'));
    if (sequence === 0) await this.#begin(transfer);
    const incoming = this.#requireIncoming(transfer, sequence);
    const parts = records.flatMap((record) => [lengthOf(record), record]);
    for (const record of records) incoming.hash.update(record);
    const bytes = Buffer.concat(parts);
    incoming.bytes += bytes.byteLength;
    if (incoming.bytes > SNAPSHOT_BYTES_MAX) {
      throw new RpcError('overloaded', `a snapshot may have ${SNAPSHOT_BYTES_MAX} bytes at most`);
    }
    await incoming.file.writeFile(bytes);
    incoming.sequence += 1;
  }

  async #finish(payload: unknown): Promise<Message> {
    const fields = new Fields(payload, 'snapshot end');
    fields.oneOf('kind', ['snapshot-end']);
    readVersion(fields);
    const transfer = fields.string('transfer', 64);
    const incoming = this.#requireIncoming(transfer, fields.count('sequence'));
    const message = decodeMessage(fields.bytes('message'));
    const controlState = fields.bytes('controlState');
    incoming.hash.update(controlState);
    const agrees = incoming.hash.digest().equals(fields.bytes('hash'));
    await incoming.file.close();
    this.#incoming = undefined;
    if (!agrees || message.snapshot === null) {
      await rm(incoming.path, { force: true });
      throw new NodeError('malformed', 'the snapshot did not arrive as it was sent');
    }
    const { index } = message.snapshot;
    await this.forget(index - RECEIVED_INDEXES_KEPT);
    this.#received.set(index, { path: incoming.path, meta: message.snapshot, controlState });
    return message;
  }

  async #begin(transfer: string): Promise<void> {
    await this.#incoming?.file.close();
    if (this.#incoming !== undefined) await rm(this.#incoming.path, { force: true });
    this.#incoming = undefined;
    // What a process before left is of no use: its core has forgotten it.
    if (this.#files === 0) await rm(this.#directory, { recursive: true, force: true });
    await mkdir(this.#directory, { recursive: true });
    this.#files += 1;
    const path = join(this.#directory, `snapshot-${this.#files}`);
    const file = await open(path, 'w');
    this.#incoming = {
      transfer,
      path,
      file,
      hash: createHash('sha256'),
      sequence: 0,
      bytes: 0,
    };
  }

  #requireIncoming(transfer: string, sequence: number): Incoming {
    const incoming = this.#incoming;
    if (incoming?.transfer === transfer && incoming.sequence === sequence) return incoming;
    throw new RpcError('refused', 'this part of a snapshot does not follow the one before', {
      reason: 'snapshot-out-of-order',
    });
  }
}

function readVersion(fields: Fields): void {
  const version = fields.count('version');
  if (version !== 1) fields.fail('version', `1; it is ${version}, of another release`);
}

function lengthOf(record: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, record.byteLength, true);
  return bytes;
}

/** Reads the records of a finished file, one at a time. */
function* readRecords(path: string): Generator<DumpRecord> {
  const file = openSync(path, 'r');
  try {
    const length = Buffer.alloc(4);
    while (readSync(file, length, 0, 4, null) === 4) {
      const record = Buffer.alloc(length.readUInt32LE());
      const bytes = readSync(file, record, 0, record.byteLength, null);
      if (bytes !== record.byteLength) {
        throw new NodeError('malformed', `${path} ends in the middle of a record`);
      }
      yield decodeDumpRecord(record);
    }
  } finally {
    closeSync(file);
  }
}
