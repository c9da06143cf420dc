/**
 * What a member holds of one available namespace, without file, clock and network: the driver writes the
 * records and says when they are on the disk. Nodes drive it with files, the simulator with its disk.
 *
 *   put, delete --> replica --write--> persisted --> settled, and told to the others
 *                     ^
 *   receive ----------+            failed: nothing more is done, it has to be opened again
 */
import { Replica, decodeUpdate, readDots, readMap } from '../../consensus/crdt/index.js';
import type { Effect, Field, Input, Mutation, StateCut } from '../../consensus/crdt/index.js';
import { NodeError } from '../errors.js';
import { Expiring } from './expiring.js';
import { EXPIRED_PER_TURN_MAX, NAMESPACE_BYTES_MAX } from './limits.js';
import type { NamespaceRecord, ReadRecords } from './namespace-records.js';
import { RIGHTS_FIELD, encodeRights, rightsIn } from './namespace-rights.js';
import type { NamespaceRights } from './namespace-rights.js';
import { conflicting, decodeStored, encodeStored, expiryOf, isLive } from './stored-value.js';
import type { StoredValue } from './stored-value.js';

export interface CorePorts {
  /** Milliseconds since 1970. */
  nowMs(): number;
  /** The record has to become durable, behind those before it: `persisted` or `failed` follows. */
  write(record: NamespaceRecord, number: number): void;
  /** May lose, double, delay and reorder. */
  send(to: number, bytes: Uint8Array): void;
  /** Likewise a whole state, whose bytes are made first, in slices. */
  sendState(to: number, cut: StateCut): void;
  /** What is under these ids may have changed; null: under any. */
  changed(ids: readonly string[] | null): void;
  log(message: string): void;
}

/** Who waits for a change: one of both is called, once. */
export interface Settle {
  /** It would outlive a crash; `hadEffect` is false where there was nothing to delete. */
  resolve(hadEffect: boolean): void;
  reject(error: unknown): void;
}

export interface CoreOptions {
  readonly name: string;
  readonly nodeId: number;
  /** A name that no replica has had, for a new file and for one that was set back. */
  readonly freshReplica: string;
  readonly read: ReadRecords;
  /** Others know of updates of this replica that the file has lost: it takes another name. */
  readonly rename: boolean;
  /**
   * The disk had failed before: what was read may be in the memory of the system alone. All of it is
   * written again, and nobody hears of it before.
   */
  readonly isUnsure: boolean;
  /** Bytes of a piece of a whole state. */
  readonly pieceBytes: number;
}

export class NamespaceCore {
  readonly name: string;
  readonly #nodeId: number;
  readonly #ports: CorePorts;
  readonly #replica: Replica;
  readonly #waiting = new Map<number, Settle>();
  #token = 0;
  #failure: unknown;
  #mustRename = false;
  #members = '';
  readonly #bytesOf = new Map<string, number>();
  readonly #expiring = new Expiring();
  #bytes = 0;
  #ids: readonly string[] | undefined;
  #rights: NamespaceRights | undefined;

  /** Throws `CrdtError` for records that are none. */
  constructor(options: CoreOptions, ports: CorePorts) {
    const { name, nodeId, freshReplica, read, rename, isUnsure, pieceBytes } = options;
    this.name = name;
    this.#nodeId = nodeId;
    this.#ports = ports;
    const id = (rename ? undefined : read.replica) ?? freshReplica;
    const restored = { snapshot: read.snapshot, records: read.updates };
    const own = { id, members: null, recordsPerSnapshot: Infinity, pieceBytes };
    this.#replica = new Replica(own, restored);
    this.#measure(null);
    // A new name, too, is written before it is used.
    if (isUnsure || rename) this.#step({ type: 'renew' });
  }

  get replicaName(): string {
    return this.#replica.id;
  }

  /** False when it has to be opened again: the disk failed, or the replica needs another name. */
  get isUsable(): boolean {
    return this.#failure === undefined;
  }

  get failure(): unknown {
    return this.#failure;
  }

  get mustRename(): boolean {
    return this.#mustRename;
  }

  /** Ids that have a value, in order; it may have expired. */
  get ids(): readonly string[] {
    this.#ids ??= readMap(this.#replica.root, [])
      .filter(({ kind }) => kind === MEMORY_KIND)
      .map(({ key }) => key);
    return this.#ids;
  }

  /** How many ids have a value that is served now. */
  get memories(): number {
    let count = this.ids.length;
    for (const id of this.#expiring.expired(this.#ports.nowMs())) {
      if (this.values(id).length === 0) count -= 1;
    }
    return count;
  }

  /** As this member has heard of them, with what is not durable yet. */
  get rights(): NamespaceRights {
    this.#rights ??= rightsIn(this.#replica.root);
    return this.#rights;
  }

  /** All that is here, with what is not durable yet, in as few records as there can be. */
  get records(): readonly NamespaceRecord[] {
    return [
      { kind: 'replica', bytes: encoder.encode(this.#replica.id) },
      { kind: 'snapshot', bytes: this.#replica.snapshot },
    ];
  }

  /** All that is here, with what is not durable yet, as one state: its bytes are to be made in slices. */
  cut(pieceBytes: number): StateCut {
    return this.#replica.cut(pieceBytes);
  }

  /**
   * Those that have not expired. The first is what most readers want; the others are in conflict with it.
   * Empty: there is none.
   */
  values(id: string): StoredValue[] {
    const nowMs = this.#ports.nowMs();
    const written = readDots(this.#replica.root, [fieldOf(id)]);
    const values = written.flatMap(({ value }) => decodeStored(value) ?? []);
    return conflicting(values.filter((value) => isLive(value, nowMs)));
  }

  /** Tells of what has expired since the last time. */
  tellExpired(): void {
    const ids = this.#expiring.tell(this.#ports.nowMs());
    if (ids.length > 0) this.#ports.changed(ids);
  }

  /** Replaces what this member has seen under the id. Throws `NodeError` `refused` for what is too large. */
  put(id: string, value: StoredValue, settle: Settle): void {
    const bytes = encodeStored(value);
    if (this.#bytes - (this.#bytesOf.get(id) ?? 0) + bytes.length > NAMESPACE_BYTES_MAX) {
      throw new NodeError(
        'refused',
        `the namespace ${this.name} would have more than ${NAMESPACE_BYTES_MAX} bytes; delete some ` +
          'of it, or use a second one',
      );
    }
    this.#mutate({ type: 'write', path: [fieldOf(id)], value: bytes }, settle);
  }

  /** Deletes what this member has seen under the id. */
  delete(id: string, settle: Settle): void {
    this.#mutate({ type: 'delete', path: [fieldOf(id)] }, settle);
  }

  /** Takes the place of the rights that this member has seen. Throws `NodeError` `refused`. */
  setRights(rights: NamespaceRights, settle: Settle): void {
    const value = encodeRights(rights);
    this.#mutate({ type: 'assign', path: [RIGHTS_FIELD], value }, settle);
  }

  receive(from: number, bytes: Uint8Array): void {
    this.#step({ type: 'message', from: String(from), bytes, nowMs: this.#ports.nowMs() });
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
    this.tellExpired();
    this.#removeExpired(others.filter((other) => other < this.#nodeId).length);
  }

  /** What others wrote meanwhile stays: only what has expired here is removed, whatever stands beside it. */
  #removeExpired(place: number): void {
    const nowMs = this.#ports.nowMs();
    for (const id of this.#expiring.due(nowMs, place, EXPIRED_PER_TURN_MAX)) {
      const path = [fieldOf(id)];
      const dots = readDots(this.#replica.root, path).filter(
        ({ value }) => expiryOf(value) <= nowMs,
      );
      this.#mutate({ type: 'discard', path, dots }, NOBODY);
    }
  }

  /** All records up to this number are on the disk. */
  persisted(number: number): void {
    this.#step({ type: 'persisted', number });
  }

  /** Nobody knows what the disk holds now, so nothing more is done until it has been read again. */
  failed(error: unknown): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }

  #mutate(mutation: Mutation, settle: Settle): void {
    if (this.#failure !== undefined) {
      settle.reject(this.#failure);
      return;
    }
    this.#token += 1;
    this.#waiting.set(this.#token, settle);
    this.#step({ type: 'mutate', token: this.#token, mutation, nowMs: this.#ports.nowMs() });
  }

  #step(input: Input): void {
    if (this.#failure !== undefined) return;
    for (const effect of this.#replica.step(input)) this.#perform(effect);
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'append': {
        const { changes } = decodeUpdate(effect.record);
        this.#changed(changes.flatMap(({ path: [field] }) => idOf(field) ?? []));
        this.#ports.write({ kind: 'update', bytes: effect.record }, effect.number);
        break;
      }
      case 'replace':
        this.#changed(null);
        this.#ports.write({ kind: 'snapshot', bytes: effect.snapshot }, effect.number);
        break;
      case 'send':
        this.#ports.send(Number(effect.to), effect.bytes);
        break;
      case 'send-state':
        this.#ports.sendState(Number(effect.to), effect.cut);
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
        if (this.#mustRename) this.failed(effect.error);
        break;
    }
  }

  #settle(token: number, end: (waiting: Settle) => void): void {
    const waiting = this.#waiting.get(token);
    this.#waiting.delete(token);
    if (waiting !== undefined) end(waiting);
  }

  #changed(ids: readonly string[] | null): void {
    this.#ids = undefined;
    this.#rights = undefined;
    this.#measure(ids);
    this.#ports.changed(ids);
  }

  #measure(ids: readonly string[] | null): void {
    for (const id of ids ?? new Set([...this.#bytesOf.keys(), ...this.ids])) {
      const written = readDots(this.#replica.root, [fieldOf(id)]);
      this.#expiring.set(id, Math.min(...written.map(({ value }) => expiryOf(value))));
      const bytes = written.reduce((sum, { value }) => sum + bytesOf(value), 0);
      this.#bytes += bytes - (this.#bytesOf.get(id) ?? 0);
      if (bytes === 0) this.#bytesOf.delete(id);
      else this.#bytesOf.set(id, bytes);
    }
  }
}

const encoder = new TextEncoder();
/** Of a change that is made again when it fails. */
const NOBODY: Settle = { resolve: () => undefined, reject: () => undefined };

/** What the memories of a namespace are. */
const MEMORY_KIND = 'multi-value';

function fieldOf(id: string): Field {
  return { kind: MEMORY_KIND, key: id };
}

/** Undefined for what is no memory. */
function idOf(field: Field | undefined): string | undefined {
  return field?.kind === MEMORY_KIND ? field.key : undefined;
}

function bytesOf(value: unknown): number {
  return value instanceof Uint8Array ? value.length : 0;
}
