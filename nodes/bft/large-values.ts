/**
 * What a validator has for large values, where the genesis allows them: the exchange of their parts, with
 * the messages and calls that it needs; and how commands come to proposers, large or not.
 */
import type { Height, ValidatorId, ValueId, WireMessage } from '../../consensus/bft/index.js';
import type { Handlers } from '../../transport/rpc/rpc.js';
import type { Command } from './batch.js';
import type { DriverPorts } from './driver-ports.js';
import { Forwarding } from './forwarding.js';
import { HELD, type InboxPorts } from './inbox.js';
import { PARTS_CALL_TIMEOUT_MS, PARTS_URGENCY } from './limits.js';
import type { Mempool } from './mempool.js';
import { PartExchange } from './parts/exchange.js';
import { isInParts, readPartsName } from './parts/part-set.js';
import type { PeerGuard } from './peer-guard.js';
import type { Peers } from './peers.js';
import { shownIn } from './proven.js';
import type { ChainSets } from './sets.js';
import { ValidatorStore } from './store.js';

/** What it needs of what is around it. */
export interface LargeValuesPorts {
  readonly sets: ChainSets;
  readonly mempool: Mempool;
  readonly guard: PeerGuard;
  readonly peers: Peers;
  readonly store: ValidatorStore;
  /** A value of the height under way that is here. */
  value(id: ValueId): Uint8Array | undefined;
  takeCommands(commands: readonly Command[], from: ValidatorId): void;
  /** There may be something to do. */
  wake(): void;
}

const SETTINGS = { timeoutMs: PARTS_CALL_TIMEOUT_MS, urgency: PARTS_URGENCY };

/** See the head of this file. */
export class LargeValues {
  readonly forwarding: Forwarding;
  readonly #exchange: PartExchange;
  readonly #ports: LargeValuesPorts;

  constructor(self: ValidatorId, ports: LargeValuesPorts) {
    this.#ports = ports;
    const { sets, guard, peers } = ports;
    this.forwarding = new Forwarding(self, {
      ...ports,
      tell: (peer, kind, bytes) => peers.tell(peer, kind, bytes),
      tellAll: (kind, bytes) => peers.tellAll(kind, bytes),
      call: (peer, method, payload, settings) => peers.call(peer, method, payload, settings),
    });
    this.#exchange = new PartExchange(self, guard, {
      others: () => peers.others,
      height: () => sets.decided + 1,
      tell: (peer, bytes) => peers.tell(peer, HELD, bytes),
      call: (peer, payload) => peers.call(peer, 'bft.parts', payload, SETTINGS),
      value: ports.value,
      decided: (height, id) => this.#decided(height, id),
    });
  }

  /** Collects a value that is in parts; null if it is none. See `PartExchange.collect`. */
  fetch(id: ValueId, from: ValidatorId | null, round: number): Promise<Uint8Array | null> | null {
    if (!this.#isOn || readPartsName(id) === null) return null;
    return this.#exchange.collect(id, from, round);
  }

  /** Collects a value that is decided, until it is here or the height has come otherwise. */
  collect(id: ValueId): Promise<Uint8Array | null> {
    return this.#exchange.collect(id, null, Infinity);
  }

  /** What the driver is to ask. */
  get driver(): Pick<DriverPorts, 'spread' | 'patience' | 'isToldOf'> {
    return {
      spread: (bytes) => this.#exchange.spread(bytes),
      patience: (id) => this.#exchange.patience(id),
      isToldOf: (height) => this.forwarding.isToldOf(height),
    };
  }

  /**
   * False for a proposal whose value nobody can have: too long, too early, or in parts that do not fit.
   * It is signed, so that it counts against its proposer, whoever handed it on.
   */
  admits(message: Exclude<WireMessage, { type: 'value' }>): boolean {
    if (message.type !== 'proposal' || !this.#isOn) return true;
    const { from, height, value } = message.proposal;
    const isGood = height >= this.#ports.sets.partsFrom && readPartsName(value) !== null;
    if (!isInParts(value) || isGood) return true;
    this.#ports.guard.fault(from, 'garbage', performance.now());
    return false;
  }

  /** What the inbox is to take. */
  get inbox(): Pick<InboxPorts, 'takeOfParts'> {
    if (!this.#isOn) return {};
    return {
      takeOfParts: (peer, kind, bytes) => {
        if (kind === HELD) this.#exchange.heard(peer, bytes);
        else this.forwarding.hear(peer, bytes);
      },
    };
  }

  /** Who is or was a validator gets parts; a command is taken of those who are. */
  get handlers(): Handlers {
    if (!this.#isOn) return {};
    const { sets } = this.#ports;
    return {
      'bft.parts': (payload, { connection: { peerId } }) => this.#exchange.answer(peerId, payload),
      'bft.command': (payload, { connection: { peerId } }) =>
        sets.isPeer(peerId) && this.forwarding.take(peerId, payload),
    };
  }

  /** A height is decided. */
  endHeight(): void {
    this.#exchange.endHeight();
    this.forwarding.handOver();
  }

  /** Makes up for what was lost on the way. */
  onBeat(): void {
    this.forwarding.handOver();
    this.#exchange.resend();
  }

  close(): void {
    this.#exchange.close();
  }

  get #isOn(): boolean {
    return this.#ports.sets.partsFrom !== Infinity;
  }

  async #decided(height: Height, id: ValueId): Promise<Uint8Array | null> {
    const { decisions } = this.#ports.store;
    if (height < 1 || height > decisions.count) return null;
    const shown = shownIn(await ValidatorStore.messages(decisions, height - 1));
    return shown?.decision.proposal.value === id ? shown.value : null;
  }
}
