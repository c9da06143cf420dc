/** A store with documents, and peers that have them open without a network in between. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, vi } from 'vitest';
import * as Y from 'yjs';
import {
  DocumentError,
  DocumentStore,
  PeerScores,
  Presences,
  RemoteDocument,
  authorOf,
  clientIdOf,
  serveSession,
} from '../../../src/documents/index.js';

const directories: string[] = [];
const closing: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of closing) await close();
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

/** A folder that is gone after the tests. */
export function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'documents-'));
  directories.push(directory);
  return directory;
}

/** A node without a swarm. */
export class Host {
  readonly scores = new PeerScores(() => this.nowMs);
  readonly presences = new Presences();
  nowMs = 0;
  /** How many streams were opened. */
  streams = 0;
  /** Ends the streams that are open now. */
  cut: (() => void)[] = [];
  isReachable = true;

  private constructor(readonly store: DocumentStore) {
    closing.push(() => store.close());
  }

  static async open(directory = scratch()): Promise<Host> {
    const store = await DocumentStore.open(directory, (sentence) => {
      throw new Error(sentence);
    });
    return new Host(store);
  }

  /** A peer that has a document open. */
  peer(peerId: string, name = 'doc', isOperator = false): RemoteDocument {
    const remote = new RemoteDocument({
      name,
      retryMs: 1,
      isFinal: (error) => error instanceof DocumentError && error.code !== 'closed',
      open: (messages) => {
        if (!this.isReachable) throw new Error('nobody answers');
        this.streams += 1;
        const answers = serveSession(messages, { peerId, isOperator }, this);
        this.cut.push(() => void answers.return?.());
        return answers;
      },
    });
    closing.push(() => remote.close());
    return remote;
  }

  /** The messages of a peer that speaks for itself, and what it is answered until the end. */
  async raw(peerId: string, messages: readonly unknown[]): Promise<unknown[]> {
    const answers: unknown[] = [];
    const source = (async function* () {
      yield* messages;
      // It listens until it is answered.
      await vi.waitFor(() => expect(answers.length).toBeGreaterThanOrEqual(messages.length));
    })();
    for await (const answer of serveSession(source, { peerId, isOperator: false }, this)) {
      answers.push(answer);
    }
    return answers;
  }

  text(name = 'doc', root = 'text'): Promise<string> {
    return this.store.use(name, (document) => {
      const copy = new Y.Doc();
      Y.applyUpdate(copy, document.missing(Uint8Array.of(0)));
      return copy.getText(root).toString();
    });
  }
}

/** What a peer would send that has typed a text into a document of its own. */
export function typed(peerId: string, text: string, session = 1): Uint8Array {
  const document = new Y.Doc();
  document.clientID = clientIdOf(authorOf(peerId), session);
  document.getText('text').insert(0, text);
  return Y.encodeStateAsUpdate(document);
}

/** Waits until a condition holds, generously. */
export function eventually(check: () => void | Promise<void>): Promise<void> {
  return vi.waitFor(check, { timeout: 30_000, interval: 5 });
}
