/** Members that a snapshot is read from: what is asked of them, and who has failed before. */
import { RpcError } from '../../transport/rpc/rpc.js';
import { NodeError } from '../errors.js';
import { MANIFEST_ENTRY_BYTES, Manifest, manifestBytes } from './format.js';
import type { Description } from './format.js';
import {
  BLOCK_BYTES_MAX,
  DAMAGED_SOURCES_MAX,
  PREPARE_POLL_MS,
  PREPARE_TIMEOUT_MS,
  READ_TIMEOUT_MS_MIN,
} from './limits.js';
import { packPrepare, packRead, parsePrepared } from './messages.js';
import type { Prepare, Prepared, Read } from './messages.js';

export interface SourceCallOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export type SourceCall = (
  nodeId: number,
  method: string,
  payload: unknown,
  options: SourceCallOptions,
) => Promise<unknown>;

/** A member that has the snapshot. */
export interface Source {
  readonly nodeId: number;
  /** What it wants to be read at most; 0 without a limit. */
  readonly bytesPerSecondMax: number;
}

export interface SourcesOptions {
  readonly call: SourceCall;
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
}

export class Sources {
  readonly #options: SourcesOptions;
  /** Those that stopped in the middle of a transfer. */
  readonly #lost = new Set<number>();
  /** How often a source gave wrong blocks, by node id and snapshot. */
  readonly #damaged = new Map<string, number>();

  constructor(options: SourcesOptions) {
    this.#options = options;
  }

  /** Those that were lost before come last: they may be back. */
  inOrder(offered: readonly number[]): number[] {
    const isLost = (nodeId: number): number => (this.#lost.has(nodeId) ? 1 : 0);
    return offered.toSorted((a, b) => isLost(a) - isLost(b));
  }

  wasLost(nodeId: number): void {
    this.#lost.add(nodeId);
  }

  /** The source is asked to look at its file; it may have been the path, or its memory. */
  async wasDamaged(nodeId: number, id: string, signal: AbortSignal): Promise<void> {
    const key = `${nodeId} ${id}`;
    this.#damaged.set(key, (this.#damaged.get(key) ?? 0) + 1);
    this.#lost.add(nodeId);
    const ask = { leastIndex: 0, id, isDamaged: true };
    await this.#ask(nodeId, ask, signal).catch(() => undefined);
  }

  /** Who of those offered has a snapshot already. */
  async find(
    offered: readonly number[],
    id: string,
    signal: AbortSignal,
  ): Promise<Source | undefined> {
    for (const nodeId of this.inOrder(offered)) {
      if (this.#isAvoided(nodeId, id)) continue;
      const ask = { leastIndex: 0, id, isDamaged: false };
      const answer = await this.#ask(nodeId, ask, signal).catch(() => undefined);
      if (answer?.description?.id !== id) continue;
      return { nodeId, bytesPerSecondMax: answer.bytesPerSecondMax };
    }
    return undefined;
  }

  /** Asks until a source has prepared a snapshot; rejects when it does not or cannot be used. */
  async prepare(
    nodeId: number,
    leastIndex: () => number,
    signal: AbortSignal,
  ): Promise<Source & { readonly description: Description }> {
    for (;;) {
      const ask = { leastIndex: leastIndex(), id: null, isDamaged: false };
      const { description, bytesPerSecondMax } = await this.#ask(nodeId, ask, signal);
      if (description !== null) {
        if (!this.#isAvoided(nodeId, description.id)) {
          return { nodeId, description, bytesPerSecondMax };
        }
        throw new NodeError('malformed', 'its snapshot is damaged');
      }
      await this.#options.sleep(PREPARE_POLL_MS, signal);
      signal.throwIfAborted();
    }
  }

  async readManifest(
    nodeId: number,
    description: Description,
    signal: AbortSignal,
  ): Promise<Manifest> {
    const { id, contentBytes } = description;
    const total = manifestBytes(description);
    const step = BLOCK_BYTES_MAX - (BLOCK_BYTES_MAX % MANIFEST_ENTRY_BYTES);
    const parts: Uint8Array[] = [];
    for (let at = 0; at < total; at += step) {
      const read = { id, offset: contentBytes + at, length: Math.min(step, total - at) };
      const options = { timeoutMs: READ_TIMEOUT_MS_MIN, signal };
      parts.push(await this.read(nodeId, read, options));
    }
    return new Manifest(description, Buffer.concat(parts));
  }

  /** Part of a snapshot, unchecked. */
  async read(nodeId: number, read: Read, options: SourceCallOptions): Promise<Uint8Array> {
    const { call } = this.#options;
    const answer = await call(nodeId, 'raft.snapshotRead', packRead(read), options);
    if (answer instanceof Uint8Array) return answer;
    throw new RpcError(
      'malformed',
      `node ${nodeId} answered a read with something else than bytes`,
    );
  }

  #isAvoided(nodeId: number, id: string): boolean {
    return (this.#damaged.get(`${nodeId} ${id}`) ?? 0) >= DAMAGED_SOURCES_MAX;
  }

  async #ask(nodeId: number, ask: Prepare, signal: AbortSignal): Promise<Prepared> {
    const { call } = this.#options;
    const options = { timeoutMs: PREPARE_TIMEOUT_MS, signal };
    return parsePrepared(await call(nodeId, 'raft.snapshotPrepare', packPrepare(ask), options));
  }
}
