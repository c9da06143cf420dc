/** Replays a trace through the document layer and its network: peers at nodes, over QUIC streams. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as Y from 'yjs';
import {
  DocumentStore,
  PeerScores,
  Presences,
  RemoteDocument,
  authorOfClient,
  clientIdOf,
  serveSession,
} from '../../src/documents/index.js';
import { createIdentity } from '../../transport/identity/index.js';
import { listenRpc } from '../../transport/rpc/index.js';
import type { PeerEndpoint } from '../../transport/rpc/index.js';
import type { Patch, Trace } from './crdt-trace.js';

const METHOD = 'documents.open';
const DAY_MS = 86_400_000;
/** Of the documents in which edits are made; any other than that of the open document. */
const SESSION = 7;
/** Edits between two turns of the event loop, in which the network moves. */
const EDITS_PER_TURN = 4_096;

/** What the peers of a replay end with. */
export interface Replayed {
  readonly texts: readonly string[];
  readonly milliseconds: number;
}

/** A node that serves documents, without a swarm. */
class Served {
  private constructor(
    readonly endpoint: PeerEndpoint,
    readonly store: DocumentStore,
    private readonly directory: string,
  ) {}

  static async start(): Promise<Served> {
    const directory = mkdtempSync(join(tmpdir(), 'crdt-replay-'));
    const store = await DocumentStore.open(directory, (sentence) => {
      throw new Error(sentence);
    });
    const ports = { store, scores: new PeerScores(), presences: new Presences() };
    const endpoint = await listenRpc({
      host: '127.0.0.1',
      port: 0,
      identity: createIdentity(),
      handlers: {},
      methods: {
        [METHOD]: {
          kind: 'duplex',
          handler: (messages, { connection }) =>
            serveSession(messages, { peerId: connection.peerId, isOperator: false }, ports),
        },
      },
    });
    return new Served(endpoint, store, directory);
  }

  async close(): Promise<void> {
    await this.endpoint.close(0);
    await this.store.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A peer with the document open, over a connection of its own. */
class Editor {
  private constructor(
    readonly endpoint: PeerEndpoint,
    readonly remote: RemoteDocument,
  ) {}

  static async open({ endpoint: { host, port, peerId } }: Served): Promise<Editor> {
    const endpoint = await listenRpc({
      host: '127.0.0.1',
      port: 0,
      identity: createIdentity(),
      handlers: {},
    });
    const connection = await endpoint.connect({ host, port, peerId }, { timeoutMs: 30_000 });
    const remote = new RemoteDocument({
      name: 'trace',
      open: (messages) => connection.duplex(METHOD, messages, { timeoutMs: DAY_MS }),
      isFinal: () => true,
    });
    await remote.ready;
    return new Editor(endpoint, remote);
  }

  async close(): Promise<void> {
    await this.remote.close();
    await this.endpoint.close(0);
  }
}

/** Positions of a trace are in code points, those of Yjs in code units. */
export function applyPatches(text: Y.Text, patches: readonly Patch[], isAscii: boolean): void {
  for (const [position, deleted, inserted] of patches) {
    const [from, to] = isAscii
      ? [position, position + deleted]
      : codeUnits(text.toString(), position, position + deleted);
    if (to > from) text.delete(from, to - from);
    if (inserted !== '') text.insert(from, inserted);
  }
}

function codeUnits(text: string, from: number, to: number): [number, number] {
  let units = 0;
  let points = 0;
  const unitsOf = (end: number): number => {
    for (; points < end && units < text.length; points += 1) {
      units += text.codePointAt(units)! > 0xffff ? 2 : 1;
    }
    return units;
  };
  return [unitsOf(from), unitsOf(to)];
}

/** Whether all positions are the same in code points and in code units. */
export function hasOnlyNarrowCharacters({ transactions, startContent }: Trace): boolean {
  const isNarrow = (text: string): boolean => !/[\u{10000}-\u{10ffff}]/u.test(text);
  return (
    isNarrow(startContent) &&
    transactions.every(({ patches }) => patches.every(([, , inserted]) => isNarrow(inserted)))
  );
}

/**
 * A sequential trace: one peer edits, another one watches, and both must end with the same. The time is
 * from the first edit until the watcher has all and all is durable at the node.
 */
export async function replaySequential(trace: Trace): Promise<Replayed> {
  const served = await Served.start();
  const editors = [await Editor.open(served), await Editor.open(served)] as const;
  const [{ remote: writer }, { remote: watcher }] = editors;
  try {
    const isAscii = hasOnlyNarrowCharacters(trace);
    const text = writer.text();
    const startedMs = performance.now();
    if (trace.startContent !== '') text.insert(0, trace.startContent);
    let edits = 0;
    for (const { patches } of trace.transactions) {
      applyPatches(text, patches, isAscii);
      edits += patches.length;
      if (edits >= EDITS_PER_TURN) {
        edits = 0;
        await new Promise(setImmediate);
      }
    }
    await writer.saved();
    await untilSame(writer, watcher);
    const milliseconds = performance.now() - startedMs;
    return { texts: editors.map(({ remote }) => remote.text().toString()), milliseconds };
  } finally {
    for (const editor of editors) await editor.close();
    await served.close();
  }
}

/**
 * A concurrent trace: each agent is a document of its own that has seen what the trace says, so that
 * its edits are made where they were; all of them go through the node as one peer for each agent.
 */
export async function replayConcurrent(trace: Trace): Promise<Replayed> {
  const served = await Served.start();
  const editors: Editor[] = [];
  for (let agent = 0; agent <= trace.agents; agent += 1) editors.push(await Editor.open(served));
  // Yjs orders what two insert at one place at the same time by client id, and the traces by agent.
  editors.sort((a, b) => a.remote.document.clientID - b.remote.document.clientID);
  try {
    const isAscii = hasOnlyNarrowCharacters(trace);
    const startedMs = performance.now();
    await new History(
      trace,
      editors.map(({ remote }) => remote),
      isAscii,
    ).play();
    const [first, ...others] = editors.map(({ remote }) => remote) as [RemoteDocument];
    await Promise.all(editors.map(({ remote }) => remote.saved()));
    for (const other of others) await untilSame(first, other);
    const milliseconds = performance.now() - startedMs;
    return { texts: editors.map(({ remote }) => remote.text().toString()), milliseconds };
  } finally {
    for (const editor of editors) await editor.close();
    await served.close();
  }
}

/**
 * Makes the edits of each agent on a document that holds exactly the parents of the transaction, and
 * gives them to the agent's open document, which sends them on.
 */
class History {
  readonly #trace: Trace;
  readonly #remotes: readonly RemoteDocument[];
  readonly #isAscii: boolean;
  /** The update of each transaction, alone. */
  readonly #updates: Uint8Array[] = [];
  /** What each agent's document has, by transaction, so that only what is missing is applied. */
  readonly #documents: { readonly document: Y.Doc; readonly seen: Set<number> }[] = [];

  constructor(trace: Trace, remotes: readonly RemoteDocument[], isAscii: boolean) {
    this.#trace = trace;
    this.#remotes = remotes;
    this.#isAscii = isAscii;
    for (let agent = 0; agent < trace.agents; agent += 1) {
      const document = new Y.Doc();
      // Yjs takes it for a mistake when a document hears of its own client id from elsewhere.
      const author = authorOfClient(remotes[agent]!.document.clientID);
      document.clientID = clientIdOf(author, SESSION);
      this.#documents.push({ document, seen: new Set() });
    }
  }

  async play(): Promise<void> {
    for (const [at, { agent, parents, patches }] of this.#trace.transactions.entries()) {
      const { document, seen } = this.#documents[agent]!;
      for (const parent of parents) this.#see(parent, document, seen);
      const since = Y.encodeStateVector(document);
      const gathered: Uint8Array[] = [];
      const gather = (update: Uint8Array): void => void gathered.push(update);
      document.on('update', gather);
      document.transact(() => applyPatches(document.getText('text'), patches, this.#isAscii));
      document.off('update', gather);
      const [update = Y.encodeStateAsUpdate(document, since)] = gathered;
      this.#updates.push(update);
      seen.add(at);
      const remote = this.#remotes[agent]!;
      await untilSeen(remote, since);
      Y.applyUpdate(remote.document, update, 'trace');
    }
  }

  /** Applies a transaction with all that it has seen, oldest first. */
  #see(last: number, document: Y.Doc, seen: Set<number>): void {
    const wanted: number[] = [];
    const queue = [last];
    for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
      if (seen.has(at)) continue;
      seen.add(at);
      wanted.push(at);
      queue.push(...this.#trace.transactions[at]!.parents);
    }
    for (const at of wanted.sort((a, b) => a - b)) Y.applyUpdate(document, this.#updates[at]!);
  }
}

/** What an edit builds on comes over the network first. */
async function untilSeen({ document, failure }: RemoteDocument, since: Uint8Array): Promise<void> {
  const wanted = [...Y.decodeStateVector(since)];
  const deadlineMs = performance.now() + 120_000;
  while (wanted.some(([client, clock]) => Y.getState(document.store, client) < clock)) {
    if (failure !== undefined) throw failure;
    if (performance.now() > deadlineMs) throw new Error('an edit that was made has not arrived');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function untilSame(one: RemoteDocument, other: RemoteDocument): Promise<void> {
  const deadlineMs = performance.now() + 120_000;
  for (;;) {
    const [a, b] = [one.document, other.document].map((document) => Y.encodeStateVector(document));
    const isSame = Y.equalSnapshots(Y.snapshot(one.document), Y.snapshot(other.document));
    if (isSame && Buffer.from(a!).equals(Buffer.from(b!))) return;
    for (const { failure } of [one, other]) if (failure !== undefined) throw failure;
    if (performance.now() > deadlineMs) throw new Error('the peers have not become the same');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
