/**
 * What a rolling upgrade costs its swarm, from one moment of it until every node has come to another:
 * simulated time, entries of the log, messages between nodes and their bytes as production encodes them.
 */
import { encodeMessage } from '../../consensus/raft/index.js';
import type { Entry } from '../../consensus/raft/index.js';
import type { Rollout } from '../../nodes/rollout/state.js';
import { decodeCommand, encodeCommand } from '../../nodes/wire/command-codec.js';
import type { WorldMoment } from '../world/index.js';
import type { SwarmMessage } from './swarm-messages.js';

/** What was measured. */
export interface Load {
  readonly microseconds: number;
  /** Of the plan. */
  readonly batches: number;
  /** Entries that are no writes of clients: steps, times, members. */
  readonly entries: number;
  readonly entryBytes: number;
  /** Sent from node to node, those of clients' writes among them. */
  readonly messages: number;
  readonly messageBytes: number;
  /** Of the node that sent most. */
  readonly messagesOfBusiest: number;
}

export interface MeterOptions {
  readonly nodes: number;
  /** It begins with the first node that comes to this. */
  readonly begins: (rollout: Rollout) => boolean;
  /** It ends with the last node that comes to this. */
  readonly ends: (rollout: Rollout) => boolean;
}

export class LoadMeter {
  readonly #options: MeterOptions;
  #beganMicroseconds: number | undefined;
  #endedMicroseconds: number | undefined;
  #batches = 0;
  readonly #ended = new Set<number>();
  /** Bytes of an entry by its index; 0 for a write of a client. */
  readonly #entryBytes = new Map<number, number>();
  readonly #sentBy = new Map<string, number>();
  #messages = 0;
  #messageBytes = 0;

  constructor(options: MeterOptions) {
    this.#options = options;
  }

  /** A node came to a state. */
  stands(nodeId: number, rollout: Rollout | null, nowMicroseconds: number): void {
    if (rollout === null || this.#endedMicroseconds !== undefined) return;
    const { nodes, begins, ends } = this.#options;
    this.#batches = rollout.plan.batches.length;
    if (begins(rollout)) this.#beganMicroseconds ??= nowMicroseconds;
    if (!ends(rollout)) return;
    this.#ended.add(nodeId);
    if (this.#ended.size === nodes) this.#endedMicroseconds = nowMicroseconds;
  }

  sees(moment: WorldMoment<SwarmMessage>): void {
    const isOn = this.#beganMicroseconds !== undefined && this.#endedMicroseconds === undefined;
    if (!isOn || moment.kind !== 'sent') return;
    const { from, to, message } = moment;
    if (!isNode(from) || !isNode(to)) return;
    this.#messages += 1;
    this.#messageBytes += bytesOf(message);
    this.#sentBy.set(from, (this.#sentBy.get(from) ?? 0) + 1);
    if (message.kind !== 'raft') return;
    for (const entry of message.message.entries) this.#seesEntry(entry);
  }

  /** Throws if what it was to measure did not come to its end. */
  load(): Load {
    const [began, ended] = [this.#beganMicroseconds, this.#endedMicroseconds];
    if (began === undefined || ended === undefined) {
      throw new Error(`${this.#ended.size} of ${this.#options.nodes} nodes came to the end`);
    }
    const bytes = [...this.#entryBytes.values()].filter((one) => one > 0);
    return {
      microseconds: ended - began,
      batches: this.#batches,
      entries: bytes.length,
      entryBytes: bytes.reduce((sum, one) => sum + one, 0),
      messages: this.#messages,
      messageBytes: this.#messageBytes,
      messagesOfBusiest: Math.max(...this.#sentBy.values()),
    };
  }

  #seesEntry({ index, type, data }: Entry): void {
    if (this.#entryBytes.has(index)) return;
    const isOfClient =
      type === 'normal' && data.length > 0 && decodeCommand(data).type === 'memory';
    this.#entryBytes.set(index, isOfClient ? 0 : data.length);
  }
}

const isNode = (name: string): boolean => name.startsWith('node-');

function bytesOf(message: SwarmMessage): number {
  switch (message.kind) {
    case 'raft':
      return encodeMessage(message.message).length;
    case 'snapshot':
      return encodeMessage(message.message).length + message.control.length;
    case 'propose':
      return encodeCommand(message.command).length;
    default:
      return 0;
  }
}
