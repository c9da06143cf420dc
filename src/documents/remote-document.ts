/**
 * A peer's side of a shared document: a Yjs document that is kept the same as the others. Pages load
 * this file too: nothing of Node.
 */
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate } from 'y-protocols/awareness';
import * as Y from 'yjs';
import { PushSource } from '../../transport/rpc/push-source.js';
import { freshClientId } from './client-id.js';
import { DocumentError, messageOf } from './error.js';
import { type NodeMessage, type PeerMessage, PROTOCOL, nodeShape } from './messages.js';
import { OutgoingEdits } from './outgoing-edits.js';

type Outgoing = PeerMessage | readonly ['hello', typeof PROTOCOL, string, Uint8Array];

/** Opens the stream to some node; called again, for another node perhaps, when it has ended. */
export type OpenStream = (messages: AsyncIterable<unknown>) => AsyncIterable<unknown>;

export interface RemoteDocumentOptions {
  readonly name: string;
  readonly open: OpenStream;
  /** Whether what ended a stream will be the same at the next try: then the document fails. */
  readonly isFinal: (error: unknown) => boolean;
  /** Before another try, in milliseconds. */
  readonly retryMs?: number;
}

const RETRY_MS_USUAL = 200;
/** How long edits are gathered before they leave. */
const GATHER_MS = 2;

// Types of Yjs differ in their events, which no other type takes.
// oxlint-disable-next-line typescript/no-explicit-any
type AnyType = Y.AbstractType<any>;

interface Saving {
  /** The last update that it waits for. */
  readonly id: number;
  resolve(): void;
  reject(error: Error): void;
}

/**
 * `document` is the Yjs document: edit it as you like, at any time. Edits are sent when there is a way,
 * those of others come in, and after each loss of the connection both sides tell what the other lacks.
 */
export class RemoteDocument {
  readonly name: string;
  readonly document = new Y.Doc();
  /** Who else is here, and what they say of themselves. */
  readonly awareness = new Awareness(this.document);
  readonly #options: RemoteDocumentOptions;
  readonly #edits: OutgoingEdits;
  readonly #undo = new Map<AnyType, Y.UndoManager>();
  #requests: PushSource<Outgoing> | undefined;
  #author: number | undefined;
  #canWrite = false;
  #isTold = false;
  #id = 0;
  #savedId = 0;
  #saving: Saving[] = [];
  #flush: ReturnType<typeof setTimeout> | undefined;
  #failure: Error | undefined;
  #isClosed = false;
  readonly #running: Promise<void>;
  #opened!: { resolve(): void; reject(error: Error): void };
  /** Resolves when the content is here for the first time; rejects when it may not be. */
  readonly ready: Promise<void>;

  constructor(options: RemoteDocumentOptions) {
    this.name = options.name;
    this.#options = options;
    this.ready = new Promise((resolve, reject) => {
      this.#opened = { resolve, reject };
    });
    this.ready.catch(() => undefined);
    const isRemote = (origin: unknown): boolean => origin === this;
    this.#edits = new OutgoingEdits(this.document, isRemote, (isUrgent) => this.#onEdits(isUrgent));
    this.awareness.on('update', (_changes: unknown, origin: unknown) => {
      if (origin !== this) this.#tellAwareness();
    });
    this.#running = this.#run();
  }

  /** False when the rights of the document let this peer only read. */
  get canWrite(): boolean {
    return this.#canWrite;
  }

  /** Why it is no longer synced; undefined while all is well. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** The text of this name at the top of the document. */
  text(name = 'text'): Y.Text {
    return this.document.getText(name);
  }

  /**
   * Resolves when all edits so far would outlive a crash of the node that took them. Rejects with
   * `DocumentError` when they were refused or the document was closed.
   */
  async saved(): Promise<void> {
    this.#send();
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#savedId >= this.#id && this.#isTold) return;
    await new Promise<void>((resolve, reject) => {
      this.#saving.push({ id: this.#isTold ? this.#id : this.#id + 1, resolve, reject });
    });
  }

  /** Undoes and redoes what was edited here, not what others did. */
  history(type: AnyType): Y.UndoManager {
    let manager = this.#undo.get(type);
    if (manager === undefined) {
      manager = new Y.UndoManager(type, { captureTimeout: 500 });
      this.#undo.set(type, manager);
    }
    return manager;
  }

  /** Edits that are not saved may be lost: await `saved` before. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#fail(new DocumentError('closed', `the document ${this.name} was closed here`));
    await this.#running;
    clearTimeout(this.#flush);
    this.#edits.stop();
    this.awareness.destroy();
    this.document.destroy();
  }

  async #run(): Promise<void> {
    while (this.#failure === undefined) {
      const requests = new PushSource<Outgoing>();
      this.#requests = requests;
      this.#isTold = false;
      requests.push(['hello', PROTOCOL, this.name, Y.encodeStateVector(this.document)]);
      try {
        for await (const answer of this.#options.open(requests)) {
          this.#take(nodeShape.parse(answer));
          if (this.#failure !== undefined) break;
        }
      } catch (error) {
        if (this.#options.isFinal(error)) this.#fail(asError(error));
      }
      requests.end();
      this.#requests = undefined;
      if (this.#failure === undefined) await sleep(this.#options.retryMs ?? RETRY_MS_USUAL);
    }
  }

  #take(message: NodeMessage): void {
    switch (message[0]) {
      case 'welcome':
        this.#welcomed(message);
        break;
      case 'update':
        Y.applyUpdate(this.document, message[1], this);
        break;
      case 'saved':
        this.#savedId = Math.max(this.#savedId, message[1]);
        this.#settle();
        break;
      case 'refused':
        this.#fail(
          new DocumentError('not-allowed', `an edit of ${this.name} was refused: ${message[3]}`),
        );
        break;
      case 'aware':
        applyAwarenessUpdate(this.awareness, message[1], this);
        break;
    }
  }

  #welcomed([, author, canWrite, stateVector, update]: Extract<
    NodeMessage,
    ['welcome', ...unknown[]]
  >): void {
    this.#canWrite = canWrite;
    Y.applyUpdate(this.document, update, this);
    if (this.#author === undefined) this.#takeName(author);
    // What was gathered goes along with what the node lacks from before.
    this.#edits.take();
    this.#isTold = true;
    if (canWrite) this.#push(Y.encodeStateAsUpdate(this.document, stateVector));
    else this.#savedId = this.#id += 1;
    this.#settle();
    this.#renewAwareness();
    this.#opened.resolve();
  }

  /** Edits made before the first welcome would bear a name that nobody has given to this peer. */
  #takeName(author: number): void {
    this.#author = author;
    const states = this.awareness.getLocalState();
    this.awareness.setLocalState(null);
    this.document.clientID = freshClientId(
      author,
      (client) => Y.getState(this.document.store, client) > 0,
    );
    this.awareness.clientID = this.document.clientID;
    this.awareness.setLocalState(states);
  }

  #onEdits(isUrgent: boolean): void {
    if (this.#author === undefined) {
      this.#fail(
        new DocumentError('closed', `${this.name} was edited before it was open: await \`ready\``),
      );
    } else if (!this.#canWrite) {
      this.#fail(new DocumentError('not-allowed', `you may not write the document ${this.name}`));
    } else if (isUrgent) this.#send();
    else this.#flush ??= setTimeout(() => this.#send(), GATHER_MS);
  }

  #send(): void {
    clearTimeout(this.#flush);
    this.#flush = undefined;
    if (!this.#isTold) return;
    const update = this.#edits.take();
    if (update !== undefined) this.#push(update);
  }

  #push(update: Uint8Array): void {
    this.#id += 1;
    this.#requests?.push(['update', this.#id, update]);
  }

  /** Said anew, it is later than what others remember of the connection before. */
  #renewAwareness(): void {
    const state = this.awareness.getLocalState();
    if (state === null) this.#tellAwareness();
    else this.awareness.setLocalState(state);
  }

  #tellAwareness(): void {
    if (!this.#isTold) return;
    const { clientID } = this.awareness;
    if (!this.awareness.meta.has(clientID)) return;
    this.#requests?.push(['aware', encodeAwarenessUpdate(this.awareness, [clientID])]);
  }

  #settle(): void {
    const waiting = this.#saving;
    this.#saving = waiting.filter(({ id }) => id > this.#savedId);
    for (const { id, resolve } of waiting) if (id <= this.#savedId) resolve();
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#opened.reject(error);
    for (const { reject } of this.#saving.splice(0)) reject(error);
    // Ends the stream at both ends.
    this.#requests?.end();
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(messageOf(error));
}
