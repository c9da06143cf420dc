import {
  type Message,
  type NodeId,
  decodeMessage,
  encodeMessage,
} from '../../../../consensus/raft/index.js';
import type { Random } from '../random.js';
import type { EventQueue } from './event-queue.js';

/** What the course's network does: rates and delays of `labrpc`. */
const LOSS = 0.1;
const UNRELIABLE_DELAY_MS = 27;
const LATE_ANSWER = 2 / 3;
const LATE_ANSWER_MS = 200;
const LATE_ANSWER_SPREAD_MS = 2000;
const FAILURE_NOTICE_MS = 100;

/** A message, and the bytes of the snapshot that it names, if it is one. */
export interface Parcel {
  readonly message: Message;
  readonly snapshotData: string | null;
}

/** What becomes of a parcel; exactly one of the two is called. */
export interface Fate {
  readonly onArrival: (parcel: Parcel) => void;
  /** The sender of a lost request notices after a while, as the caller of an RPC would. */
  readonly onLoss: () => void;
}

function isAnswer(message: Message): boolean {
  return message.type.endsWith('Response');
}

/**
 * The network of the course on a virtual clock. Requests and answers are messages of their own
 * here, so what it does to a call and to its reply is done to each. Everything goes through the
 * codec.
 */
export class Wire {
  /** Without it a tenth of the messages is lost, and they are delayed. */
  isReliable = true;
  /** Two of three answers come more than 200 ms late, after newer ones. */
  hasLongReordering = false;
  /** Requests sent to nodes that are connected. */
  requests = 0;
  /** Bytes of all messages sent. */
  bytes = 0;
  /** Snapshots sent. */
  snapshots = 0;
  /** Messages that are lost without any chance; for scripts. */
  isLost: (message: Message) => boolean = () => false;
  private readonly disconnected = new Set<NodeId>();
  private readonly cut = new Set<string>();

  constructor(
    private readonly clock: EventQueue,
    private readonly random: Random,
  ) {}

  disconnect(...ids: readonly NodeId[]): void {
    for (const id of ids) this.disconnected.add(id);
  }

  connect(...ids: readonly NodeId[]): void {
    for (const id of ids) this.disconnected.delete(id);
  }

  isConnected(id: NodeId): boolean {
    return !this.disconnected.has(id);
  }

  /** Cuts the link between two nodes, in both directions. */
  cutLink(a: NodeId, b: NodeId): void {
    this.cut.add(`${a}>${b}`).add(`${b}>${a}`);
  }

  /** Undoes the cuts of the links that `which` tells, all unless given. */
  mendLinks(which: (a: NodeId, b: NodeId) => boolean = () => true): void {
    for (const link of this.cut) {
      const [from, to] = link.split('>').map(Number) as [NodeId, NodeId];
      if (which(from, to)) this.cut.delete(link);
    }
  }

  private reaches({ from, to }: Message): boolean {
    return this.isConnected(from) && this.isConnected(to) && !this.cut.has(`${from}>${to}`);
  }

  send(message: Message, snapshotData: string | null, fate: Fate): void {
    const encoded = encodeMessage(message);
    this.bytes += encoded.length + (snapshotData?.length ?? 0);
    if (message.type === 'snapshot') this.snapshots += 1;
    if (!isAnswer(message) && this.reaches(message)) this.requests += 1;
    const { random, clock } = this;
    const lossNoticeMs = random.next() * FAILURE_NOTICE_MS;
    const isLost = !this.isReliable && random.chance(LOSS);
    if (isLost || this.isLost(message) || !this.reaches(message)) {
      clock.after(lossNoticeMs, fate.onLoss);
      return;
    }
    clock.after(this.delayMs(isAnswer(message)), () => {
      // A reply of a node that was cut off meanwhile does not arrive either.
      if (this.reaches(message)) fate.onArrival({ message: decodeMessage(encoded), snapshotData });
      else fate.onLoss();
    });
  }

  private delayMs(answers: boolean): number {
    const { random } = this;
    if (answers && this.hasLongReordering && random.chance(LATE_ANSWER)) {
      return LATE_ANSWER_MS + random.next() * random.next() * LATE_ANSWER_SPREAD_MS;
    }
    if (this.isReliable || answers) return 0.5 + random.next();
    return 0.5 + random.next() * UNRELIABLE_DELAY_MS;
  }
}
