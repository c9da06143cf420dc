/** A few cores of one swarm, in one thread, with a clock that the test moves. */
import {
  encodeMessage,
  makeClaim,
  makeRecord,
  signedPrefix,
} from '../../../consensus/gossip/codec.js';
import { Gossip, gossipConfig } from '../../../consensus/gossip/index.js';
import type {
  GossipEffect,
  GossipTuning,
  MemberId,
  MemberView,
} from '../../../consensus/gossip/index.js';
import type { Claim, ClaimItem, Item, RecordItem } from '../../../consensus/gossip/types.js';
import type { Message } from '../../../consensus/gossip/message.js';
import { decodeMessage } from '../../../consensus/gossip/codec.js';
import { peerIdOf, publicKeyOf, signaturesOf } from '../../../sim/gossip/signatures.js';
import { Random } from '../raft/random.js';

export const SWARM = 'test';
const DELAY_MS = 1;

type Send = Extract<GossipEffect, { type: 'send' }>;

/** One that travels. */
export interface Travelling {
  readonly from: MemberId;
  readonly to: MemberId;
  readonly message: Message;
}

/** Signs as `signer`, as a node of `swarm` does. */
export function signer(id: MemberId, swarm = SWARM): (part: Uint8Array) => Uint8Array {
  return (part) => signaturesOf(id).sign(new Uint8Array([...signedPrefix(swarm), ...part]));
}

/** A record of a member, signed by `by`: the member itself unless named. */
export function recordOf(
  id: MemberId,
  incarnation: number,
  options: { hasLeft?: boolean; by?: MemberId; swarm?: string; metadata?: Uint8Array } = {},
): RecordItem {
  const { hasLeft = false, by = id, swarm = SWARM, metadata = new Uint8Array() } = options;
  const publicKey = publicKeyOf(id);
  const record = { id, incarnation, hasLeft, metadataVersion: 1, metadata, publicKey };
  return makeRecord(record, signer(by, swarm));
}

/** A claim, signed by `by`: the accuser unless named. */
export function claimOf(claim: Omit<Claim, 'signature'>, by = claim.accuser): ClaimItem {
  return makeClaim(claim, signer(by));
}

/** Of member `id`, with the usual tuning unless told otherwise. */
export function coreOf(
  id: MemberId,
  options: Partial<GossipTuning> & { seed?: number } = {},
): Gossip {
  const { seed = id, ...tuning } = options;
  const random = new Random(seed);
  return new Gossip(
    gossipConfig({
      self: id,
      swarm: SWARM,
      publicKey: publicKeyOf(id),
      signatures: signaturesOf(id),
      metadata: new Uint8Array([id]),
      firstIncarnation: 10,
      random: () => random.next(),
      ...tuning,
    }),
  );
}

/** Peer ids by number, as the swarm has admitted them. */
export function admitted(ids: readonly MemberId[]): Map<MemberId, string> {
  return new Map(ids.map((id) => [id, peerIdOf(id)]));
}

/** One core that is told things by hand. */
export class Alone {
  readonly core: Gossip;
  nowMs = 1_000;
  readonly sent: Send[] = [];
  readonly refusals: string[] = [];
  readonly changes: MemberView[] = [];

  constructor(ids: readonly MemberId[], options: Parameters<typeof coreOf>[1] = {}) {
    this.core = coreOf(ids[0]!, options);
    this.take(this.core.step({ type: 'admission', members: admitted(ids), nowMs: this.nowMs }));
  }

  take(effects: readonly GossipEffect[]): void {
    for (const effect of effects) {
      if (effect.type === 'send') this.sent.push(effect);
      else if (effect.type === 'changed') this.changes.push(effect.member);
      else this.refusals.push(effect.refusal);
    }
  }

  /** Items arrive by gossip. */
  tell(from: MemberId, ...items: Item[]): void {
    this.hear(from, { type: 'gossip', items });
  }

  hear(from: MemberId, { items, ...body }: Message): void {
    const via = body.type === 'summary' || body.type === 'records' ? 'stream' : 'datagram';
    const bytes = encodeMessage(body, items);
    this.take(this.core.step({ type: 'message', from, via, bytes, nowMs: this.nowMs }));
  }

  /** Lets time pass, with a tick whenever one is due. */
  pass(ms: number): void {
    const end = this.nowMs + ms;
    while (this.core.nextMs <= end) {
      this.nowMs = Math.max(this.nowMs, this.core.nextMs);
      this.take(this.core.step({ type: 'tick', nowMs: this.nowMs }));
    }
    this.nowMs = end;
  }

  statusOf(id: MemberId): string {
    return this.core.member(id).status;
  }

  /** What was sent since the last call. */
  messages(): (Travelling & { via: string })[] {
    const from = this.core.members()[0]?.id ?? 0;
    return this.sent.splice(0).map(({ to, via, bytes }) => {
      return { from, to, via, message: decodeMessage(bytes, via) };
    });
  }
}

/** Cores that hear each other, a millisecond later, unless `passes` says no. */
export class Swarm {
  readonly cores = new Map<MemberId, Gossip>();
  nowMs = 1_000;
  passes: (sent: Travelling) => boolean = () => true;
  readonly #onTheWay: { atMs: number; from: MemberId; send: Send }[] = [];
  readonly #ids: readonly MemberId[];

  constructor(count: number) {
    this.#ids = Array.from({ length: count }, (_, at) => at + 1);
    for (const id of this.#ids) this.start(id);
  }

  start(id: MemberId): void {
    const core = coreOf(id);
    this.cores.set(id, core);
    this.#take(
      id,
      core.step({ type: 'admission', members: admitted(this.#ids), nowMs: this.nowMs }),
    );
  }

  stop(id: MemberId): void {
    this.cores.delete(id);
  }

  input(id: MemberId, input: { type: 'leave' } | { type: 'metadata'; metadata: Uint8Array }): void {
    this.#take(id, this.cores.get(id)!.step({ ...input, nowMs: this.nowMs }));
  }

  /** Runs until the condition holds, for so long at most; how long it took. */
  until(msMax: number, holds: () => boolean): number {
    const start = this.nowMs;
    while (!holds()) {
      if (this.nowMs - start > msMax) throw new Error(`not within ${msMax} ms`);
      this.#step(Infinity);
    }
    return this.nowMs - start;
  }

  run(ms: number): void {
    const end = this.nowMs + ms;
    while (this.nowMs < end) this.#step(end);
  }

  /** Whether all who run hold `about` for this. */
  allHold(about: MemberId, status: string): boolean {
    return [...this.cores].every(
      ([id, core]) => id === about || core.member(about).status === status,
    );
  }

  /** To the next moment in which something happens, or to the end. */
  #step(endMs: number): void {
    let next = Math.min(endMs, this.#onTheWay[0]?.atMs ?? Infinity);
    for (const { nextMs } of this.cores.values()) next = Math.min(next, nextMs);
    this.nowMs = Math.max(this.nowMs, next);
    for (const [id, core] of this.cores) {
      if (core.nextMs <= this.nowMs) this.#take(id, core.step({ type: 'tick', nowMs: this.nowMs }));
    }
    while (this.#onTheWay[0] !== undefined && this.#onTheWay[0].atMs <= this.nowMs) {
      const { from, send } = this.#onTheWay.shift()!;
      const { to, via, bytes } = send;
      const core = this.cores.get(to);
      if (core === undefined || !this.cores.has(from)) continue;
      if (!this.passes({ from, to, message: decodeMessage(bytes, via) })) continue;
      this.#take(to, core.step({ type: 'message', from, via, bytes, nowMs: this.nowMs }));
    }
  }

  #take(from: MemberId, effects: readonly GossipEffect[]): void {
    for (const effect of effects) {
      if (effect.type !== 'send') continue;
      this.#onTheWay.push({ atMs: this.nowMs + DELAY_MS, from, send: effect });
    }
  }
}
