/** One document at a node: its content, its file, and the peers that have it open. */
import { createHash } from 'node:crypto';
import * as Y from 'yjs';
import type { Author } from './client-id.js';
import { FrameLog } from '../frame-log/frame-log.js';
import { type DocumentRecord, type DocumentRecordKind, documentFrames } from './document-file.js';
import { DocumentError, messageOf } from './error.js';
import { DOCUMENT_BYTES_MAX } from './limits.js';
import { OPEN_RIGHTS, type Rights, replaces, rightsShape } from './rights.js';
import { checkUpdate } from './update-check.js';

/** What the empty update of Yjs is. */
const NOTHING_BYTES = 2;

/** Told of everything that is new in a document. */
export interface DocumentObserver {
  /** `source`: who brought it, as given to `apply`. */
  updated(update: Uint8Array, source: object): void;
  rightsChanged(rights: Rights): void;
}

/**
 * The content of a document. An update is checked, applied, and written; the promise of `apply`
 * resolves when it is on the disk.
 */
export class SharedDocument {
  readonly name: string;
  readonly observers = new Set<DocumentObserver>();
  readonly #log: FrameLog<DocumentRecordKind>;
  #document: Y.Doc;
  #rights: Rights = OPEN_RIGHTS;
  /** Bytes of the document at most: those of the last encoding and of all updates since. */
  #bytesMost = 0;
  #written: Promise<void> = Promise.resolve();
  #digest: string | undefined;
  #isBroken = false;

  private constructor(name: string, log: FrameLog<DocumentRecordKind>) {
    this.name = name;
    this.#log = log;
    this.#document = new Y.Doc({ gc: true });
  }

  /** Throws `DocumentError` `damaged` or `disk`. */
  static async open(path: string, name: string): Promise<SharedDocument> {
    const snapshot = (): readonly DocumentRecord[] => document.#snapshot();
    const { log, records } = await FrameLog.open({ path, name, frames: documentFrames, snapshot });
    const document: SharedDocument = new SharedDocument(name, log);
    try {
      document.#restore(records);
    } catch (error) {
      await log.close();
      const sentence = `the file ${path} holds what is no document: ${messageOf(error)}`;
      throw new DocumentError('damaged', sentence, { cause: error });
    }
    return document;
  }

  get rights(): Rights {
    return this.#rights;
  }

  /** False when it has to be opened again: the disk failed, or Yjs threw half way. */
  get isUsable(): boolean {
    return !this.#isBroken;
  }

  get stateVector(): Uint8Array {
    return Y.encodeStateVector(this.#document);
  }

  /** Whether an author has used this client id. */
  knowsClient(clientId: number): boolean {
    return Y.getState(this.#document.store, clientId) > 0;
  }

  /**
   * All that somebody with this state vector lacks. Throws `DocumentError` `malformed-update` for
   * bytes that are no state vector.
   */
  missing(stateVector: Uint8Array): Uint8Array {
    try {
      return Y.encodeStateAsUpdate(this.#document, new Uint8Array(stateVector));
    } catch (error) {
      const sentence = `bytes are no state vector of a document: ${messageOf(error)}`;
      throw new DocumentError('malformed-update', sentence);
    }
  }

  /** Equal for equal content and rights, at whatever node. */
  get digest(): string {
    this.#digest ??= createHash('sha256')
      .update(JSON.stringify([this.name, this.#rights]))
      .update(Y.encodeSnapshot(Y.snapshot(this.#document)))
      .digest('latin1' as 'hex');
    return this.#digest;
  }

  /**
   * Checks an update and applies it; resolves when it is durable. `author`: who may have written what
   * is new in it, null when the source vouches. Rejects with `DocumentError`, and nothing has changed.
   */
  async apply(update: Uint8Array, author: Author | null, source: object): Promise<void> {
    this.#requireUsable();
    const own = checkUpdate(update, this.#document, author);
    this.#requireRoom(own.length);
    const fresh: Uint8Array[] = [];
    const gather = (bytes: Uint8Array): void => void fresh.push(bytes);
    this.#document.on('update', gather);
    try {
      Y.applyUpdate(this.#document, own, source);
      const { pendingStructs, pendingDs } = this.#document.store;
      if (pendingStructs !== null || pendingDs !== null) throw new Error('it is not complete');
    } catch (error) {
      // A part of it may be in: the document is read again from its file, which has nothing of it.
      this.#isBroken = true;
      const sentence = `an update cannot be applied: ${messageOf(error)}`;
      throw new DocumentError('malformed-update', sentence, { cause: error });
    } finally {
      this.#document.off('update', gather);
    }
    for (const bytes of fresh) this.#publish(bytes, source);
    // What was known before may still be on its way to the disk.
    await this.#written;
  }

  /** Takes rights that are later than those it has; resolves when they are durable. */
  async setRights(rights: Rights): Promise<void> {
    this.#requireUsable();
    if (replaces(rights, this.#rights)) {
      this.#rights = rights;
      this.#digest = undefined;
      this.#write({ kind: 'rights', bytes: new TextEncoder().encode(JSON.stringify(rights)) });
      for (const observer of this.observers) observer.rightsChanged(rights);
    }
    await this.#written;
  }

  /** Resolves when all that was applied is written. */
  async close(): Promise<void> {
    this.#isBroken = true;
    await this.#log.close();
    this.#document.destroy();
  }

  #publish(bytes: Uint8Array, source: object): void {
    this.#digest = undefined;
    this.#bytesMost += bytes.length;
    this.#write({ kind: 'update', bytes });
    for (const observer of this.observers) observer.updated(bytes, source);
  }

  #write(record: DocumentRecord): void {
    const written = this.#log.append(record);
    // An append that fails fails all that follow, so the last one says it for all.
    this.#written = written;
    written.catch(() => {
      this.#isBroken = true;
    });
  }

  #requireUsable(): void {
    if (!this.#isBroken) return;
    throw new DocumentError('closed', `the document ${this.name} is being closed: try again`);
  }

  #requireRoom(bytes: number): void {
    if (this.#bytesMost + bytes <= DOCUMENT_BYTES_MAX) return;
    this.#bytesMost = Y.encodeStateAsUpdate(this.#document).length;
    if (this.#bytesMost + bytes <= DOCUMENT_BYTES_MAX) return;
    throw new DocumentError(
      'too-large',
      `the document ${this.name} has ${this.#bytesMost} bytes, an update adds up to ${bytes}, and ` +
        `${DOCUMENT_BYTES_MAX} are the most: begin another document`,
    );
  }

  #snapshot(): readonly DocumentRecord[] {
    const rights = new TextEncoder().encode(JSON.stringify(this.#rights));
    const content = Y.encodeStateAsUpdate(this.#document);
    this.#bytesMost = content.length;
    return [
      { kind: 'rights', bytes: rights },
      { kind: 'update', bytes: content },
    ];
  }

  #restore(records: readonly DocumentRecord[]): void {
    this.#document.transact(() => {
      for (const { kind, bytes } of records) {
        if (kind === 'rights') this.#rights = rightsShape.parse(JSON.parse(textOf(bytes)));
        else if (bytes.length > NOTHING_BYTES) Y.applyUpdate(this.#document, bytes);
        this.#bytesMost += bytes.length;
      }
    });
    const { pendingStructs, pendingDs } = this.#document.store;
    if (pendingStructs !== null || pendingDs !== null) throw new Error('a part of it is missing');
  }
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
