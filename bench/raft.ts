import {
  RaftNode,
  decodeMessage,
  defaultRaftConfig,
  encodeMessage,
  foundingState,
  type Message,
} from '../consensus/raft/index.js';
import type { Bench, Measurements } from './harness.js';

const members = [1, 2, 3];
const batchEntries = 16;
const entryBytes = 64;
/** Entries between two compactions, so that the logs in memory stay short. */
const compactionEntries = 8_192;

/** How a message gets from one node to the next. */
type Carry = (message: Message) => Message;

/**
 * Entries a second through the cores of three nodes in one thread: proposed in batches of 16,
 * replicated, committed and handed out on all three before the next batch. No disk and no network;
 * `encoded` turns each message into its bytes and back, `by-reference` hands the object over.
 */
export function raftBench(entriesPerRound = 160_000): Bench {
  const subject = (name: string, carry: Carry): Bench['subjects'][number] => {
    let group: Group | undefined;
    return {
      name,
      prepare: () => {
        group = new Group(carry);
      },
      run: (): Measurements => {
        if (group === undefined) throw new Error('the group is made before it runs');
        return { entries: group.measure(entriesPerRound) };
      },
    };
  };
  return {
    description:
      'entries a second through the Raft core: three nodes in one thread, batches of 16 entries of ' +
      '64 bytes, without disk and network',
    roundsDefault: 7,
    metrics: { entries: '1/s' },
    subjects: [
      subject('by-reference', (message) => message),
      subject('encoded', (message) => decodeMessage(encodeMessage(message))),
    ],
    ratios: [{ metric: 'entries', subject: 'encoded', peer: 'by-reference' }],
  };
}

/** Three nodes, of which node 1 leads. */
class Group {
  readonly #nodes: ReadonlyMap<number, RaftNode>;
  readonly #leader: RaftNode;
  readonly #carry: Carry;
  readonly #applied = new Map(members.map((id) => [id, 0]));
  #compactedAt = 0;

  constructor(carry: Carry) {
    this.#carry = carry;
    const founding = foundingState(members);
    const make = (id: number): RaftNode => {
      return new RaftNode(defaultRaftConfig({ id, random: () => 0.5 }), founding);
    };
    this.#nodes = new Map(members.map((id) => [id, make(id)]));
    this.#leader = this.#nodes.get(1)!;
    this.#leader.step({ type: 'campaign' });
    this.#settle();
    if (!this.#leader.isLeader) throw new Error('node 1 was not elected');
  }

  /** Entries a second; throws if any node has not applied all of them in the end. */
  measure(entries: number): number {
    const before = new Map(this.#applied);
    const startedMs = performance.now();
    for (let done = 0; done < entries; done += batchEntries) {
      const data = Array.from({ length: batchEntries }, (_, i) => {
        return new Uint8Array(entryBytes).fill((done + i) & 0xff);
      });
      const refusal = this.#leader.step({ type: 'propose', data });
      if (refusal !== undefined) throw new Error(`a proposal was refused: ${refusal}`);
      this.#settle();
      this.#compact();
    }
    const seconds = (performance.now() - startedMs) / 1000;
    const batches = Math.ceil(entries / batchEntries);
    this.#requireApplied(before, batches * batchEntries);
    return (batches * batchEntries) / seconds;
  }

  /** Runs all nodes until none has anything to do; a write counts as durable at once. */
  #settle(): void {
    let messages: Message[] = [];
    do {
      for (const message of messages) {
        this.#nodes.get(message.to)!.step({ type: 'message', message: this.#carry(message) });
      }
      messages = [];
      for (const [id, node] of this.#nodes) {
        while (node.hasReady()) messages.push(...this.#run(id, node));
      }
    } while (messages.length > 0);
  }

  #run(id: number, node: RaftNode): Message[] {
    const ready = node.ready();
    const applied = ready.committedEntries.filter(({ data }) => data.length > 0).length;
    this.#applied.set(id, this.#applied.get(id)! + applied);
    node.advance();
    return [...ready.messages, ...ready.messagesAfterPersist];
  }

  #compact(): void {
    const { applied } = this.#leader.status();
    if (applied - this.#compactedAt < compactionEntries) return;
    this.#compactedAt = applied;
    for (const node of this.#nodes.values()) {
      // A follower learns of the last commit with the next batch: each compacts what it has applied.
      node.compact(node.status().applied);
    }
  }

  /** A follower hears with the next batch, or heartbeat, that this one is committed. */
  #requireApplied(before: ReadonlyMap<number, number>, count: number): void {
    this.#leader.step({ type: 'tick' });
    this.#settle();
    for (const [id, applied] of this.#applied) {
      const got = applied - before.get(id)!;
      if (got !== count) throw new Error(`node ${id} applied ${got} of ${count} entries`);
    }
  }
}
