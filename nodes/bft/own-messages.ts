/** What this validator signs, and what it sends on, with the signatures. */
import type { BftMessage, OwnMessage } from '../../consensus/bft/index.js';
import { ValidatorError } from './error.js';
import type { Sealing } from './aggregates/aggregates.js';
import { type SignedMessage, withSignatures } from './signed-messages.js';
import type { ValidatorStore } from './store.js';

/** What it needs of what is around it. */
export interface OwnMessagesPorts {
  readonly sealing?: Sealing;
  log(line: string): void;
}

/** See the head of this file. */
export class OwnMessages {
  readonly #store: ValidatorStore;
  readonly #ports: OwnMessagesPorts;
  readonly #signatures = new WeakMap<OwnMessage, Uint8Array>();
  readonly #withheld = new WeakSet<OwnMessage>();
  /** Those that were not signed since they contradict what was. */
  withheldCount = 0;
  /** A height in which more was signed than the record knows: its locks are lost, so it is sat out. */
  readonly silentHeight: number | null;

  constructor(store: ValidatorStore, ports: OwnMessagesPorts) {
    this.#store = store;
    this.#ports = ports;
    this.silentHeight = store.signer.heightBeyond(store.restored?.record.sent.at(-1));
    for (const [message, signature] of store.signatures) this.#signatures.set(message, signature);
  }

  /** The signature of an own message that is signed. */
  get(message: OwnMessage): Uint8Array | undefined {
    return this.#signatures.get(message);
  }

  /** Resolves when a message is signed, durably, or must not be. */
  async sign(message: OwnMessage): Promise<void> {
    if (this.#signatures.has(message) || this.#withheld.has(message)) return;
    const { height } = message.type === 'vote' ? message.vote : message.proposal;
    if (height === this.silentHeight) return this.#withhold(message, 'the record is an old copy');
    try {
      this.#signatures.set(message, await this.#store.signer.sign(message));
    } catch (error) {
      if (!(error instanceof ValidatorError) || error.code !== 'double-sign') throw error;
      this.#withhold(message, error.message);
    }
  }

  /** A message as it travels; null if it is an own one that is not signed. */
  signed(message: BftMessage): SignedMessage | null {
    return withSignatures(message, this.#signatures, this.#ports.sealing);
  }

  #withhold(message: OwnMessage, why: string): void {
    this.#withheld.add(message);
    this.withheldCount += 1;
    this.#ports.log(`not signed: ${why}`);
  }
}
