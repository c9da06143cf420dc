/** Replicas with disks, and a network that does what a random number says. */
import fc from 'fast-check';
import { type Field, type Mutation, Replica } from '../../../consensus/crdt/index.js';
import type { Effect, Input, ReplicaOptions } from '../../../consensus/crdt/index.js';
import type { Random } from '../raft/random.js';

/** Of all random tests of this folder: printed, and taken back from the environment variable SEED. */
export const SEED = Number(process.env['SEED'] ?? Date.now() % 0x7fff_ffff);
console.log(`SEED=${SEED}`);

const key = fc.constantFrom('a', 'b', 'ü');
const path = (kind: Field['kind']): fc.Arbitrary<Field[]> =>
  fc.oneof(
    key.map((name) => [{ kind, key: name }]),
    fc.tuple(key, key).map(([outer, inner]): Field[] => [
      { kind: 'map', key: outer },
      { kind, key: inner },
    ]),
  );
const scalar = fc.oneof(
  fc.constantFrom(null, true, false, 0, -0, -7, 1.5, 2 ** 53, '', 'text', 'ü🎈'),
  fc.uint8Array({ maxLength: 4 }),
);
const element = fc.constantFrom('x', 'y', 'z', '');

/** Mutations that meet one another: few keys, few elements. */
export const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({
    type: fc.constant('count' as const),
    path: path('counter'),
    by: fc.integer({ min: -9, max: 9 }),
  }),
  fc.record({ type: fc.constant('assign' as const), path: path('last-write'), value: scalar }),
  fc.record({ type: fc.constant('write' as const), path: path('multi-value'), value: scalar }),
  fc.record({ type: fc.constant('add' as const), path: path('set'), element }),
  fc.record({ type: fc.constant('remove' as const), path: path('set'), element }),
  fc.record({
    type: fc.constant('delete' as const),
    path: fc.oneof(
      key.map((name): Field[] => [{ kind: 'map', key: name }]),
      path('counter'),
      path('set'),
    ),
  }),
);

interface Packet {
  readonly from: string;
  readonly to: string;
  readonly bytes: Uint8Array;
}

/** One member: its replica, and a disk on which syncs come when the test says. */
export class Member {
  replica: Replica;
  readonly done = new Set<string>();
  #snapshot: Uint8Array | null = null;
  #records: Uint8Array[] = [];
  #unsynced: Extract<Effect, { type: 'append' | 'replace' }>[] = [];

  constructor(
    readonly options: ReplicaOptions,
    private readonly send: (packet: Packet) => void,
  ) {
    this.replica = new Replica(options, { snapshot: null, records: [] });
  }

  step(input: Input): readonly Effect[] {
    const effects = this.replica.step(input);
    for (const effect of effects) {
      if (effect.type === 'append' || effect.type === 'replace') this.#unsynced.push(effect);
      else if (effect.type === 'send') this.send({ from: this.options.id, ...effect });
      else if (effect.type === 'done' && effect.dot !== null) {
        this.done.add(`${effect.dot.replica}/${effect.dot.sequence}`);
      }
    }
    return effects;
  }

  /** The first `count` writes reach the disk. */
  sync(count = this.#unsynced.length): void {
    const last = this.#unsynced.slice(0, count).at(-1);
    for (const write of this.#unsynced.splice(0, count)) {
      if (write.type === 'append') this.#records.push(write.record);
      else [this.#snapshot, this.#records] = [write.snapshot, []];
    }
    if (last !== undefined) this.step({ type: 'persisted', number: last.number });
  }

  /** Loses what has not reached the disk. */
  restart(): void {
    this.#unsynced = [];
    this.replica = new Replica(this.options, {
      snapshot: this.#snapshot,
      records: this.#records,
    });
  }
}

/** A group of members and the packets between them. */
export class Group {
  readonly members: Member[];
  packets: Packet[] = [];
  #token = 0;
  nowMs = 1_000_000;

  constructor(count: number, options: Partial<ReplicaOptions> = {}) {
    const ids = Array.from({ length: count }, (_, at) => `r${at + 1}`);
    this.members = ids.map((id) => {
      return new Member({ id, members: ids, ...options }, (packet) => this.packets.push(packet));
    });
  }

  mutate(at: number, asked: Mutation): readonly Effect[] {
    this.#token += 1;
    const { nowMs } = this;
    return this.members[at]!.step({ type: 'mutate', token: this.#token, mutation: asked, nowMs });
  }

  deliver({ from, to, bytes }: Packet): void {
    const member = this.members.find(({ options }) => options.id === to);
    member?.step({ type: 'message', from, bytes, nowMs: this.nowMs });
  }

  /** One thing happens: a packet arrives, twice, never; a disk syncs a part; a member restarts. */
  happen(random: Random): void {
    this.nowMs += random.below(3);
    const member = random.pick(this.members);
    const chance = random.next();
    if (chance < 0.6 && this.packets.length > 0) {
      const [packet] = this.packets.splice(random.below(this.packets.length), 1);
      if (random.chance(0.2)) this.packets.push(packet!);
      if (!random.chance(0.2)) this.deliver(packet!);
    } else if (chance < 0.75) member.sync(1 + random.below(3));
    else if (chance < 0.95) member.step({ type: 'tick' });
    else member.restart();
  }

  /** Everything arrives, until nobody has anything to say that is news. */
  settle(): void {
    for (let round = 0; round < 4 * this.members.length; round += 1) {
      for (const member of this.members) {
        member.sync();
        member.step({ type: 'tick' });
      }
      while (this.packets.length > 0) {
        this.deliver(this.packets.shift()!);
        for (const member of this.members) member.sync();
      }
    }
  }

  /** The states as texts, each once. */
  get states(): Set<string> {
    return new Set(this.members.map(({ replica }) => Buffer.from(replica.state).toString('hex')));
  }
}
