/**
 * Snapshots of a node: offered to members that lag too far, prepared for whoever reads them, taken in,
 * and put into the engines. The parts are in `snapshots/`; here they meet replica, engines and peers.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { createMessage } from '../consensus/raft/index.js';
import type { Message, SnapshotMeta } from '../consensus/raft/index.js';
import { RpcError } from '../transport/rpc/rpc.js';
import { assert } from './assert.js';
import { NodeError, messageOf } from './errors.js';
import type { NodeOptions, SwarmNode } from './node.js';
import type { SnapshotView } from './snapshots/build.js';
import { READ_URGENCY, SWEEP_INTERVAL_MS } from './snapshots/limits.js';
import {
  packPrepared,
  packProgress,
  parseOffer,
  parsePrepare,
  parseRead,
} from './snapshots/messages.js';
import { SnapshotOffers } from './snapshots/offers.js';
import { PreparedSnapshots } from './snapshots/prepared.js';
import { PushedSnapshots, sendSnapshot } from './snapshots/push.js';
import { SnapshotReceiver } from './snapshots/receiver.js';
import { decodeControlState, encodeControlState } from './wire/state-codec.js';

export class Snapshots {
  readonly #node: SwarmNode;
  readonly #log: (message: string) => void;
  readonly #prepared: PreparedSnapshots;
  readonly #receiver: SnapshotReceiver;
  readonly #offers: SnapshotOffers;
  readonly #pushed: PushedSnapshots;
  readonly #sweeping: NodeJS.Timeout;

  /** `node` is not asked for anything before it is complete. */
  constructor(node: SwarmNode, { paths, log, snapshotBytesPerSecondMax = 0 }: NodeOptions) {
    const appliedIndex = (): number => node.replica.appliedIndex;
    const bytesPerSecondMax = snapshotBytesPerSecondMax;
    this.#node = node;
    this.#log = log;
    this.#prepared = new PreparedSnapshots({
      directory: paths.outgoing,
      view: () => this.#view(),
      appliedIndex,
      bytesPerSecondMax,
      log,
      now,
    });
    this.#receiver = new SnapshotReceiver({
      directory: paths.incoming,
      nodeId: node.file.nodeId,
      appliedIndex,
      call: (to, method, payload, options) =>
        node.peers.call(to, method, payload, options.timeoutMs, {
          signal: options.signal,
          urgency: READ_URGENCY,
        }),
      deliver: (meta) => this.#deliver(meta),
      bytesPerSecondMax,
      log,
      now,
      sleep,
    });
    this.#offers = new SnapshotOffers({
      status: () => node.replica.status(),
      call: (to, method, payload, timeoutMs) => node.peers.call(to, method, payload, timeoutMs),
      pinLog: () => node.driver.pinLog(),
      report: (to, ok) => node.driver.reportSnapshot(to, ok),
      logBytes: () => bytesBelow(paths.raft),
      push: (to) => this.#push(to),
      log,
      now,
      sleep,
    });
    this.#pushed = new PushedSnapshots(join(paths.incoming, 'pushed'));
    this.#sweeping = setInterval(() => void this.#sweep(), SWEEP_INTERVAL_MS);
    this.#sweeping.unref();
  }

  /** Takes over a snapshot message of the core. */
  begin(message: Message): void {
    this.#offers.begin(message);
  }

  /** A leader offers a snapshot to this node. */
  offer(peerId: string, payload: unknown): unknown {
    const offer = parseOffer(payload);
    const { file, replica } = this.#node;
    this.#node.requireSender(peerId, { from: offer.leader, to: file.nodeId });
    if (offer.term < replica.status().term) {
      const message = `there is a later leader than that of term ${offer.term}`;
      throw new RpcError('refused', message, { reason: 'leader-changed' });
    }
    return packProgress(this.#receiver.offer(offer));
  }

  async prepare(payload: unknown): Promise<unknown> {
    return packPrepared(await this.#prepared.prepare(parsePrepare(payload)));
  }

  read(payload: unknown): Promise<Uint8Array> {
    return this.#prepared.read(parseRead(payload));
  }

  /** A part of a snapshot from a leader of the release before. */
  chunk(payload: unknown): Promise<void> {
    return this.#pushed.chunk(payload);
  }

  /** Its last part; its message goes to the core. */
  async end(peerId: string, payload: unknown): Promise<void> {
    const message = await this.#pushed.end(payload);
    this.#node.requireSender(peerId, message);
    this.#node.driver.receive(message);
  }

  /** Puts a received snapshot into the engines; returns the bytes of its control state. */
  async install(meta: SnapshotMeta): Promise<Uint8Array> {
    const content = this.#receiver.open(meta);
    const received =
      content === undefined
        ? this.#pushed.take(meta)
        : { records: content.records(), controlState: content.controlState };
    assert(received !== undefined, 'the core installs a snapshot that was received');
    this.#log(`installing a snapshot at index ${meta.index}`);
    const startedMs = performance.now();
    try {
      const { records, controlState } = received;
      await this.#node.engines.restore(records, decodeControlState(controlState), meta.index);
      this.#log(`installed it in ${((performance.now() - startedMs) / 1_000).toFixed(1)} s`);
      await this.#pushed.forget(meta.index);
      // What was read stays until the core knows of it (`sweep`): a crash in between costs no transfer.
      return controlState;
    } catch (error) {
      // It cannot be installed, and would only be tried again at each start.
      content?.close();
      await this.#receiver.forget(meta.index);
      throw error;
    } finally {
      content?.close();
    }
  }

  /** For the status of the node. Bytes are of content, since the start. */
  status(): object {
    const { phase, index, bytes, bytesTotal } = this.#receiver.progress();
    return {
      receiving: index === 0 ? null : { phase, index, bytes, bytesTotal },
      offered: [...this.#offers.progress()].map(([nodeId, progress]) => ({ nodeId, ...progress })),
      prepared: this.#prepared.count,
      servedBytes: this.#prepared.servedBytes,
      ...this.#receiver.counters,
    };
  }

  /** Ends every transfer; what was received stays for the next start. */
  async close(): Promise<void> {
    clearInterval(this.#sweeping);
    await Promise.all([this.#offers.close(), this.#receiver.close(), this.#prepared.close()]);
  }

  async #sweep(): Promise<void> {
    try {
      await this.#prepared.sweep();
      await this.#receiver.sweep();
    } catch (error) {
      this.#log(`old snapshots cannot be removed: ${messageOf(error)}`);
    }
  }

  /** All parts are read in one turn of the event loop, so they are of one index. */
  #view(): SnapshotView {
    const { replica, engines } = this.#node;
    if (replica.status().firstIndex > replica.appliedIndex + 1) {
      throw new NodeError('stopped', 'this node takes a snapshot in by itself');
    }
    const dump = engines.dump(replica.control);
    try {
      const meta = replica.snapshotMeta();
      if (dump.appliedIndex !== meta.index) {
        throw new NodeError('stopped', 'the store is ahead of the log that is being replayed');
      }
      return { meta, controlState: encodeControlState(replica.control), dump };
    } catch (error) {
      dump.close();
      throw error;
    }
  }

  /**
   * What is committed is so in every later term: the snapshot is handed over in the name of whoever
   * leads now, to whom the core answers.
   */
  #deliver(snapshot: SnapshotMeta): void {
    const { replica, driver, file } = this.#node;
    const { nodeId } = file;
    const { leader, term } = replica.status();
    if (leader === 0 || leader === nodeId || term < snapshot.term) return;
    const message = createMessage({ type: 'snapshot', to: nodeId, from: leader, term, snapshot });
    driver.receive(message);
  }

  async #push(to: number): Promise<boolean> {
    const { replica, peers } = this.#node;
    try {
      const view = this.#view();
      try {
        this.#log(
          `pushing a snapshot at index ${view.meta.index} to node ${to}, of the release before`,
        );
        const { id, term } = replica.status();
        const message = createMessage({ type: 'snapshot', to, from: id, term });
        await sendSnapshot(message, view, (method, payload, timeoutMs) =>
          peers.call(to, method, payload, timeoutMs),
        );
        return true;
      } finally {
        view.dump.close();
      }
    } catch (error) {
      this.#log(`the snapshot for node ${to} did not arrive: ${messageOf(error)}`);
      return false;
    }
  }
}

function now(): number {
  return performance.now();
}

async function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  await pause(milliseconds, undefined, { signal }).catch(() => undefined);
}

async function bytesBelow(directory: string): Promise<number> {
  const names = await readdir(directory).catch(() => []);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(directory, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
