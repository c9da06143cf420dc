/** What the types mean: two replicas that change things at the same time, and then hear of each other. */
import { describe, expect, it } from 'vitest';
import {
  type Field,
  type Mutation,
  Replica,
  readCounter,
  readDots,
  readLastWrite,
  readMap,
  readMultiValue,
  readSet,
} from '../../../consensus/crdt/index.js';
import { Group } from './support.js';

const at = (kind: Field['kind'], ...keys: string[]): Field[] =>
  keys.map((key, depth) => ({ kind: depth === keys.length - 1 ? kind : 'map', key }));
const add = (element: string, ...keys: string[]): Mutation => ({
  type: 'add',
  path: at('set', ...keys),
  element,
});

/** Two replicas that have both seen `before`; then each makes its own changes, and all is heard. */
function concurrently(before: Mutation[], ours: Mutation[], theirs: Mutation[]): Group {
  const group = new Group(2);
  for (const one of before) group.mutate(0, one);
  group.settle();
  for (const one of ours) group.mutate(0, one);
  group.nowMs += 10;
  for (const one of theirs) group.mutate(1, one);
  group.settle();
  expect(group.states.size).toBe(1);
  return group;
}

describe('a replica', () => {
  it('takes no record a second time that its snapshot covers', () => {
    const group = new Group(1);
    const [member] = group.members;
    const path = at('counter', 'n');
    const records: Uint8Array[] = [];
    const count = (by: number): void => {
      for (const effect of group.mutate(0, { type: 'count', path, by })) {
        if (effect.type === 'append') records.push(effect.record);
      }
    };
    count(1);
    count(2);
    const { snapshot } = member!.replica;
    count(4);
    const again = new Replica({ id: member!.replica.id, members: [] }, { snapshot, records });
    expect(records).toHaveLength(3);
    expect(readCounter(again.root, path)).toBe(7);
    expect(again.state).toEqual(member!.replica.state);
  });
});

it('who lacks much is given it message by message, without waiting', () => {
  const group = new Group(2);
  const keys = Array.from({ length: 30 }, (_, at) => `${at}`);
  for (const key of keys) {
    group.mutate(0, { type: 'write', path: at('multi-value', key), value: new Uint8Array(50_000) });
  }
  const [one, other] = group.members;
  one!.sync();
  group.packets = [];
  other!.step({ type: 'tick' });
  for (let turns = 0; group.packets.length > 0 && turns < 100; turns += 1) {
    for (const packet of group.packets.splice(0)) group.deliver(packet);
    other!.sync();
  }
  expect(readMap(other!.replica.root, [])).toHaveLength(keys.length);
});

it('a discard takes what these updates wrote, and nothing that stands beside it', () => {
  const path = at('multi-value', 'k');
  const group = concurrently(
    [{ type: 'write', path, value: 'before' }],
    [{ type: 'write', path, value: 'ours' }],
    [{ type: 'write', path, value: 'theirs' }],
  );
  const [member] = group.members;
  const dots = readDots(member!.replica.root, path).filter(({ value }) => value === 'ours');
  expect(dots).toHaveLength(1);
  group.mutate(0, { type: 'discard', path, dots });
  group.mutate(1, { type: 'write', path, value: 'again' });
  group.settle();
  expect(group.states.size).toBe(1);
  expect(readMultiValue(member!.replica.root, path).map(({ value }) => value)).toEqual(['again']);
  const nothing = group.mutate(0, { type: 'discard', path, dots });
  expect(nothing).toMatchObject([{ type: 'done', dot: null }]);
});

it('what was read after a failure of the disk is told to nobody before it is written again', () => {
  const group = new Group(2);
  const [member] = group.members;
  const path = at('counter', 'n');
  group.mutate(0, { type: 'count', path, by: 3 });
  const { snapshot } = member!.replica;
  const options = { id: member!.replica.id, members: ['r2'] };
  const again = new Replica(options, { snapshot, records: [] });
  const [written, ...more] = again.step({ type: 'renew' });
  expect(written).toMatchObject({ type: 'replace', number: 1 });
  expect(more).toEqual([]);
  const asks = new Replica({ id: 'r2', members: [options.id] }, { snapshot: null, records: [] });
  const [digest] = asks.step({ type: 'tick' });
  if (digest?.type !== 'send') throw new Error('it asks');
  const ask = { type: 'message', from: 'r2', bytes: digest.bytes, nowMs: group.nowMs } as const;
  expect(again.step(ask)).toEqual([]);
  expect(again.durable.size).toBe(0);
  again.step({ type: 'persisted', number: 1 });
  expect(again.step(ask)).toMatchObject([{ type: 'send', to: 'r2' }]);
  expect(() => again.step({ type: 'renew' })).toThrow(/before anything else/);
});

const rootOf = (group: Group) => group.members[0]!.replica.root;

describe('a counter', () => {
  it('counts what everybody counts, up and down', () => {
    const path = at('counter', 'n');
    const group = concurrently(
      [{ type: 'count', path, by: 5 }],
      [
        { type: 'count', path, by: -7 },
        { type: 'count', path, by: 1 },
      ],
      [{ type: 'count', path, by: 10 }],
    );
    expect(readCounter(rootOf(group), path)).toBe(9);
  });

  it('takes whole numbers only, and no more than it can hold', () => {
    const group = new Group(1);
    const path = at('counter', 'n');
    const refused = (by: number) => group.mutate(0, { type: 'count', path, by });
    expect(refused(0.5)).toMatchObject([{ type: 'refused', error: { code: 'bad-mutation' } }]);
    expect(refused(Number.MAX_SAFE_INTEGER)).toMatchObject([{ type: 'append' }]);
    expect(refused(1)).toMatchObject([{ type: 'refused', error: { code: 'limit' } }]);
    expect(readCounter(group.members[0]!.replica.root, path)).toBe(Number.MAX_SAFE_INTEGER);
  });
});

describe('a set', () => {
  it('keeps an element that is added while it is removed elsewhere', () => {
    const remove: Mutation = { type: 'remove', path: at('set', 's'), element: 'x' };
    const group = concurrently([add('x', 's'), add('y', 's')], [remove], [add('x', 's')]);
    expect(readSet(rootOf(group), at('set', 's'))).toEqual(['x', 'y']);
  });

  it('loses an element whose addition the remover has seen', () => {
    const remove: Mutation = { type: 'remove', path: at('set', 's'), element: 'x' };
    const group = concurrently([add('x', 's')], [remove], [add('y', 's')]);
    expect(readSet(rootOf(group), at('set', 's'))).toEqual(['y']);
  });
});

describe('a last-write-wins register', () => {
  it('shows the later value, and the one that lost, until it is written again', () => {
    const path = at('last-write', 'r');
    const group = concurrently(
      [],
      [{ type: 'assign', path, value: 'early' }],
      [{ type: 'assign', path, value: 'late' }],
    );
    expect(readLastWrite(rootOf(group), path)).toMatchObject({
      latest: { value: 'late', by: 'r2' },
      lost: [{ value: 'early', by: 'r1' }],
    });
    group.mutate(0, { type: 'assign', path, value: 'last' });
    group.settle();
    expect(readLastWrite(rootOf(group), path)).toMatchObject({
      latest: { value: 'last', by: 'r1' },
      lost: [],
    });
  });
});

describe('a multi-value register', () => {
  it('holds what was written concurrently, and one value when somebody has decided', () => {
    const path = at('multi-value', 'r');
    const group = concurrently(
      [{ type: 'write', path, value: 0 }],
      [{ type: 'write', path, value: 'a' }],
      [{ type: 'write', path, value: null }],
    );
    expect(readMultiValue(rootOf(group), path).map(({ value }) => value)).toEqual(['a', null]);
    group.mutate(1, { type: 'write', path, value: 'both' });
    group.settle();
    expect(readMultiValue(rootOf(group), path)).toEqual([{ value: 'both', by: 'r2' }]);
  });
});

describe('a map', () => {
  it('keeps below a deleted key what was changed there meanwhile, and nothing else', () => {
    const group = concurrently(
      [add('x', 'm', 's'), { type: 'write', path: at('multi-value', 'm', 'r'), value: 1 }],
      [{ type: 'delete', path: at('map', 'm') }],
      [add('new', 'm', 's')],
    );
    expect(readMap(rootOf(group), at('map', 'm'))).toEqual([{ kind: 'set', key: 's' }]);
    expect(readSet(rootOf(group), at('set', 'm', 's'))).toEqual(['new']);
  });

  it('has a key of each kind, and is gone when nothing is in it', () => {
    const group = concurrently(
      [add('x', 'k'), { type: 'count', path: at('counter', 'k'), by: 1 }],
      [{ type: 'delete', path: at('set', 'k') }],
      [{ type: 'delete', path: at('counter', 'k') }],
    );
    expect(readMap(rootOf(group), [])).toEqual([]);
  });

  it.each([
    [{ type: 'add', path: [], element: 'x' }, /a path has 1 to 8 fields/],
    [{ type: 'add', path: at('counter', 'k'), element: 'x' }, /'add' is for a set/],
    [{ type: 'write', path: [...at('set', 'k'), ...at('set', 'k')], value: 1 }, /must be a map/],
    [add('x'.repeat(1_025), 's'), /at most 1024 characters/],
    [add('\ud800', 's'), /well-formed/],
    [{ type: 'write', path: at('multi-value', 'k'), value: Number.NaN }, /finite/],
    [
      { type: 'write', path: at('multi-value', 'k'), value: 'x'.repeat(30_000) },
      /at most 65536 bytes/,
    ],
  ] as [Mutation, RegExp][])(
    '%# refuses what it cannot hold, and does not change',
    (asked, message) => {
      const group = new Group(1);
      const before = group.states;
      const [effect] = group.mutate(0, asked);
      expect(effect).toMatchObject({ type: 'refused' });
      if (effect?.type === 'refused') expect(effect.error.message).toMatch(message);
      expect(group.states).toEqual(before);
    },
  );
});

describe('a replica', () => {
  it('is refused by others while its clock is too far ahead, and heard when theirs catch up', () => {
    const group = new Group(2, { driftMsMax: 1_000 });
    const [first, second] = group.members;
    const ahead = group.nowMs + 5_000;
    first!.step({ type: 'mutate', token: 1, mutation: add('x', 's'), nowMs: ahead });
    group.settle();
    expect(second!.replica.version.size).toBe(0);
    group.nowMs += 4_000;
    group.settle();
    expect(group.states.size).toBe(1);
    expect(readSet(second!.replica.root, at('set', 's'))).toEqual(['x']);
  });

  it('says nothing of an update before it is durable', () => {
    const group = new Group(2);
    const [first, second] = group.members;
    expect(group.mutate(0, add('x', 's')).map(({ type }) => type)).toEqual(['append']);
    first!.step({ type: 'tick' });
    for (const packet of group.packets.splice(0)) group.deliver(packet);
    second!.step({ type: 'tick' });
    for (const packet of group.packets.splice(0)) group.deliver(packet);
    expect(group.packets).toEqual([]);
    expect(second!.replica.version.size).toBe(0);
    first!.restart();
    expect(first!.replica.version.size).toBe(0);
  });

  it('does not confirm a removal of nothing before what it has seen is durable', () => {
    const group = new Group(1);
    const [only] = group.members;
    group.mutate(0, add('x', 's'));
    only!.sync();
    const remove: Mutation = { type: 'remove', path: at('set', 's'), element: 'x' };
    group.mutate(0, remove);
    expect(group.mutate(0, remove)).toEqual([]);
    const told = only!.step({ type: 'persisted', number: 2 });
    expect(told.filter(({ type }) => type === 'done')).toHaveLength(2);
  });

  it('that was set back does not go on under its name', () => {
    const group = new Group(2);
    group.mutate(0, add('x', 's'));
    group.settle();
    const wiped = new Group(2).members[0]!;
    const [digest] = wiped.replica.step({ type: 'tick' });
    if (digest?.type !== 'send') throw new Error('it asks');
    const answers = group.members[1]!.step({ ...digest, type: 'message', from: 'r1', nowMs: 1 });
    const answer = answers.find(({ type }) => type === 'send');
    if (answer?.type !== 'send') throw new Error('it is answered');
    const { bytes } = answer;
    const seen = wiped.step({ type: 'message', from: 'r2', bytes, nowMs: group.nowMs });
    expect(seen).toMatchObject([{ type: 'rejected', error: { code: 'lost-own-updates' } }]);
  });
});
