/** One available namespace at a node: a replica of its memories, and the file that keeps it. */
import { randomBytes } from 'node:crypto';

import { Replica, decodeUpdate, readMap, readMultiValue } from '../../consensus/crdt/index.js';
import type { Effect, Field, Input, Mutation } from '../../consensus/crdt/index.js';
import { FrameLog } from '../../src/frame-log/frame-log.js';
import { NodeError, messageOf } from '../errors.js';
import { NAMESPACE_BYTES_MAX } from './limits.js';
import type { NamespaceRecord, NamespaceRecordKind } from './namespace-file.js';
import { NamespaceFileError, namespaceFrames, readRecords } from './namespace-file.js';
import { conflicting, decodeStored, encodeStored } from './stored-value.js';
import type { StoredValue } from './stored-value.js';

export interface NamespacePorts {
  readonly nodeId: number;
  /** May lose, double, delay and reorder. */
  send(to: number, bytes: Uint8Array): void;
  /** What is under these ids may have changed; null: under any. */
  changed(ids: readonly string[] | null): void;
  log(message: string): void;
}

interface Waiting {
  resolve(hadEffect: boolean): void;
  reject(error: unknown): void;
}

export class Namespace {
  readonly name: string;
  readonly #ports: NamespacePorts;
  readonly #log: FrameLog<NamespaceRecordKind>;
  readonly #replica: Replica;
  readonly #waiting = new Map<number, Waiting>();
  #token = 0;
  #failure: unknown;
  #mustRename = false;
  #members = '';
  readonly #bytesOf = new Map<string, number>();
  #bytes = 0;
  #ids: readonly string[] | undefined;

  private constructor(
    name: string,
    replica: Replica,
    log: FrameLog<NamespaceRecordKind>,
    ports: NamespacePorts,
  ) {
    this.name = name;
    this.#replica = replica;
    this.#log = log;
    this.#ports = ports;
    this.#measure(null);
  }

  /**
   * Opens the file, or begins one with the first write. With `rename` the replica takes another name,
   * since others know of updates of it that the file has lost. Throws `NamespaceFileError`.
   */
  static async open(
    path: string,
    name: string,
    ports: NamespacePorts,
    rename = false,
  ): Promise<Namespace> {
    const snapshot = (): readonly NamespaceRecord[] => namespace.#records();
    const { log, records } = await FrameLog.open({ path, name, frames: namespaceFrames, snapshot });
    const read = readRecords(records);
    const id = rename ? undefined : read.replica;
    let replica: Replica;
    try {
      const fresh = `${ports.nodeId}.${randomBytes(8).toString('hex')}`;
      const options = { id: id ?? fresh, members: [], recordsPerSnapshot: Infinity };
      replica = new Replica(options, { snapshot: read.snapshot, records: read.updates });
    } catch (error) {
      await log.close();
      const sentence = `the file ${path} holds what is no namespace: ${messageOf(error)}`;
      throw new NamespaceFileError('directory', sentence, error);
    }
    const namespace: Namespace = new Namespace(name, replica, log, ports);
    if (rename) await log.append({ kind: 'replica', bytes: Buffer.from(replica.id) });
    return namespace;
  }

  /** False when it has to be opened again: the disk failed, or the replica needs another name. */
  get isUsable(): boolean {
    return this.#failure === undefined;
  }

  get mustRename(): boolean {
    return this.#mustRename;
  }

  /** Ids that have a value, in order. */
  get ids(): readonly string[] {
    this.#ids ??= readMap(this.#replica.root, []).map(({ key }) => key);
    return this.#ids;
  }

  /** The first is what most readers want; the others are in conflict with it. Empty: there is none. */
  values(id: string): StoredValue[] {
    const written = readMultiValue(this.#replica.root, [fieldOf(id)]);
    return conflicting(written.flatMap(({ value }) => decodeStored(value) ?? []));
  }

  /** Resolves when it would outlive a crash of this node. Replaces what this node has seen under the id. */
  async put(id: string, value: StoredValue): Promise<void> {
    const bytes = encodeStored(value);
    if (this.#bytes - (this.#bytesOf.get(id) ?? 0) + bytes.length > NAMESPACE_BYTES_MAX) {
      throw new NodeError(
        'refused',
        `the namespace ${this.name} would have more than ${NAMESPACE_BYTES_MAX} bytes; delete some ` +
          'of it, or use a second one',
      );
    }
    await this.#mutate({ type: 'write', path: [fieldOf(id)], value: bytes });
  }

  /** Deletes what this node has seen under the id; false if there is nothing. */
  async delete(id: string): Promise<boolean> {
    return this.#mutate({ type: 'delete', path: [fieldOf(id)] });
  }

  receive(from: number, bytes: Uint8Array): void {
    this.#step({ type: 'message', from: String(from), bytes, nowMs: Date.now() });
  }

  /** Tells some of the others what is here, so that both find what the other lacks. */
  compare(others: readonly number[]): void {
    const members = others.map(String);
    // Their names are no names of replicas, which change when a disk is lost.
    if (this.#members !== members.join()) {
      this.#members = members.join();
      this.#step({ type: 'members', members });
    }
    this.#step({ type: 'tick' });
  }

  async close(): Promise<void> {
    this.#fail(new NodeError('stopped', 'the node stops'));
    await this.#log.close();
  }

  #mutate(mutation: Mutation): Promise<boolean> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      this.#token += 1;
      this.#waiting.set(this.#token, { resolve, reject });
      this.#step({ type: 'mutate', token: this.#token, mutation, nowMs: Date.now() });
    });
  }

  #step(input: Input): void {
    if (this.#failure !== undefined) return;
    for (const effect of this.#replica.step(input)) this.#perform(effect);
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'append': {
        const { changes } = decodeUpdate(effect.record);
        this.#changed(changes.map(({ path }) => path[0]?.key ?? ''));
        this.#write({ kind: 'update', bytes: effect.record }, effect.number);
        break;
      }
      case 'replace':
        this.#changed(null);
        this.#write({ kind: 'snapshot', bytes: effect.snapshot }, effect.number);
        break;
      case 'send':
        this.#ports.send(Number(effect.to), effect.bytes);
        break;
      case 'done':
        this.#settle(effect.token, ({ resolve }) => resolve(effect.dot !== null));
        break;
      case 'refused':
        this.#settle(effect.token, ({ reject }) => {
          reject(new NodeError('refused', effect.error.message, effect.error));
        });
        break;
      case 'rejected':
        this.#ports.log(
          `what node ${effect.from} sent for the namespace ${this.name} was refused: ${effect.error.message}`,
        );
        this.#mustRename ||= effect.error.code === 'lost-own-updates';
        if (this.#mustRename) this.#fail(effect.error);
        break;
    }
  }

  #write(record: NamespaceRecord, number: number): void {
    this.#log.append(record).then(
      () => this.#step({ type: 'persisted', number }),
      (error: unknown) => this.#fail(error),
    );
  }

  #settle(token: number, end: (waiting: Waiting) => void): void {
    const waiting = this.#waiting.get(token);
    this.#waiting.delete(token);
    if (waiting !== undefined) end(waiting);
  }

  /** Nobody knows what the disk holds now, so nothing more is done until it has been read again. */
  #fail(error: unknown): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }

  #changed(ids: readonly string[] | null): void {
    this.#ids = undefined;
    this.#measure(ids);
    this.#ports.changed(ids);
  }

  #measure(ids: readonly string[] | null): void {
    for (const id of ids ?? new Set([...this.#bytesOf.keys(), ...this.ids])) {
      const written = readMultiValue(this.#replica.root, [fieldOf(id)]);
      const bytes = written.reduce((sum, { value }) => sum + bytesOf(value), 0);
      this.#bytes += bytes - (this.#bytesOf.get(id) ?? 0);
      if (bytes === 0) this.#bytesOf.delete(id);
      else this.#bytesOf.set(id, bytes);
    }
  }

  #records(): readonly NamespaceRecord[] {
    return [
      { kind: 'replica', bytes: Buffer.from(this.#replica.id) },
      { kind: 'snapshot', bytes: this.#replica.snapshot },
    ];
  }
}

function fieldOf(id: string): Field {
  return { kind: 'multi-value', key: id };
}

function bytesOf(value: unknown): number {
  return value instanceof Uint8Array ? value.length : 0;
}
