/** Gives the core of gossip its clock, its timer, and the network. */
import { randomInt } from 'node:crypto';

import { Gossip, gossipConfig } from '../../consensus/gossip/index.js';
import type {
  GossipInput,
  GossipTuning,
  MemberId,
  MemberView,
} from '../../consensus/gossip/index.js';
import { ed25519Signatures, publicKeyOf } from './signatures.js';
import { SeededRandom } from '../../src/memory/seeded-random.js';
import type { Identity } from '../../transport/identity/index.js';

export interface GossipDriverOptions {
  readonly nodeId: MemberId;
  readonly swarmId: string;
  readonly identity: Pick<Identity, 'privateKeyPem'>;
  readonly metadata: Uint8Array;
  readonly tuning?: Partial<GossipTuning>;
  /** Sends to a member, or drops it: what is lost is told again. */
  readonly send: (to: MemberId, via: 'datagram' | 'stream', bytes: Uint8Array) => void;
  readonly changed?: (member: MemberView) => void;
  /** A member sent what it may not; told at most once a second. */
  readonly refused?: (from: MemberId, refusal: string) => void;
}

type Event<Type> = Type extends GossipInput ? Omit<Type, 'nowMs'> : never;

/** After this long without everything told, a node that leaves is gone all the same. */
const FAREWELL_MS = 500;
const REFUSAL_PERIOD_MS = 1_000;

export class GossipDriver {
  readonly #options: GossipDriverOptions;
  readonly #core: Gossip;
  #timer: NodeJS.Timeout | undefined;
  #dueMs = Infinity;
  #isStopped = false;
  #refusedAtMs = -Infinity;
  #drained: (() => void) | undefined;

  constructor(options: GossipDriverOptions) {
    const { nodeId, swarmId, identity, metadata, tuning = {} } = options;
    this.#options = options;
    // Of a seed that nobody knows: whom it asks next is no secret.
    const random = new SeededRandom(randomInt(2 ** 32));
    this.#core = new Gossip(
      gossipConfig({
        self: nodeId,
        swarm: swarmId,
        publicKey: publicKeyOf(identity),
        signatures: ed25519Signatures(identity),
        metadata,
        // Later than that of the process before, unless the clock was set back: then it refutes.
        firstIncarnation: Date.now(),
        random: () => random.fraction(),
        ...tuning,
      }),
    );
  }

  /** Whom the swarm has admitted, this node included: peer ids by number. */
  admit(members: ReadonlyMap<MemberId, string>): void {
    this.#step({ type: 'admission', members });
  }

  receive(from: MemberId, via: 'datagram' | 'stream', bytes: Uint8Array): void {
    this.#step({ type: 'message', from, via, bytes });
  }

  describe(metadata: Uint8Array): void {
    this.#step({ type: 'metadata', metadata });
  }

  member(id: MemberId): MemberView {
    return this.#core.member(id);
  }

  /** For how long it is so; 0 while nothing was heard of it. */
  sinceMs(id: MemberId): number {
    const { sinceMs, status } = this.#core.member(id);
    return status === 'unknown' || sinceMs === 0 ? 0 : performance.now() - sinceMs;
  }

  /** The score of this node's own health; 0 is well, and what is greater makes it slower to judge. */
  get awareness(): number {
    return this.#core.awareness;
  }

  /** Says that this node leaves; resolves when that was told, or after half a second. */
  async leave(): Promise<void> {
    this.#step({ type: 'leave' });
    if (this.#isStopped || this.#core.isDrained) return;
    await new Promise<void>((resolve) => {
      this.#drained = resolve;
      setTimeout(resolve, FAREWELL_MS);
    });
  }

  /** Nothing is sent any more. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#drained?.();
  }

  #step(event: Event<GossipInput>): void {
    if (this.#isStopped) return;
    const nowMs = performance.now();
    for (const effect of this.#core.step({ ...event, nowMs })) {
      if (effect.type === 'send') this.#options.send(effect.to, effect.via, effect.bytes);
      else if (effect.type === 'changed') this.#options.changed?.(effect.member);
      else this.#noteRefusal(effect.from, effect.refusal, nowMs);
    }
    if (this.#core.isDrained) this.#drained?.();
    this.#arm(nowMs);
  }

  #arm(nowMs: number): void {
    const { nextMs } = this.#core;
    if (nextMs === this.#dueMs) return;
    this.#dueMs = nextMs;
    clearTimeout(this.#timer);
    if (nextMs === Infinity) return;
    this.#timer = setTimeout(
      () => {
        this.#dueMs = Infinity;
        this.#step({ type: 'tick' });
      },
      Math.max(1, Math.ceil(nextMs - nowMs)),
    );
  }

  #noteRefusal(from: MemberId, refusal: string, nowMs: number): void {
    if (nowMs - this.#refusedAtMs < REFUSAL_PERIOD_MS) return;
    this.#refusedAtMs = nowMs;
    this.#options.refused?.(from, refusal);
  }
}
