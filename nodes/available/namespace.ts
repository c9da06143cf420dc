/** One available namespace at a node: what it holds, and the file that keeps it. */
import type { StateCut } from '../../consensus/crdt/index.js';
import { FrameLog } from '../../src/frame-log/frame-log.js';
import { NodeError, messageOf } from '../errors.js';
import { PIECE_BYTES } from './limits.js';
import { NamespaceCore } from './namespace-core.js';
import type { CorePorts, Settle } from './namespace-core.js';
import { NamespaceFileError, freshReplicaName, namespaceFrames } from './namespace-file.js';
import type { NamespaceRecord, NamespaceRecordKind } from './namespace-records.js';
import { readRecords } from './namespace-records.js';
import type { NamespaceRights } from './namespace-rights.js';
import { advanceSlice } from './state-slices.js';
import type { StoredValue } from './stored-value.js';

export interface NamespacePorts extends Pick<CorePorts, 'send' | 'sendState' | 'changed' | 'log'> {
  readonly nodeId: number;
}

/** What the one before it in this process has come to. */
export type Before = Pick<Namespace, 'isUsable' | 'mustRename'>;

export class Namespace {
  readonly #core: NamespaceCore;
  readonly #log: FrameLog<NamespaceRecordKind>;
  /** Resolves when the last record is on the disk, or is not going to be. */
  #written: Promise<void> = Promise.resolve();

  private constructor(
    path: string,
    name: string,
    ports: NamespacePorts,
    { log, records }: Awaited<ReturnType<typeof FrameLog.open<NamespaceRecordKind>>>,
    before: Before | undefined,
  ) {
    this.#log = log;
    try {
      const freshReplica = freshReplicaName(ports.nodeId);
      const rename = before?.mustRename === true;
      const isUnsure = before?.isUsable === false;
      const read = readRecords(records);
      this.#core = new NamespaceCore(
        {
          name,
          nodeId: ports.nodeId,
          freshReplica,
          read,
          rename,
          isUnsure,
          pieceBytes: PIECE_BYTES,
        },
        {
          nowMs: () => Date.now(),
          write: (record, number) => this.#write(record, number),
          send: ports.send,
          sendState: ports.sendState,
          changed: ports.changed,
          log: ports.log,
        },
      );
    } catch (error) {
      const sentence = `the file ${path} holds what is no namespace: ${messageOf(error)}`;
      throw new NamespaceFileError('directory', sentence, error);
    }
  }

  /**
   * Opens the file, or begins one with the first write. After one that cannot be used any more all that
   * is read is written again first. Throws `NamespaceFileError`.
   */
  static async open(
    path: string,
    name: string,
    ports: NamespacePorts,
    before?: Before,
  ): Promise<Namespace> {
    const snapshot = (): readonly NamespaceRecord[] => namespace.#core.records;
    const anew = before !== undefined;
    const opened = await FrameLog.open({ path, name, frames: namespaceFrames, snapshot, anew });
    let namespace: Namespace;
    try {
      namespace = new Namespace(path, name, ports, opened, before);
    } catch (error) {
      await opened.log.close();
      throw error;
    }
    await namespace.#written;
    if (namespace.isUsable) return namespace;
    await opened.log.close();
    throw namespace.#core.failure;
  }

  /** False when it has to be opened again: the disk failed, or the replica needs another name. */
  get isUsable(): boolean {
    return this.#core.isUsable;
  }

  get mustRename(): boolean {
    return this.#core.mustRename;
  }

  get name(): string {
    return this.#core.name;
  }

  /** How many ids have a value that is served now. */
  get memories(): number {
    return this.#core.memories;
  }

  /** Ids that have a value, in order; it may have expired. */
  get ids(): readonly string[] {
    return this.#core.ids;
  }

  /** Who may read and write, as this node has heard. */
  get rights(): NamespaceRights {
    return this.#core.rights;
  }

  /** As those of the core: the latest first, without what has expired. */
  values(id: string): StoredValue[] {
    return this.#core.values(id);
  }

  /** Resolves when it would outlive a crash of this node. Replaces what this node has seen under the id. */
  async put(id: string, value: StoredValue): Promise<void> {
    await this.#settled((settle) => this.#core.put(id, value, settle));
  }

  /** Deletes what this node has seen under the id; false if there is nothing. */
  delete(id: string): Promise<boolean> {
    return this.#settled((settle) => this.#core.delete(id, settle));
  }

  /** Resolves when they would outlive a crash of this node. */
  async setRights(rights: NamespaceRights): Promise<void> {
    await this.#settled((settle) => this.#core.setRights(rights, settle));
  }

  /** All that is here as one state, when it would outlive a crash of this node. */
  async exported(): Promise<StateCut> {
    const [cut, written] = [this.#core.cut(PIECE_BYTES), this.#written];
    while (!cut.isDone) {
      advanceSlice(cut);
      await new Promise(setImmediate);
    }
    await written;
    if (!this.isUsable) throw this.#core.failure;
    if (cut.pieces.length > 0) return cut;
    throw new NodeError('refused', `the namespace ${this.name} is too large: delete some of it`);
  }

  /** Tells of what has expired since the last time. */
  tellExpired(): void {
    this.#core.tellExpired();
  }

  receive(from: number, bytes: Uint8Array): void {
    this.#core.receive(from, bytes);
  }

  /** Tells some of the others what is here, so that both find what the other lacks. */
  compare(others: readonly number[]): void {
    this.#core.compare(others);
  }

  async close(): Promise<void> {
    this.#core.failed(new NodeError('stopped', 'the node stops'));
    await this.#log.close();
  }

  #settled(work: (settle: Settle) => void): Promise<boolean> {
    return new Promise((resolve, reject) => work({ resolve, reject }));
  }

  #write(record: NamespaceRecord, number: number): void {
    this.#written = this.#log.append(record).then(
      () => this.#core.persisted(number),
      (error: unknown) => this.#core.failed(error),
    );
  }
}
