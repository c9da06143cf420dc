/**
 * Fetches a checkpoint and its snapshot from other validators. The checkpoint is believed by its
 * signatures, each chunk by the checkpoint: whoever gives a wrong one is cut off, and another is asked.
 * What is here is a chunk at a time; the rest is on the disk.
 */
import { BftError, type ValidatorId } from '../../consensus/bft/index.js';
import {
  type Checkpoint,
  type Trust,
  chunkCountOf,
  readCheckpoint,
  whyUnproven,
} from './checkpoint.js';
import type { CheckpointStore } from './checkpoint-store.js';
import { ValidatorError } from './error.js';
import { FAULTS_MAX, POST_QUANTUM_CHECKS } from './limits.js';
import type { PeerGuard } from './peer-guard.js';
import { isChunk } from './snapshot-file.js';

/** What it needs of what is around it. */
export interface StateSyncPorts {
  readonly guard: PeerGuard;
  readonly checkpoints: CheckpointStore;
  /** The height of the one checkpoint that is taken; null for the last one that others have. */
  wanted(): number | null;
  trust(): Trust;
  /** Validators that can be asked. */
  peers(): readonly ValidatorId[];
  /** Rejects when the peer cannot be reached. */
  call(peer: ValidatorId, method: string, payload: unknown): Promise<unknown>;
  log(line: string): void;
}

/** See the head of this file. */
export class StateSync {
  #isClosed = false;

  constructor(private readonly ports: StateSyncPorts) {}

  close(): void {
    this.#isClosed = true;
  }

  /**
   * A later checkpoint than what is decided here, offered by one of these peers, with its snapshot on the
   * disk; null if there is none, or nobody gives all of it. Throws a `StorageError`.
   */
  async fetch(offering: readonly ValidatorId[]): Promise<Checkpoint | null> {
    for (const peer of offering) {
      if (this.#isClosed) return null;
      const checkpoint = await this.#offerOf(peer);
      if (checkpoint === null) continue;
      const others = this.ports.peers().filter((each) => each !== peer);
      // One that offers what nobody has any more does not keep from asking the next one.
      if (await this.#fetchSnapshot(checkpoint, [peer, ...others])) return checkpoint;
    }
    return null;
  }

  async #offerOf(peer: ValidatorId): Promise<Checkpoint | null> {
    const { guard, call, wanted, trust, log } = this.ports;
    if (guard.isCutOff(peer, performance.now())) return null;
    const answer = await call(peer, 'bft.checkpoint', wanted()).catch(() => null);
    if (answer === null || answer === undefined) return null;
    try {
      const checkpoint = readCheckpoint(answer instanceof Uint8Array ? answer : new Uint8Array());
      if (checkpoint.height <= trust().sets.decided) return null;
      const { signatures, postQuantum } = checkpoint;
      const checks = signatures.size + POST_QUANTUM_CHECKS * postQuantum.size;
      if (!guard.takeChecks(peer, checks, performance.now())) return null;
      const unproven = whyUnproven(checkpoint, trust());
      if (unproven === null) return checkpoint;
      log(`a checkpoint of height ${checkpoint.height} by ${peer} proves nothing: ${unproven.why}`);
      if (unproven.isFault) guard.fault(peer, 'bad-checkpoint', performance.now());
    } catch (error) {
      if (!(error instanceof BftError || error instanceof ValidatorError)) throw error;
      guard.fault(peer, 'bad-checkpoint', performance.now());
    }
    return null;
  }

  /** Whether all of it came. */
  async #fetchSnapshot(checkpoint: Checkpoint, sources: ValidatorId[]): Promise<boolean> {
    const { checkpoints, log } = this.ports;
    const { height } = checkpoint;
    log(`fetching the snapshot of height ${height}`);
    const writer = await checkpoints.write(height);
    try {
      const count = chunkCountOf(checkpoint.snapshotBytes);
      for (let index = 0; index < count; index += 1) {
        const chunk = await this.#chunk(checkpoint, index, sources);
        if (chunk === null) {
          log(`nobody has given chunk ${index} of the snapshot of height ${height}`);
          await writer.discard();
          return false;
        }
        await writer.write(chunk);
      }
      await writer.finish();
      return true;
    } catch (error) {
      await writer.discard();
      throw error;
    }
  }

  /** The others take turns, so that one that is slow does not hold up everything. */
  async #chunk(
    checkpoint: Checkpoint,
    index: number,
    sources: ValidatorId[],
  ): Promise<Uint8Array | null> {
    const { guard, call, log } = this.ports;
    for (let tries = sources.length; tries > 0; tries -= 1) {
      const peer = sources.shift();
      if (peer === undefined || this.#isClosed) return null;
      const answer = await call(peer, 'bft.chunk', [checkpoint.height, index]).catch(() => null);
      const isGiven = answer instanceof Uint8Array;
      if (isGiven && isChunk(checkpoint, index, answer)) {
        sources.push(peer);
        return new Uint8Array(answer);
      }
      if (answer === null || answer === undefined) {
        sources.push(peer);
        continue;
      }
      log(`validator ${peer} gave a wrong chunk ${index} of height ${checkpoint.height}`);
      guard.fault(peer, 'bad-chunk', performance.now(), FAULTS_MAX);
    }
    return null;
  }
}
