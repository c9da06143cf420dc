/** The shared documents of a swarm in a page, through the gateway of whichever node answers. */
import type { OpenOptions } from '../../../transport/websocket/browser.js';
import { openSession } from '../../../transport/websocket/browser.js';
import type { Session } from '../../../transport/webtransport/session.js';
import { DocumentError, type DocumentErrorCode, messageOf } from '../error.js';
import { RemoteDocument } from '../remote-document.js';
import { gatewayAt } from './gateway.js';
import type { PageIdentity } from './identity.js';
import { OPEN_MS_MAX, RETRY_MS } from './limits.js';
import { PageSession } from './page-session.js';

/** For which another try, or another node, ends the same. */
const FINAL_CODES: ReadonlySet<DocumentErrorCode> = new Set([
  'bad-name',
  'damaged',
  'malformed-frame',
  'not-admitted',
  'not-allowed',
  'unsupported-version',
]);

export interface PageOptions {
  /**
   * `https://host:port` of the gateways of one node or several, which take turns when one does not
   * answer; or all URLs of one, as `openSession` takes them.
   */
  readonly gateways: readonly (string | OpenOptions)[];
  /** Client, operator or join token of the swarm. */
  readonly token: string;
  readonly identity: PageIdentity;
  /** Opens a session with a gateway; where there is no browser, with the client of another kind. */
  readonly openSession?: (gateway: OpenOptions) => Promise<Session>;
  /** Between two tries, in milliseconds. */
  readonly retryMs?: number;
}

export class PageDocuments {
  readonly #options: PageOptions;
  readonly #open = new Set<RemoteDocument>();
  #session: Promise<PageSession> | undefined;
  #turn = 0;
  #peerId: string | undefined;
  #problem: unknown;
  #isClosed = false;
  #end!: (error: DocumentError) => void;
  /** Rejects when these are closed. */
  readonly #ended = new Promise<never>((_, reject) => {
    this.#end = reject;
  });

  /** Throws `DocumentError` `unavailable` without a gateway. */
  constructor(options: PageOptions) {
    this.#options = options;
    this.#ended.catch(() => undefined);
    if (options.gateways.length > 0) return;
    throw new DocumentError('unavailable', 'give the URLs of at least one gateway');
  }

  /** By which the rights of documents name this page; undefined until a node has let it in. */
  get peerId(): string | undefined {
    return this.#peerId;
  }

  /**
   * Opens a document, which is made when it is not there, and waits until its content is here. It is
   * synced until it is closed, over a new session when one is lost. Rejects with `DocumentError`.
   */
  async open(name: string, { deadlineMs = OPEN_MS_MAX } = {}): Promise<RemoteDocument> {
    if (this.#isClosed) throw closedError();
    for (const one of this.#open) if (isClosed(one)) this.#open.delete(one);
    const remote = new RemoteDocument({
      name,
      retryMs: this.#options.retryMs ?? RETRY_MS,
      open: (messages) => this.#stream(messages),
      isFinal: (error) => this.#isFinal(error),
    });
    this.#open.add(remote);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(this.#late(name, deadlineMs)), deadlineMs);
    });
    try {
      await Promise.race([remote.ready, late]);
      return remote;
    } catch (error) {
      this.#open.delete(remote);
      await remote.close();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Closes all documents and the session; what is not saved is lost. Waits for no node that does not answer. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#end(closedError());
    const closing = [...this.#open].map((remote) => remote.close());
    this.#session?.then(
      (session) => session.close(),
      () => undefined,
    );
    await Promise.all(closing);
  }

  async *#stream(messages: AsyncIterable<unknown>): AsyncIterable<unknown> {
    const session = await Promise.race([this.#admitted(), this.#ended]);
    yield* session.open(messages);
  }

  /** The session that all documents share. */
  #admitted(): Promise<PageSession> {
    if (this.#session !== undefined) return this.#session;
    const opening = this.#connect();
    this.#session = opening;
    const forget = (): void => {
      if (this.#session === opening) this.#session = undefined;
    };
    opening.then((session) => session.closed().then(forget), forget);
    return opening;
  }

  async #connect(): Promise<PageSession> {
    const { gateways, token, identity } = this.#options;
    const gateway = gateways[this.#turn % gateways.length] ?? '';
    this.#turn += 1;
    try {
      const session = await this.#sessionWith(gateway);
      const admitted = await PageSession.open(session, token, identity);
      // The node that answers is asked again first.
      this.#turn -= 1;
      this.#peerId = admitted.peerId;
      return admitted;
    } catch (error) {
      this.#problem = error;
      throw error;
    }
  }

  async #sessionWith(gateway: string | OpenOptions): Promise<Session> {
    const urls = typeof gateway === 'string' ? await gatewayAt(gateway) : gateway;
    if (this.#isClosed) throw closedError();
    const { openSession: open } = this.#options;
    const session = open === undefined ? (await openSession(urls)).session : await open(urls);
    if (!this.#isClosed) return session;
    session.close();
    throw closedError();
  }

  #isFinal(error: unknown): boolean {
    if (error instanceof DocumentError) return FINAL_CODES.has(error.code) || this.#isClosed;
    return error instanceof Error && error.name === 'ZodError';
  }

  #late(name: string, deadlineMs: number): DocumentError {
    const why =
      this.#problem === undefined ? '' : `; the last problem: ${messageOf(this.#problem)}`;
    const sentence = `the document ${name} was not open within ${deadlineMs / 1_000} s${why}`;
    return new DocumentError('unavailable', sentence, { cause: this.#problem });
  }
}

function isClosed({ failure }: RemoteDocument): boolean {
  return failure instanceof DocumentError && failure.code === 'closed';
}

function closedError(): DocumentError {
  return new DocumentError('closed', 'the documents of this page are closed');
}
