/**
 * Makes checkpoints, collects the signatures under them, and deletes what a stable one makes
 * superfluous:
 *
 *     height K decided, applied --> snapshot durable --> checkpoint with own signature durable --> told
 *     signatures of more than two thirds --> stable one durable --> older ones, then decisions deleted
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { ValidatorId } from '../../consensus/bft/index.js';
import type { Identity } from '../../transport/identity/index.js';
import {
  type Checkpoint,
  type CheckpointVote,
  DIGEST_BYTES,
  type Trust,
  digestOf,
  encodeCheckpoint,
  encodeSets,
  encodeVote,
  isPostQuantum,
  isPostQuantumSignedBy,
  isSignedBy,
  isStable,
  nextHistory,
  readSets,
  signCheckpoint,
  signPostQuantum,
} from './checkpoint.js';
import type { BftDriver } from './driver.js';
import { ValidatorError } from './error.js';
import type { Chain } from './genesis.js';
import { CHECKPOINT } from './inbox.js';
import { CHECKPOINT_VOTES_MAX } from './limits.js';
import type { Mempool } from './mempool.js';
import type { ShownCheckpoint, SnapshotOptions, ValidatorOptions } from './options.js';
import type { PeerGuard } from './peer-guard.js';
import type { Peers } from './peers.js';
import type { PostQuantumKey } from './post-quantum.js';
import type { ChainSets } from './sets.js';
import { type OpenedSnapshot, writeSnapshot } from './snapshot-file.js';
import { StateSync } from './state-sync.js';
import type { ValidatorStore } from './store.js';
import type { Waiters } from './waiters.js';

/** What it needs of what is around it. */
export interface CheckpointingPorts {
  readonly chain: Chain;
  readonly sets: ChainSets;
  readonly mempool: Mempool;
  readonly store: Pick<ValidatorStore, 'checkpoints' | 'decisions'>;
  readonly guard: PeerGuard;
  readonly peers: Pick<Peers, 'call' | 'others' | 'tell' | 'tellAll' | 'update'>;
  readonly waiters: Pick<Waiters, 'rejectAll'>;
  onFailed(error: unknown): void;
  log(line: string): void;
}

type CheckpointingOptions = Pick<ValidatorOptions, 'identity' | 'snapshots' | 'postQuantum'>;

/** Null where the options have no snapshots. */
export function openCheckpointing(
  { identity, snapshots, postQuantum }: CheckpointingOptions,
  ports: CheckpointingPorts,
): Checkpointing | null {
  if (snapshots === undefined) return null;
  return new Checkpointing(identity, postQuantum ?? null, snapshots, ports);
}

/** See the head of this file. */
export class Checkpointing {
  readonly #self: ValidatorId;
  readonly #key: KeyObject;
  readonly #postQuantum: PostQuantumKey | null;
  readonly #snapshots: SnapshotOptions;
  readonly #ports: CheckpointingPorts;
  readonly #sync: StateSync;
  /** Of each validator the last votes, oldest first, for heights that may not be decided here yet. */
  readonly #votes = new Map<ValidatorId, readonly CheckpointVote[]>();
  #history: Uint8Array = new Uint8Array(DIGEST_BYTES);
  #busy: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(
    identity: Identity,
    postQuantum: PostQuantumKey | null,
    snapshots: SnapshotOptions,
    ports: CheckpointingPorts,
  ) {
    this.#postQuantum = postQuantum;
    this.#self = identity.peerId;
    this.#key = createPrivateKey(identity.privateKeyPem);
    this.#snapshots = snapshots;
    this.#ports = ports;
    const { guard, store, peers, log } = ports;
    this.#sync = new StateSync({
      guard,
      checkpoints: store.checkpoints,
      wanted: () => (this.#trust().digest === null ? null : (snapshots.trusted?.height ?? null)),
      trust: () => this.#trust(),
      peers: () => peers.others,
      call: (peer, method, payload) => peers.call(peer, method, payload),
      log,
    });
  }

  /** The last stable one, null before the first. */
  get last(): ShownCheckpoint | null {
    const { last } = this.#ports.store.checkpoints;
    if (last === null) return null;
    return {
      height: last.height,
      digest: digestOf(last),
      bytes: encodeCheckpoint(last),
      isPostQuantum: isPostQuantum(last),
    };
  }

  /** A height is decided that was applied before this process began. */
  follow(value: string): void {
    this.#history = nextHistory(this.#history, value);
  }

  /** A height is decided and applied. The next one begins when this resolves. */
  async decided(height: number, value: string): Promise<void> {
    this.follow(value);
    if (height % this.#ports.chain.checkpointsEvery !== 0) return;
    await this.#run(() => this.#make(height));
  }

  /** Takes a vote. False if it is not signed by who sent it. */
  take(vote: CheckpointVote, from: ValidatorId): boolean {
    const { chain, sets, store, onFailed } = this.#ports;
    const { height, digest, signature, postQuantum } = vote;
    // What is stable is told again and again; it costs no checks.
    if (height <= (store.checkpoints.last?.height ?? 0)) return true;
    const votes = this.#votes.get(from) ?? [];
    const bytes = Buffer.from(encodeVote(vote));
    if (votes.some((each) => bytes.equals(encodeVote(each)))) return true;
    const key = sets.get(from);
    if (key === undefined || !isSignedBy(chain.digest, digest, key, signature)) return false;
    if (postQuantum !== null && !isPostQuantumSignedBy(chain, digest, from, postQuantum)) {
      return false;
    }
    const others = votes.filter((each) => each.height !== height);
    this.#votes.set(from, [...others, vote].slice(-CHECKPOINT_VOTES_MAX));
    if (store.checkpoints.pending?.height === height) {
      this.#run(() => this.#settle()).catch(onFailed);
    }
    return true;
  }

  /** Tells a validator, all others when left out, what this one signed last. */
  tell(peer?: ValidatorId): void {
    const { store, peers } = this.#ports;
    const newest = store.checkpoints.pending ?? store.checkpoints.last;
    const signature = newest?.signatures.get(this.#self);
    if (newest === null || signature === undefined) return;
    const postQuantum = newest.postQuantum.get(this.#self) ?? null;
    const { height } = newest;
    const vote = encodeVote({ height, digest: digestOf(newest), signature, postQuantum });
    if (peer === undefined) peers.tellAll(CHECKPOINT, vote);
    else peers.tell(peer, CHECKPOINT, vote);
  }

  /**
   * All but the application goes on behind a checkpoint that is here. Throws `BftError` if nobody can.
   */
  restore({ height, history, validators }: Checkpoint, { recent }: OpenedSnapshot): void {
    const { sets, mempool } = this.#ports;
    sets.restore(readSets(validators, height));
    mempool.restore(height, recent);
    this.#history = history;
  }

  /** Begins behind a checkpoint that one of these validators has, if it is believed. Never rejects. */
  async sync(offering: readonly ValidatorId[], driver: BftDriver): Promise<void> {
    try {
      const checkpoint = await this.#sync.fetch(offering);
      if (checkpoint !== null && !this.#isClosed) await this.#leap(checkpoint, driver);
    } catch (error) {
      this.#ports.onFailed(error);
    }
  }

  /** Nothing more is fetched. */
  stop(): void {
    this.#sync.close();
  }

  /** Resolves when nothing is written any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#busy;
  }

  /** Whom a checkpoint that somebody shows is believed by. */
  #trust(): Trust {
    const { chain, sets } = this.#ports;
    const { trusted } = this.#snapshots;
    const isDue = trusted !== undefined && trusted.height > sets.decided;
    const demandsPostQuantum = this.#snapshots.demandPostQuantum ?? false;
    return { chain, sets, digest: isDue ? trusted.digest : null, demandsPostQuantum };
  }

  /** Passes over to the height behind a checkpoint of others, whose snapshot is here. */
  async #leap(checkpoint: Checkpoint, driver: BftDriver): Promise<void> {
    const { store, peers, waiters, log } = this.#ports;
    const { height } = checkpoint;
    const opened = await store.checkpoints.snapshot(checkpoint);
    const install = async (): Promise<void> => {
      // From here on a stop is made up for at the next start.
      await store.checkpoints.save(checkpoint);
      await store.decisions.leap(height);
      await store.checkpoints.tidy();
      await this.#snapshots.restore(height, opened.application);
    };
    const begin = (): void => {
      this.restore(checkpoint, opened);
      peers.update();
      const message = 'heights were passed over; whether the command is decided is not known';
      waiters.rejectAll(new ValidatorError('passed-over', message));
      log(`went on from the checkpoint of height ${height}`);
    };
    await driver.leap(height, () => this.#run(install), begin);
  }

  /** One after the other. */
  #run<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#busy.then(task);
    this.#busy = done.catch(() => {});
    return done;
  }

  async #make(height: number): Promise<void> {
    const { chain, sets, mempool, store } = this.#ports;
    const { checkpoints, decisions } = store;
    // A second one of a height is never signed, whatever the application says after a restart.
    const newest = checkpoints.pending ?? checkpoints.last;
    if (newest !== null && height <= newest.height) return;
    if (decisions.count === height) await decisions.beginSegment();
    const pieces = this.#snapshots.take(height);
    const writer = await checkpoints.write(height);
    const made = {
      height,
      history: this.#history,
      ...(await writeSnapshot(writer, mempool.recent, pieces)),
      validators: encodeSets(sets.state),
      signatures: new Map<ValidatorId, Uint8Array>(),
      postQuantum: new Map<ValidatorId, Uint8Array>(),
    };
    if (sets.at(height + 1).has(this.#self)) {
      const digest = digestOf(made);
      made.signatures.set(this.#self, signCheckpoint(chain.digest, digest, this.#key));
      if (this.#postQuantum !== null) {
        const also = signPostQuantum(chain.digest, digest, this.#postQuantum);
        made.postQuantum.set(this.#self, also);
      }
    }
    await checkpoints.save(made);
    this.tell();
    await this.#settle();
  }

  /** Those whose votes are here may make the one that waits stable. */
  async #settle(): Promise<void> {
    await this.#count();
    await this.#prune();
  }

  async #count(): Promise<void> {
    const { sets, store, log } = this.#ports;
    const { pending } = store.checkpoints;
    if (pending === null || this.#isClosed) return;
    const { height } = pending;
    const digest = Buffer.from(digestOf(pending));
    const members = readSets(pending.validators, height).members;
    const present = new Set(members.filter((each) => each.present > 0).map(({ id }) => id));
    const signatures = new Map(pending.signatures);
    const postQuantum = new Map(pending.postQuantum);
    for (const [from, votes] of this.#votes) {
      const vote = votes.find((each) => each.height === height);
      if (vote === undefined || !present.has(from)) continue;
      if (digest.equals(vote.digest)) {
        signatures.set(from, vote.signature);
        if (vote.postQuantum !== null) postQuantum.set(from, vote.postQuantum);
        continue;
      }
      const others = votes.filter((each) => each !== vote);
      this.#votes.set(from, others);
      log(`validator ${from} has another state at height ${height}`);
    }
    const signed = { ...pending, signatures, postQuantum };
    if (!isStable(signed)) return;
    await store.checkpoints.save(signed);
    for (const [from, votes] of this.#votes) {
      const later = votes.filter((each) => each.height > height);
      if (later.length > 0 && sets.knows(from)) this.#votes.set(from, later);
      else this.#votes.delete(from);
    }
    log(`the checkpoint of height ${height} is stable`);
  }

  /** What is kept lets one that fetches the last checkpoint but one go on from there. */
  async #prune(): Promise<void> {
    const { store } = this.#ports;
    await store.checkpoints.tidy();
    const { retainHeights } = this.#snapshots;
    const [before, last] = store.checkpoints.stable;
    if (retainHeights === undefined || before === undefined || last === undefined) return;
    const first = store.decisions.count - retainHeights + 1;
    await store.decisions.prune(Math.min(before.height + 1, first));
  }
}
