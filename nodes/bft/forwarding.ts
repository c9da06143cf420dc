/**
 * Gives commands that were submitted here to the others. Short ones are told to all. A longer one is
 * handed to the proposer of each height until it is decided, and the others are told that one waits, so
 * that they begin the height: its bytes go over the net once to the proposer, and in parts to the others.
 */
import type { Height, ValidatorId } from '../../consensus/bft/index.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import { type Command, encodeBatch, readBatch } from './batch.js';
import { COMMANDS, WAITING } from './inbox.js';
import {
  BATCH_BYTES_MAX,
  BATCH_COMMANDS_MAX,
  COMMAND_BYTES_MAX,
  HAND_OVER_TIMEOUT_MS,
  HAND_OVER_URGENCY,
} from './limits.js';
import type { Mempool } from './mempool.js';
import type { PeerGuard } from './peer-guard.js';
import type { CallSettings } from './peers.js';
import { encodeWaiting, readWaiting } from './parts/wire.js';
import type { ChainSets } from './sets.js';
import { LARGE_VALUES } from './value-limits.js';

const COMMANDS_PER_MESSAGE_MAX = BATCH_COMMANDS_MAX / 8;

/** What it needs of what is around it. */
export interface ForwardingPorts {
  readonly sets: ChainSets;
  readonly mempool: Mempool;
  readonly guard: PeerGuard;
  tell(peer: ValidatorId, kind: number, bytes: Uint8Array): void;
  tellAll(kind: number, bytes: Uint8Array): void;
  /** Rejects when the peer gives no answer in time. */
  call(
    peer: ValidatorId,
    method: string,
    payload: Uint8Array,
    settings: CallSettings,
  ): Promise<unknown>;
  takeCommands(commands: readonly Command[], from: ValidatorId): void;
  /** There may be something to do. */
  wake(): void;
}

/** See the head of this file. */
export class Forwarding {
  readonly #self: ValidatorId;
  readonly #ports: ForwardingPorts;
  /** Short ones that were not told to anybody yet. */
  #unsent: Command[] = [];
  /** Long ones that are not decided, each with those who have it. */
  readonly #long = new Map<string, Set<ValidatorId>>();
  /** Who is being given a command. */
  readonly #receiving = new Set<ValidatorId>();
  /** The height for which a peer last said that a command waits there. */
  readonly #waiting = new Map<ValidatorId, Height>();

  constructor(self: ValidatorId, ports: ForwardingPorts) {
    this.#self = self;
    this.#ports = ports;
  }

  /** A command was submitted here and waits. */
  add(command: Command): void {
    if (isLong(command)) {
      this.#long.set(command.id, new Set());
      setImmediate(() => this.handOver());
    } else if (this.#unsent.push(command) === 1) setImmediate(() => this.#forward());
  }

  /** Tells a peer of those that wait here: it may not know of them. */
  greet(peer: ValidatorId): void {
    const own = this.#ports.mempool.of(this.#self).filter((each) => !isLong(each));
    const [first] = batchesOf(own);
    if (first !== undefined) this.#ports.tell(peer, COMMANDS, first);
  }

  /** Gives long commands to the proposer of the height under way, and tells the others that they wait. */
  handOver(): void {
    const { sets, mempool } = this.#ports;
    const own = this.#long.size === 0 ? [] : mempool.of(this.#self).filter(isLong);
    const ids = new Set(own.map(({ id }) => id));
    for (const id of this.#long.keys()) if (!ids.has(id)) this.#long.delete(id);
    if (own.length === 0) return;
    const height = sets.decided + 1;
    this.#ports.tellAll(WAITING, encodeWaiting(height));
    this.#ports.wake();
    const proposer = sets.at(height).proposerOf(height, 0);
    if (proposer !== this.#self) void this.#give(proposer, own);
  }

  /** Whether a long command waits here, or somebody said so of a height. */
  isToldOf(height: Height): boolean {
    return this.#long.size > 0 || [...this.#waiting.values()].includes(height);
  }

  /** A peer says that a command waits there. Throws `BftError` if it says something else. */
  hear(peer: ValidatorId, bytes: Uint8Array): void {
    this.#waiting.set(peer, readWaiting(bytes));
    this.#ports.wake();
  }

  /**
   * A command that a peer hands over. Throws `RpcError`: `malformed`, which counts against it, and `refused`
   * by who has not come to a height with parts.
   */
  take(peer: ValidatorId, payload: unknown): true {
    const { sets, guard, takeCommands } = this.#ports;
    if (sets.decided + 1 < sets.partsFrom) throw new RpcError('refused', 'a height without parts');
    const isBytes = payload instanceof Uint8Array;
    const commands = isBytes ? readBatch(new Uint8Array(payload), LARGE_VALUES) : null;
    if (commands?.length !== 1 || commands[0]?.kind !== 'application') {
      guard.fault(peer, 'garbage', performance.now());
      throw new RpcError('malformed', 'bft.command takes one command of the application');
    }
    takeCommands(commands, peer);
    return true;
  }

  /** Tells the others of commands that were submitted since the last time. */
  #forward(): void {
    for (const bytes of batchesOf(this.#unsent.splice(0))) this.#ports.tellAll(COMMANDS, bytes);
    this.#ports.wake();
  }

  async #give(peer: ValidatorId, commands: readonly Command[]): Promise<void> {
    if (this.#receiving.has(peer)) return;
    this.#receiving.add(peer);
    const settings = { timeoutMs: HAND_OVER_TIMEOUT_MS, urgency: HAND_OVER_URGENCY };
    try {
      for (const command of commands) {
        const given = this.#long.get(command.id);
        if (given === undefined || given.has(peer)) continue;
        await this.#ports.call(peer, 'bft.command', encodeBatch([command]), settings);
        given.add(peer);
      }
    } catch {
      // It is tried again, or somebody else proposes next.
    } finally {
      this.#receiving.delete(peer);
    }
  }
}

function isLong({ data }: Command): boolean {
  return data.length > COMMAND_BYTES_MAX;
}

/** Commands as they are told: not more at once than a reader takes. */
function batchesOf(commands: readonly Command[]): readonly Uint8Array[] {
  const batches: Uint8Array[] = [];
  let batch: Command[] = [];
  let bytes = 0;
  const end = (): void => {
    if (batch.length > 0) batches.push(encodeBatch(batch));
    batch = [];
    bytes = 0;
  };
  for (const command of commands) {
    const isFull = batch.length >= COMMANDS_PER_MESSAGE_MAX;
    if (isFull || bytes + command.bytes.length > BATCH_BYTES_MAX) end();
    batch.push(command);
    bytes += command.bytes.length;
  }
  end();
  return batches;
}
