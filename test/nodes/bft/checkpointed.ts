/** A validator without a network, whose application can be taken a snapshot of. */
import type { ValidatorId } from '../../../consensus/bft/index.js';
import { makeCommand } from '../../../nodes/bft/batch.js';
import { SignatureChecker } from '../../../nodes/bft/checking.js';
import { type Checkpointing, openCheckpointing } from '../../../nodes/bft/checkpointing.js';
import { decidedOf } from '../../../nodes/bft/decided.js';
import { BftDriver } from '../../../nodes/bft/driver.js';
import { ForkWatch } from '../../../nodes/bft/fork-watch.js';
import { type Genesis, readGenesis } from '../../../nodes/bft/genesis.js';
import { Mempool } from '../../../nodes/bft/mempool.js';
import type { DecidedHeight, SnapshotOptions } from '../../../nodes/bft/options.js';
import { PeerGuard } from '../../../nodes/bft/peer-guard.js';
import { PendingChanges } from '../../../nodes/bft/pending-changes.js';
import { replay } from '../../../nodes/bft/replay.js';
import { ChainSets } from '../../../nodes/bft/sets.js';
import { ValidatorStore } from '../../../nodes/bft/store.js';
import { ValueJudge } from '../../../nodes/bft/value-judge.js';
import type { StorageDisk } from '../../../nodes/storage/index.js';
import type { Identity } from '../../../transport/identity/index.js';
import { until } from '../../waiting.js';

/** What was decided, as an application keeps it. What it says of itself is always as of its last height. */
export class WordsApplication {
  height = 0;
  words: string[] = [];
  /** Pieces of this length make up its snapshots, which are as long as this many times the words. */
  constructor(
    private readonly pieceBytes = 5,
    private readonly times = 1,
  ) {}

  apply({ height, commands }: DecidedHeight): void {
    if (height !== this.height + 1) throw new Error(`height ${height} comes after ${this.height}`);
    this.words.push(...commands.map((each) => Buffer.from(each).toString()));
    this.height = height;
  }

  *take(height: number): Generator<Uint8Array> {
    if (height !== this.height) throw new Error(`a snapshot of ${height} at ${this.height}`);
    const text = Buffer.from(`${JSON.stringify(this.words)}\n`.repeat(this.times));
    for (let at = 0; at < text.length; at += this.pieceBytes) {
      yield text.subarray(at, at + this.pieceBytes);
    }
  }

  async restore(height: number, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    const all: Uint8Array[] = [];
    for await (const piece of pieces) all.push(piece);
    const [line = ''] = Buffer.concat(all).toString().split('\n');
    this.words = JSON.parse(line) as string[];
    this.height = height;
  }

  copy(): WordsApplication {
    const copy = new WordsApplication(this.pieceBytes, this.times);
    copy.height = this.height;
    copy.words = [...this.words];
    return copy;
  }
}

/** How one is started. */
export interface CheckpointedStart {
  readonly directory: string;
  readonly identity: Identity;
  readonly genesis: Genesis;
  readonly disk: StorageDisk;
  readonly application: WordsApplication;
  readonly snapshots?: Partial<SnapshotOptions>;
  /** What other validators answer. */
  call?(peer: ValidatorId, method: string, payload: unknown): Promise<unknown>;
  readonly others?: readonly ValidatorId[];
}

/** See the head of this file. */
export class Checkpointed {
  failure: unknown = null;
  readonly lines: string[] = [];
  readonly told: Uint8Array[] = [];
  readonly rejected: unknown[] = [];

  private constructor(
    private readonly self: ValidatorId,
    readonly store: ValidatorStore,
    readonly sets: ChainSets,
    readonly mempool: Mempool,
    readonly guard: PeerGuard,
  ) {}

  driver!: BftDriver;
  checkpointing!: Checkpointing;

  static async start(start: CheckpointedStart): Promise<Checkpointed> {
    const { directory, identity, genesis, disk } = start;
    const chain = readGenesis(genesis);
    const store = await ValidatorStore.open(directory, chain.digest, identity, disk);
    const guard = new PeerGuard(() => {});
    const made = new Checkpointed(
      identity.peerId,
      store,
      new ChainSets(chain),
      new Mempool(),
      guard,
    );
    try {
      await made.#begin(start);
      return made;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  async #begin({ identity, genesis, application, ...start }: CheckpointedStart): Promise<void> {
    const { store, sets, mempool, guard } = this;
    const chain = readGenesis(genesis);
    const snapshots: SnapshotOptions = {
      take: (height) => application.take(height),
      restore: (height, pieces) => application.restore(height, pieces),
      ...start.snapshots,
    };
    const onFailed = (error: unknown): void => {
      this.failure ??= error;
    };
    const log = (line: string): void => void this.lines.push(line);
    const call = start.call ?? (() => Promise.reject(new Error('nobody is there')));
    const tellAll = (_: number, bytes: Uint8Array): void => void this.told.push(bytes);
    const others = start.others ?? [];
    this.checkpointing = openCheckpointing(
      { identity, snapshots },
      {
        chain,
        sets,
        mempool,
        store,
        guard,
        onFailed,
        log,
        peers: { call, others, tell: () => {}, tellAll, update: () => {} },
        waiters: { rejectAll: (error) => void this.rejected.push(error) },
      },
    )!;
    const apply = (decided: DecidedHeight): void => application.apply(decided);
    const appliedHeight = application.height;
    const options = { ...start, identity, genesis, apply, appliedHeight, snapshots };
    const { checkpointing } = this;
    const forks = new ForkWatch(guard, {
      call: () => Promise.reject(new Error('nobody is compared with')),
      investigate: () => Promise.reject(new Error('nothing differs')),
      others: () => [],
      own: (height) => store.decisions.read(height - 1),
      onFork: () => {},
      log,
    });
    await replay({ options, store, sets, mempool, forks, checkpointing });
    const checker = new SignatureChecker(chain.digest, sets);
    const parts = { sets, checker, mempool, approve: () => true };
    this.driver = await BftDriver.open(this.self, sets, store, {
      mempool,
      changes: new PendingChanges({ ...parts, reports: () => [] }),
      judge: new ValueJudge({ ...parts, validate: () => true, log }),
      timeoutsMs: { propose: 200, prevote: 100, precommit: 100, growth: 100 },
      validate: () => true,
      send: () => {},
      fetch: async () => null,
      onDecided: async (decision, commands, changes) => {
        apply(decidedOf(decision, commands, changes));
        const { height, value } = decision.proposal;
        mempool.decided(height, commands);
        await checkpointing.decided(height, value);
      },
      onEvidence: async () => {},
      onBehind: () => {},
      onFailed,
      log,
    });
  }

  /** Has the words decided, one in a height, or fails. */
  async decide(...words: readonly string[]): Promise<void> {
    for (const word of words) {
      const height = this.driver.decided + 1;
      this.mempool.add(makeCommand(Buffer.from(word), height + 100), this.self);
      this.driver.wake();
      const isDone = (): boolean => this.driver.decided >= height && this.mempool.size === 0;
      await until(`${word} is decided`, () => this.failure !== null || isDone(), 30_000);
      if (this.failure !== null) return;
    }
  }

  async close(): Promise<void> {
    this.checkpointing.stop();
    await this.driver.close();
    await this.checkpointing.close();
    await this.store.close();
  }
}
