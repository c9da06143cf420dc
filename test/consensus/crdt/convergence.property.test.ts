/** Any mutations, any order of delivery, with losses, copies and restarts: all replicas end alike. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeState, encodeState } from '../../../consensus/crdt/codec.js';
import { type Replica, compareTimes, includes } from '../../../consensus/crdt/index.js';
import { joinMaps } from '../../../consensus/crdt/value.js';
import { joined } from '../../../consensus/crdt/version.js';
import { Random } from '../raft/random.js';
import { Group, Member, SEED, mutation } from './support.js';

const parameters = { seed: SEED, numRuns: 100 };
const script = fc.record({
  members: fc.integer({ min: 2, max: 5 }),
  recordsPerSnapshot: fc.constantFrom(2, 5, 1_000),
  steps: fc.array(fc.tuple(fc.nat(4), mutation, fc.nat(8)), { minLength: 1, maxLength: 30 }),
  random: fc.nat(),
});

function played({
  members,
  recordsPerSnapshot,
  steps,
  random: seed,
}: typeof script extends fc.Arbitrary<infer T> ? T : never): Group {
  const group = new Group(members, { recordsPerSnapshot });
  const random = new Random(seed);
  for (const [at, asked, events] of steps) {
    group.mutate(at % members, asked);
    for (let count = 0; count < events; count += 1) group.happen(random);
  }
  return group;
}

/** The states that exist somewhere in the middle of a run. */
type State = ReturnType<typeof decodeState>;
const stateOf = (replica: Replica): State => decodeState(replica.state);

function join(a: State, b: State): State {
  const one = { value: a.root, version: a.version };
  const other = { value: b.root, version: b.version };
  const time = compareTimes(a.time, b.time) < 0 ? b.time : a.time;
  return { root: joinMaps(one, other), version: joined(a.version, b.version), time };
}

const bytesOf = (state: State): string => Buffer.from(encodeState(state)).toString('hex');

describe('replicas', () => {
  it('converge, and keep what was acknowledged', () => {
    fc.assert(
      fc.property(script, (run) => {
        const group = played(run);
        const done = group.members.flatMap((member) => [...member.done]);
        group.settle();
        expect(group.states.size).toBe(1);
        for (const { replica } of group.members) {
          expect(replica.waitingUpdates).toBe(0);
          for (const dot of done) {
            const [id, sequence] = dot.split('/') as [string, string];
            expect(replica.durable.get(id) ?? 0).toBeGreaterThanOrEqual(Number(sequence));
          }
        }
      }),
      parameters,
    );
  });

  it('forget the updates that everybody has, and nothing comes back for a late joiner', () => {
    fc.assert(
      fc.property(script, (run) => {
        const group = played(run);
        group.settle();
        expect(group.members.map(({ replica }) => replica.keptUpdates)).toEqual(
          group.members.map(() => 0),
        );
        // One that is new lacks updates that are gone: it gets the state.
        const [first] = group.members as [Member];
        const both = ['r1', 'late'];
        first.step({ type: 'members', members: both });
        const answers: Uint8Array[] = [];
        const late = new Member({ id: 'late', members: both }, ({ bytes }) => {
          group.packets = [];
          first.step({ type: 'message', from: 'late', bytes, nowMs: group.nowMs });
          answers.push(...group.packets.map((packet) => packet.bytes));
        });
        late.step({ type: 'tick' });
        for (const bytes of answers) {
          late.step({ type: 'message', from: 'r1', bytes, nowMs: group.nowMs });
        }
        expect(Buffer.from(late.replica.state)).toEqual(Buffer.from(first.replica.state));
      }),
      parameters,
    );
  });
});

describe('the join of states', () => {
  it('is commutative, associative and idempotent, and contains both', () => {
    fc.assert(
      fc.property(script, fc.nat(4), fc.nat(4), fc.nat(4), (run, i, j, k) => {
        const states = played(run).members.map(({ replica }) => stateOf(replica));
        const [a, b, c] = [i, j, k].map((at) => states[at % states.length]!) as [
          State,
          State,
          State,
        ];
        expect(bytesOf(join(a, b))).toBe(bytesOf(join(b, a)));
        expect(bytesOf(join(join(a, b), c))).toBe(bytesOf(join(a, join(b, c))));
        expect(bytesOf(join(a, a))).toBe(bytesOf(a));
        expect(bytesOf(join(join(a, b), b))).toBe(bytesOf(join(a, b)));
        expect(includes(join(a, b).version, a.version)).toBe(true);
      }),
      parameters,
    );
  });

  it('says the same as the updates one by one', () => {
    fc.assert(
      fc.property(script, (run) => {
        const group = played(run);
        const states = group.members.map(({ replica }) => stateOf(replica));
        // Restarts lose what only one had and had not synced: the rest is what all end with.
        for (const member of group.members) member.sync();
        const now = group.members.map(({ replica }) => stateOf(replica));
        const all = now.reduce(join);
        group.settle();
        expect(states).toHaveLength(group.members.length);
        expect([...group.states]).toEqual([bytesOf(all)]);
      }),
      parameters,
    );
  });
});
