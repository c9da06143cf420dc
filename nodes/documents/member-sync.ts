/**
 * Keeps the documents of the members the same. What a peer writes here is pushed to the others at once;
 * whatever was lost on the way, or written while they could not hear of it, is found by comparing: sets
 * of digests, one for each document with its content and rights, then state vectors of those that
 * differ. Every member does this with every other one, so each partition is whole by itself.
 */
import { HybridClock, ItemSet, Reconciler } from '../../consensus/crdt/index.js';
import type { DocumentStore, Rights, SharedDocument } from '../../src/documents/index.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import { messageOf } from '../errors.js';
import { parseRequest } from '../service/requests.js';
import {
  ASK_TIMEOUT_MS,
  COMPARE_INTERVAL_MS,
  COMPARE_ROUNDS_MAX,
  EXCHANGES_PER_ROUND_MAX,
  PUSHES_MAX,
  UNKNOWN_RETRY_MS,
} from './limits.js';
import { answers } from './requests.js';

/** Names members as the source of an update: it is not pushed back. */
const MEMBERS = { name: 'members' };
/** How far rights may be ahead of the own clock. */
const DRIFT_MS_MAX = 60_000;

export interface SyncPorts {
  /** Node ids of the other members. */
  others(): Iterable<number>;
  call(nodeId: number, method: string, payload: unknown, timeoutMs: number): Promise<unknown>;
  log(message: string): void;
}

interface Progress {
  isComparing: boolean;
  notBeforeMs: number;
  pushes: number;
}

export class MemberSync {
  readonly clock = new HybridClock(DRIFT_MS_MAX);
  readonly #store: DocumentStore;
  #ports: SyncPorts | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #progress = new Map<number, Progress>();
  readonly #digests = new ItemSet();
  readonly #digestOf = new Map<string, string>();
  readonly #nameOf = new Map<string, string>();
  /** Documents whose digest is not known, or not any more. */
  readonly #changed = new Set<string>();
  #digesting: Promise<void> = Promise.resolve();
  #running = new Set<Promise<void>>();

  constructor(store: DocumentStore) {
    this.#store = store;
    for (const name of store.names) this.#changed.add(name);
  }

  begin(ports: SyncPorts): void {
    this.#ports = ports;
    this.#timer = setInterval(() => this.#compareAll(), COMPARE_INTERVAL_MS);
  }

  /** Takes no more rounds; resolves when those that run have ended. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#ports = undefined;
    await Promise.all(this.#running);
  }

  /** Watches a document that was opened. */
  watch(document: SharedDocument): void {
    const { name } = document;
    // Nothing changes while a document is closed: what was known of one that is opened again still holds.
    if (!this.#digestOf.has(name)) this.#changed.add(name);
    document.observers.add({
      updated: (update, source) => {
        this.#changed.add(name);
        if (source !== MEMBERS) this.#pushToAll(name, update);
      },
      rightsChanged: () => {
        this.#changed.add(name);
      },
    });
  }

  /** Answers a comparison that another member began. */
  async answerComparison(message: Uint8Array): Promise<Uint8Array> {
    await this.#digest();
    return new Reconciler(this.#digests).answer(message);
  }

  /** Names of the documents that have these digests, as far as they still do. */
  namesOf(digests: readonly Uint8Array[]): string[] {
    return digests.flatMap((digest) => {
      return this.#nameOf.get(Buffer.from(digest).toString('latin1')) ?? [];
    });
  }

  /** Rights later than those of the document are taken over; others are not. */
  async takeRights(document: SharedDocument, rights: Rights): Promise<void> {
    this.clock.requireNear(rights.time, Date.now());
    this.clock.advance(rights.time);
    await document.setRights(rights);
  }

  async takeUpdate(document: SharedDocument, update: Uint8Array): Promise<void> {
    // The member has checked who its peers are.
    await document.apply(update, null, MEMBERS);
  }

  #pushToAll(name: string, update: Uint8Array): void {
    for (const nodeId of this.#ports?.others() ?? []) {
      const progress = this.#progressOf(nodeId);
      if (progress.pushes >= PUSHES_MAX || performance.now() < progress.notBeforeMs) continue;
      progress.pushes += 1;
      this.#push(nodeId, name, update)
        .catch(() => undefined)
        .finally(() => {
          progress.pushes -= 1;
        });
    }
  }

  async #push(nodeId: number, name: string, update: Uint8Array): Promise<void> {
    await this.#ports?.call(nodeId, 'documents.push', { name, update }, ASK_TIMEOUT_MS);
  }

  #progressOf(nodeId: number): Progress {
    let progress = this.#progress.get(nodeId);
    if (progress === undefined) {
      progress = { isComparing: false, notBeforeMs: 0, pushes: 0 };
      this.#progress.set(nodeId, progress);
    }
    return progress;
  }

  #compareAll(): void {
    const others = new Set(this.#ports?.others());
    for (const nodeId of this.#progress.keys())
      if (!others.has(nodeId)) this.#progress.delete(nodeId);
    for (const nodeId of others) {
      const progress = this.#progressOf(nodeId);
      if (progress.isComparing || performance.now() < progress.notBeforeMs) continue;
      progress.isComparing = true;
      const round = this.#compare(nodeId)
        .catch((error: unknown) => this.#failed(nodeId, progress, error))
        .finally(() => {
          progress.isComparing = false;
          this.#running.delete(round);
        });
      this.#running.add(round);
    }
  }

  #failed(nodeId: number, progress: Progress, error: unknown): void {
    if (!(error instanceof RpcError)) {
      this.#ports?.log(`documents were not compared with node ${nodeId}: ${messageOf(error)}`);
    } else if (error.code === 'unknown-method') {
      // It runs the release before, which has no documents.
      progress.notBeforeMs = performance.now() + UNKNOWN_RETRY_MS;
    }
  }

  async #compare(nodeId: number): Promise<void> {
    await this.#digest();
    const reconciler = new Reconciler(this.#digests);
    const names = new Set<string>();
    let message: Uint8Array | null = reconciler.start();
    for (let round = 0; message !== null && round < COMPARE_ROUNDS_MAX; round += 1) {
      const answer = await this.#ask(nodeId, 'documents.compare', { message });
      const found = reconciler.take(parseRequest(answers.compare, answer).message);
      for (const digest of found.here) {
        const name = this.#nameOf.get(digest);
        if (name !== undefined) names.add(name);
      }
      await this.#learnNames(nodeId, found.there, names);
      if (names.size >= EXCHANGES_PER_ROUND_MAX) break;
      ({ message } = found);
    }
    for (const name of names) await this.#exchange(nodeId, name);
  }

  async #learnNames(nodeId: number, digests: readonly string[], names: Set<string>): Promise<void> {
    if (digests.length === 0) return;
    const some = digests.slice(0, EXCHANGES_PER_ROUND_MAX);
    const asked = some.map((digest) => new Uint8Array(Buffer.from(digest, 'latin1')));
    const answer = await this.#ask(nodeId, 'documents.names', { digests: asked });
    for (const name of parseRequest(answers.names, answer).names) names.add(name);
  }

  async #exchange(nodeId: number, name: string): Promise<void> {
    await this.#store.use(name, async (document) => {
      const { rights, stateVector } = document;
      const asked = { name, stateVector, rights };
      const answer = await this.#ask(nodeId, 'documents.exchange', asked);
      const theirs = parseRequest(answers.exchange, answer);
      await this.takeRights(document, theirs.rights);
      await this.takeUpdate(document, theirs.update);
      await this.#push(nodeId, name, document.missing(theirs.stateVector));
    });
  }

  #ask(nodeId: number, method: string, payload: unknown): Promise<unknown> {
    const ports = this.#ports;
    if (ports === undefined) throw new RpcError('cancelled', 'the node stops');
    return ports.call(nodeId, method, payload, ASK_TIMEOUT_MS);
  }

  /** Brings the digests up to date, one caller at a time. */
  #digest(): Promise<void> {
    this.#digesting = this.#digesting.then(async () => {
      // Of those that change meanwhile the next caller learns.
      const changed = [...this.#changed];
      for (const name of changed) {
        try {
          await this.#store.use(name, ({ digest }) => this.#set(name, digest));
        } catch (error) {
          // A document that cannot be read is as though it were not there; opening it says why.
          this.#set(name, undefined);
          this.#ports?.log(`the document ${name} is left out: ${messageOf(error)}`);
        }
      }
    });
    return this.#digesting;
  }

  #set(name: string, digest: string | undefined): void {
    this.#changed.delete(name);
    const before = this.#digestOf.get(name);
    if (before === digest) return;
    if (before !== undefined) {
      this.#digests.remove(before);
      this.#nameOf.delete(before);
    }
    this.#digestOf.delete(name);
    if (digest === undefined) return;
    this.#digests.add(digest);
    this.#digestOf.set(name, digest);
    this.#nameOf.set(digest, name);
  }
}
