import type { RaftNode } from '../../consensus/raft/index.js';
import type { Context } from '../world/index.js';
import { limits } from './limits.js';
import type { RaftMessage } from './messages.js';
import type { RaftNodeOptions } from './node-options.js';
import type { RaftValue } from './stored.js';

/**
 * What a transport knows of its peers: which snapshots have arrived, and, where groups sleep and send
 * nothing of their own, who is gone.
 */
export class PeerWatch {
  readonly #options: RaftNodeOptions;
  readonly #id: number;
  readonly #context: Context<RaftMessage, RaftValue>;
  readonly #node: RaftNode;
  /** The tick at which each peer was last heard of. */
  readonly #heard = new Map<number, number>();
  /** The tick at which each snapshot under way was sent. */
  readonly #snapshots = new Map<number, number>();
  #ticks = 0;

  constructor(
    options: RaftNodeOptions,
    id: number,
    context: Context<RaftMessage, RaftValue>,
    node: RaftNode,
  ) {
    this.#options = options;
    this.#id = id;
    this.#context = context;
    this.#node = node;
  }

  heard(peer: number): void {
    if (this.#options.config.quiesceTicks > 0) this.#heard.set(peer, this.#ticks);
  }

  snapshotSent(peer: number): void {
    this.#snapshots.set(peer, this.#ticks);
  }

  /** A peer that asks for the next block of a snapshot is there, and takes it in. */
  snapshotWanted(name: string): void {
    const peer = this.#options.names.indexOf(name);
    if (this.#snapshots.has(peer)) this.#snapshots.set(peer, this.#ticks);
  }

  snapshotArrived(name: string): void {
    const peer = this.#options.names.indexOf(name);
    if (!this.#snapshots.delete(peer)) return;
    this.#node.step({ type: 'snapshotReport', peer, ok: true });
  }

  tick(): void {
    this.#ticks += 1;
    for (const [peer, sentTick] of this.#snapshots) {
      if (this.#ticks - sentTick < limits.snapshotTicksMax) continue;
      this.#snapshots.delete(peer);
      this.#node.step({ type: 'snapshotReport', peer, ok: false });
    }
    const { electionTicks, quiesceTicks } = this.#options.config;
    if (quiesceTicks > 0 && this.#ticks % electionTicks === 0) this.#ask();
  }

  /** Asks all peers, and reports those that have been silent since the question before. */
  #ask(): void {
    const { names, config } = this.#options;
    for (let peer = 1; peer < names.length; peer += 1) {
      if (peer === this.#id) continue;
      const silentTicks = this.#ticks - (this.#heard.get(peer) ?? 0);
      if (silentTicks > 2 * config.electionTicks) this.#node.step({ type: 'unreachable', peer });
      this.#context.send(names[peer] as string, { type: 'are-you-there' });
    }
  }
}
