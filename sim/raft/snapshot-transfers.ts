/**
 * How snapshots get from node to node. As a whole in one message, or, with more than one block, as
 * production does it (`nodes/snapshots`): the sender offers it, and the receiver asks for one block
 * after the other, and for one that does not come again. What it has of a snapshot it keeps when
 * that is offered again.
 *
 *     sender                         receiver
 *       |------ offer, n blocks ------>|
 *       |<----- want block 0 ----------|
 *       |------ block 0 -------------->|   ... until it has all; then `arrived`
 */
import type { Message, SnapshotMeta } from '../../consensus/raft/index.js';
import { limits } from './limits.js';
import type { SnapshotMessage } from './messages.js';
import type { RaftObserver } from './observer.js';
import type { PreparedSnapshot } from './snapshot-source.js';

/** A snapshot that is being taken in. */
interface Incoming {
  readonly from: string;
  readonly message: Message;
  readonly meta: SnapshotMeta;
  readonly blocks: number;
  readonly taken: string[];
}

/** What comes to the one who takes a snapshot in. */
type Received = Exclude<SnapshotMessage, { type: 'snapshot-arrived' | 'snapshot-wanted' }>;

export interface TransferOptions {
  readonly snapshotBlocks: number;
  readonly observer?: RaftObserver;
}

/** See the head of this file. */
export class SnapshotTransfers {
  readonly #options: TransferOptions;
  readonly #send: (to: string, message: SnapshotMessage) => void;
  /** Told of a snapshot that is here as a whole, with the message that the core wants. */
  readonly #arrived: (message: Message) => void;
  /** What each node was offered last. */
  readonly #offered = new Map<string, PreparedSnapshot>();
  #incoming: Incoming | null = null;
  #whole: PreparedSnapshot | null = null;
  #ticksSilent = 0;

  constructor(
    options: TransferOptions,
    send: (to: string, message: SnapshotMessage) => void,
    arrived: (message: Message) => void,
  ) {
    this.#options = options;
    this.#send = send;
    this.#arrived = arrived;
  }

  /** Sends the core's `message` with the snapshot that was prepared for it. */
  give(to: string, message: Message, prepared: PreparedSnapshot): void {
    const sent = { ...message, snapshot: prepared.meta };
    const { snapshotBlocks: blocks } = this.#options;
    if (blocks === 1) {
      this.#send(to, { type: 'snapshot-transfer', message: sent, state: prepared.state });
      return;
    }
    this.#offered.set(to, prepared);
    this.#send(to, { type: 'snapshot-offer', message: sent, blocks });
  }

  /** The state of the snapshot that the core installs. */
  stateOf({ index }: SnapshotMeta): string {
    const whole = this.#whole;
    if (whole?.meta.index === index) return whole.state;
    throw new Error('assertion failed: the core installs the snapshot that came in');
  }

  receive(from: string, message: Received): void {
    switch (message.type) {
      case 'snapshot-transfer': {
        const { snapshot: meta } = message.message;
        if (meta !== null) this.#takeWhole(from, message.message, { meta, state: message.state });
        break;
      }
      case 'snapshot-offer':
        this.#takeOffer(from, message.message, message.blocks);
        break;
      case 'snapshot-block':
        this.#takeBlock(message.index, message.block, message.text);
        break;
    }
  }

  /** Asks again for a block that has not come. */
  tick(): void {
    if (this.#incoming === null) return;
    this.#ticksSilent += 1;
    if (this.#ticksSilent % limits.blockTicksMax > 0) return;
    this.#options.observer?.probes.reach('snapshot-block-late');
    this.#askNext(this.#incoming);
  }

  #takeOffer(from: string, message: Message, blocks: number): void {
    const { snapshot: meta } = message;
    if (meta === null) return;
    const before = this.#incoming;
    const isSame = before?.meta.index === meta.index && before.blocks === blocks;
    const taken = isSame ? before.taken : [];
    this.#incoming = { from, message, meta, blocks, taken };
    this.#askNext(this.#incoming);
  }

  #askNext({ from, meta, taken }: Incoming): void {
    this.#send(from, { type: 'snapshot-wanted', index: meta.index, block: taken.length });
  }

  /**
   * Sends a block that was asked for. False if it is of another snapshot than was offered last, or was
   * offered before a restart of this node: the receiver has to be offered one again.
   */
  giveBlock(to: string, index: number, block: number): boolean {
    const offered = this.#offered.get(to);
    if (offered?.meta.index !== index) return false;
    const { snapshotBlocks: blocks } = this.#options;
    const at = (boundary: number): number => Math.floor((offered.state.length * boundary) / blocks);
    const text = offered.state.slice(at(block), at(block + 1));
    this.#send(to, { type: 'snapshot-block', index, block, text });
    return true;
  }

  #takeBlock(index: number, block: number, text: string): void {
    const incoming = this.#incoming;
    if (incoming?.meta.index !== index || block !== incoming.taken.length) return;
    this.#ticksSilent = 0;
    incoming.taken.push(text);
    if (incoming.taken.length < incoming.blocks) return this.#askNext(incoming);
    this.#incoming = null;
    const { from, message, meta, taken } = incoming;
    this.#takeWhole(from, message, { meta, state: taken.join('') });
  }

  #takeWhole(from: string, message: Message, whole: PreparedSnapshot): void {
    this.#whole = whole;
    this.#send(from, { type: 'snapshot-arrived', index: whole.meta.index });
    this.#arrived(message);
  }
}
