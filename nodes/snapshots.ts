/** Snapshots of a node: sent to members that lag too far, received, and put into the engines. */
import type { Message, SnapshotMeta } from '../consensus/raft/index.js';
import { NodeError, messageOf } from './errors.js';
import type { NodeEngines } from './node-engines.js';
import type { Replica } from './replica/replica.js';
import { SnapshotReceiver, sendSnapshot } from './snapshot-transfer.js';
import { decodeControlState, encodeControlState } from './wire/state-codec.js';

type Send = (method: string, payload: unknown, timeoutMs: number) => Promise<unknown>;

export class Snapshots {
  readonly #replica: Replica;
  readonly #engines: NodeEngines;
  readonly #receiver: SnapshotReceiver;
  readonly #log: (message: string) => void;
  /** Members that a snapshot is on its way to. */
  readonly #sending = new Set<number>();

  constructor(
    replica: Replica,
    engines: NodeEngines,
    directory: string,
    log: (message: string) => void,
  ) {
    this.#replica = replica;
    this.#engines = engines;
    this.#receiver = new SnapshotReceiver(directory);
    this.#log = log;
  }

  /**
   * Sends the state as of now in place of the older one that the core named. Resolves with whether
   * it arrived, or undefined when one is under way already.
   */
  async send(message: Message, call: Send): Promise<boolean | undefined> {
    const { to } = message;
    if (this.#sending.has(to)) return undefined;
    this.#sending.add(to);
    try {
      // Both are of the same turn of the event loop, so of the same index.
      const meta = this.#replica.snapshotMeta();
      const controlState = encodeControlState(this.#replica.control);
      const dump = this.#engines.dump();
      try {
        if (dump.appliedIndex !== meta.index) {
          throw new NodeError('stopped', 'the store is ahead of the log that is being replayed');
        }
        this.#log(`sending node ${to} a snapshot at index ${meta.index}`);
        await sendSnapshot(message, { meta, controlState, dump }, call);
        return true;
      } finally {
        dump.close();
      }
    } catch (error) {
      this.#log(`the snapshot for node ${to} did not arrive: ${messageOf(error)}`);
      return false;
    } finally {
      this.#sending.delete(to);
    }
  }

  chunk(payload: unknown): Promise<void> {
    return this.#receiver.chunk(payload);
  }

  end(payload: unknown): Promise<Message> {
    return this.#receiver.end(payload);
  }

  /** Puts a received snapshot into the engines; returns the bytes of its control state. */
  async install(meta: SnapshotMeta): Promise<Uint8Array> {
    const { records, controlState } = this.#receiver.take(meta);
    this.#log(`installing a snapshot at index ${meta.index}`);
    await this.#engines.restore(records, decodeControlState(controlState), meta.index);
    await this.#receiver.forget(meta.index);
    return controlState;
  }
}
