/** Memories of available namespaces that expire: hidden at once, removed later, and nothing beside them. */
import { describe, expect, it } from 'vitest';

import { Expiring } from '../../../nodes/available/expiring.js';
import { EXPIRED_TURN_MS } from '../../../nodes/available/limits.js';
import { NamespaceCore } from '../../../nodes/available/namespace-core.js';
import { sleep, until } from '../../waiting.js';
import { Held, exchange, nothing, value as plain } from './held.js';
import { type Member, Members } from './members.js';

const putExpiring = (member: Member, id: string, content: string, inMs: number): Promise<unknown> =>
  member.ask('available.putExpiring', {
    namespace: 'n',
    id,
    content,
    expiresAtMs: Date.now() + inMs,
  });

describe('a memory that expires', () => {
  it('is not served from then on, and removed at all members', async () => {
    const members = await Members.start(2);
    const [one, two] = members.all as [Member, Member];
    await one.put('stays', 'the red fox');
    await putExpiring(one, 'goes', 'the red fox was here', 0);
    for (const member of members.all) {
      await until('it has what stays', async () => (await member.ids()).length > 0);
      expect(await member.contents('goes')).toEqual([]);
      expect(await member.ids()).toEqual(['stays']);
      expect((await member.found('red fox')).map(({ id }) => id)).toEqual(['stays']);
      expect(await member.ask('available.namespaces', {})).toEqual({
        namespaces: [{ name: 'n', memories: 1 }],
      });
    }
    await putExpiring(two, 'later', 'the red fox comes back', 3_600_000);
    await until('it is there', async () => (await one.ids()).length === 2);
    const answer = await one.ask('available.get', { namespace: 'n', id: 'later' });
    expect(answer).toMatchObject({ values: [{ expiresAtMs: expect.any(Number) }] });
    await until('what has expired is removed', async () => {
      const states = await Promise.all([one.exported(), two.exported()]);
      return states.every((state) => !Buffer.from(state).includes('was here'));
    });
  });

  it('is hidden in searches at the moment, though the index had it', async () => {
    const members = await Members.start(1);
    const [one] = members.all as [Member];
    await putExpiring(one, 'a', 'the red fox', 700);
    const served = await one.found('red fox');
    const isLate = (await one.contents('a')).length === 0;
    if (!isLate) expect(served.map(({ id }) => id)).toEqual(['a']);
    await sleep(700);
    expect(await one.found('red fox')).toEqual([]);
  });

  it('leaves what was written beside it meanwhile', async () => {
    const members = await Members.start(2);
    const [one, two] = members.all as [Member, Member];
    members.cut.add('1-2');
    await putExpiring(one, 'a', 'goes', 0);
    await two.put('a', 'stays');
    members.cut.clear();
    await until('the first has what stays', async () => (await one.contents('a')).length === 1);
    await until('what has expired is removed', async () => {
      const states = await Promise.all([one.exported(), two.exported()]);
      return states.every((state) => !Buffer.from(state).includes('goes'));
    });
    for (const member of members.all) expect(await member.contents('a')).toEqual(['stays']);
  });

  it.each([-1, 1.5, 'soon', null, undefined])('is refused at %s', async (expiresAtMs) => {
    const members = await Members.start(1);
    const asked = { namespace: 'n', id: 'a', content: 'x', expiresAtMs };
    const putting = members.all[0]!.ask('available.putExpiring', asked);
    await expect(putting).rejects.toMatchObject({ code: 'malformed' });
  });
});

it('each member removes in its turn, and what was removed before is not removed again', () => {
  let nowMs = 1_000_000;
  const value = { content: 'x', metadata: {}, by: 'p', atMs: 1, vector: null };
  const core = (nodeId: number) => {
    const written: string[] = [];
    const options = { name: 'n', nodeId, freshReplica: `${nodeId}.x`, pieceBytes: 1_000_000 };
    const read = { replica: undefined, snapshot: null, updates: [] };
    const one = new NamespaceCore(
      { ...options, read, rename: false, isUnsure: false },
      {
        nowMs: () => nowMs,
        write: ({ kind }, number) => {
          written.push(kind);
          queue.push(() => one.persisted(number));
        },
        send: () => undefined,
        sendState: () => undefined,
        changed: () => undefined,
        log: () => undefined,
      },
    );
    const queue: (() => void)[] = [];
    const settle = { resolve: () => undefined, reject: () => undefined };
    one.put('a', { ...value, expiresAtMs: nowMs + 10 }, settle);
    one.put('b', value, settle);
    return { one, written };
  };
  const [first, third] = [core(1), core(3)];
  const compare = (): number[] => {
    first.one.compare([2, 3]);
    third.one.compare([1, 2]);
    return [first, third].map(({ written }) => written.length);
  };
  expect(compare()).toEqual([2, 2]);
  nowMs += 10;
  expect(compare()).toEqual([3, 2]);
  nowMs += 2 * EXPIRED_TURN_MS - 1;
  expect(compare()).toEqual([3, 2]);
  nowMs += 1;
  expect(compare()).toEqual([3, 3]);
  expect(compare()).toEqual([3, 3]);
  expect([first.one.ids, third.one.ids]).toEqual([['b'], ['b']]);
});

it('what has expired is removed, and what stands beside it stays', () => {
  const [one, other] = [new Held(1, nothing, false), new Held(2, nothing, false)];
  const settle = { resolve: () => undefined, reject: () => undefined };
  one.core.put('a', { ...plain, content: 'goes', expiresAtMs: one.nowMs + 10 }, settle);
  other.core.put('a', { ...plain, content: 'stays' }, settle);
  one.persist();
  other.persist();
  exchange(one, other);
  expect(one.core.values('a')).toHaveLength(2);
  one.nowMs += 10;
  exchange(one, other);
  for (const { core } of [one, other]) {
    expect(core.values('a').map(({ content }) => content)).toEqual(['stays']);
  }
});

describe('what expires', () => {
  it('is told once, and due as often as it is there', () => {
    const expiring = new Expiring();
    expiring.set('a', 10);
    expiring.set('b', 20);
    expiring.set('never', Infinity);
    expect(expiring.tell(9)).toEqual([]);
    expect(expiring.tell(10)).toEqual(['a']);
    expect(expiring.tell(15)).toEqual([]);
    expect(expiring.due(15, 0, 5)).toEqual(['a']);
    expect(expiring.due(15, 0, 5)).toEqual(['a']);
    expect(expiring.tell(20)).toEqual(['b']);
    expect(expiring.due(20, 0, 1)).toEqual(['a']);
    expect(expiring.due(20, 1, 5)).toEqual([]);
    expect([...expiring.expired(20)]).toEqual(['a', 'b']);
    expiring.set('a', Infinity);
    expiring.set('b', 30);
    expect(expiring.tell(25)).toEqual([]);
    expect(expiring.tell(30)).toEqual(['b']);
    expect(expiring.due(30 + EXPIRED_TURN_MS, 1, 5)).toEqual(['b']);
  });
});
