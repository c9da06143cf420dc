/** The node's side of one open document: a peer that reads, and perhaps writes. */
import { PushSource } from '../../transport/rpc/push-source.js';
import { authorOf } from './author.js';
import { DocumentError, messageOf } from './error.js';
import { SESSION_QUEUE_BYTES_MAX } from './limits.js';
import { type NodeMessage, helloShape, peerShape } from './messages.js';
import type { PeerScores } from './peer-scores.js';
import type { Presences, Present } from './presence.js';
import { mayRead, mayWrite } from './rights.js';
import type { DocumentObserver, SharedDocument } from './shared-document.js';
import type { DocumentStore } from './document-store.js';

/** Who speaks, as the transport and the swarm know it. */
export interface SessionPeer {
  /** Proven by the transport. */
  readonly peerId: string;
  /** Reads and writes whatever the rights say: an operator. */
  readonly isOperator: boolean;
}

/** What a session needs of its node. */
export interface SessionPorts {
  readonly store: DocumentStore;
  readonly scores: PeerScores;
  readonly presences: Presences;
}

/** What a message takes beside its bytes: those without any fill a queue, too. */
const MESSAGE_BYTES = 128;

/**
 * Serves one duplex call of the method that opens documents. Ends with `DocumentError`, which says why
 * to the peer; the document is as it was.
 */
export function serveSession(
  messages: AsyncIterable<unknown>,
  peer: SessionPeer,
  ports: SessionPorts,
): AsyncIterableIterator<NodeMessage> {
  const session = new DocumentSession(peer, ports);
  void session.run(messages);
  return session.answers;
}

class DocumentSession implements DocumentObserver, Present {
  readonly answers: PushSource<NodeMessage>;
  readonly #peer: SessionPeer;
  readonly #ports: SessionPorts;
  #document: SharedDocument | undefined;
  #end!: () => void;
  readonly #ended: Promise<void>;

  constructor(peer: SessionPeer, ports: SessionPorts) {
    this.#peer = peer;
    this.#ports = ports;
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.answers = new PushSource(() => this.#end());
  }

  async run(messages: AsyncIterable<unknown>): Promise<void> {
    const iterator = messages[Symbol.asyncIterator]();
    try {
      this.#requireGoodStanding();
      const [, , name, stateVector] = parsed(helloShape, (await iterator.next()).value);
      await this.#ports.store.use(name, (document) => this.#serve(document, stateVector, iterator));
      this.answers.end();
    } catch (error) {
      if (error instanceof DocumentError) this.#ports.scores.record(this.#peer.peerId, error.code);
      this.answers.end(error instanceof Error ? error : new Error(messageOf(error)));
    } finally {
      await iterator.return?.();
    }
  }

  updated(update: Uint8Array, source: object): void {
    if (source !== this) this.#send(['update', update], update.length);
  }

  rightsChanged(): void {
    if (!this.#mayRead()) this.#end();
  }

  aware(bytes: Uint8Array): void {
    this.#send(['aware', bytes], bytes.length);
  }

  async #serve(
    document: SharedDocument,
    stateVector: Uint8Array,
    messages: AsyncIterator<unknown>,
  ): Promise<void> {
    this.#document = document;
    if (!this.#mayRead()) {
      throw new DocumentError('not-allowed', `you may not read the document ${document.name}`);
    }
    const { presences } = this.#ports;
    presences.requireRoom(document.name);
    const missing = document.missing(stateVector);
    const author = authorOf(this.#peer.peerId);
    const welcome = [author, this.#mayWrite(), document.stateVector, missing] as const;
    this.#send(['welcome', ...welcome], missing.length);
    presences.enter(document.name, this);
    document.observers.add(this);
    try {
      await this.#read(document, messages);
    } finally {
      document.observers.delete(this);
      presences.leave(document.name, this);
    }
  }

  async #read(document: SharedDocument, messages: AsyncIterator<unknown>): Promise<void> {
    const ended = this.#ended.then(() => ({ done: true, value: undefined }) as const);
    for (;;) {
      const { done, value } = await Promise.race([messages.next(), ended]);
      if (done === true) return;
      if (!document.isUsable) throw new DocumentError('closed', 'the document is opened again');
      const message = parsed(peerShape, value);
      if (message[0] === 'update') this.#take(document, message[1], message[2]);
      else {
        const author = authorOf(this.#peer.peerId);
        this.#ports.presences.say(document.name, this, message[1], author);
      }
    }
  }

  /** Not awaited: the updates of a peer share syncs. */
  #take(document: SharedDocument, id: number, update: Uint8Array): void {
    const refuse = (error: unknown): void => {
      const code = error instanceof DocumentError ? error.code : 'internal';
      if (error instanceof DocumentError) this.#ports.scores.record(this.#peer.peerId, error.code);
      this.#send(['refused', id, code, messageOf(error)], 0);
      if (this.#ports.scores.isShutOut(this.#peer.peerId)) this.#end();
    };
    if (!this.#mayWrite()) {
      refuse(new DocumentError('not-allowed', `you may not write the document ${document.name}`));
      return;
    }
    document
      .apply(update, authorOf(this.#peer.peerId), this)
      .then(() => this.#send(['saved', id], 0), refuse);
  }

  #queued = 0;

  #send(message: NodeMessage, bytes: number): void {
    if (this.answers.size === 0) this.#queued = 0;
    this.#queued += bytes + MESSAGE_BYTES;
    this.answers.push(message);
    if (this.#queued <= SESSION_QUEUE_BYTES_MAX || this.answers.size === 1) return;
    // It comes back, says what it has, and gets the rest in one piece.
    this.answers.end(
      new DocumentError('too-large', 'you read too slowly: open the document again'),
    );
    this.#end();
  }

  #mayRead(): boolean {
    const rights = this.#document?.rights;
    return rights !== undefined && (this.#peer.isOperator || mayRead(rights, this.#peer.peerId));
  }

  #mayWrite(): boolean {
    const rights = this.#document?.rights;
    return rights !== undefined && (this.#peer.isOperator || mayWrite(rights, this.#peer.peerId));
  }

  #requireGoodStanding(): void {
    if (!this.#ports.scores.isShutOut(this.#peer.peerId)) return;
    throw new DocumentError(
      'not-allowed',
      'too much of what you sent had to be refused: documents are closed to you for some time',
    );
  }
}

function parsed<T>(shape: { parse(value: unknown): T }, value: unknown): T {
  try {
    return shape.parse(value);
  } catch (error) {
    throw new DocumentError('malformed-update', 'a message is not of the protocol of documents', {
      cause: error,
    });
  }
}
