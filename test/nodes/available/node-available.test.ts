import { cpSync, readFileSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { NAMESPACES_MAX, PIECE_BYTES } from '../../../nodes/available/limits.js';
import { until } from '../../waiting.js';
import { randomOf } from '../storage/history.js';
import { type Member, Members } from './members.js';

const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));

async function untilAll(
  what: string,
  members: readonly Member[],
  holds: (member: Member) => Promise<boolean>,
): Promise<void> {
  for (const member of members) await until(`${what} at ${member.nodeId}`, () => holds(member));
}

const equal = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
const fileOf = (member: Member): string => {
  const name = readdirSync(member.folder).find((one) => one.endsWith('.namespace'));
  return join(member.folder, name ?? '');
};

describe('available namespaces', () => {
  it('are the same at all members, and after a start', async () => {
    const members = await Members.start(3);
    const [first, second] = members.all as [Member, Member];
    await first.put('a', 'the red fox');
    await first.put('b', 'a green tree');
    await first.put('c', 'elsewhere', 'other');
    await untilAll('all is there', members.all, async (one) => (await one.ids()).length === 2);
    await second.ask('available.delete', { namespace: 'n', id: 'b' });
    await untilAll('b is gone', members.all, async (one) => equal(await one.ids(), ['a']));
    await second.available.close();
    await members.open(second);
    expect(await second.contents('a')).toEqual(['the red fox']);
    expect(await second.contents('b')).toEqual([]);
    expect(await second.found('green tree')).toHaveLength(1);
    const [hit] = await second.found('red fox');
    expect(hit).toMatchObject({ id: 'a', conflicts: 0, content: 'the red fox' });
    // It was there before: the index has let it go, and it takes nobody's place.
    expect(await first.found('green tree', 'n', 1)).toHaveLength(1);
    const namespaces = [
      { name: 'n', memories: 1 },
      { name: 'other', memories: 1 },
    ];
    await untilAll('both namespaces are there', members.all, async (one) =>
      equal(await one.ask('available.namespaces', {}), { namespaces }),
    );
  });

  it('take writes on both sides of a cut, and show what is in conflict until somebody decides', async () => {
    const members = await Members.start(3);
    const [first, , third] = members.all as [Member, Member, Member];
    await first.put('a', 'before');
    await untilAll('a is there', members.all, async (one) => (await one.ids()).length === 1);
    members.cut.add('1-3').add('2-3');
    await first.put('a', 'of the majority');
    await third.put('a', 'of one alone');
    await third.put('b', 'only here');
    await third.ask('available.delete', { namespace: 'n', id: 'none' });
    expect(await third.contents('a')).toEqual(['of one alone']);
    members.cut.clear();
    await untilAll('both are there', members.all, async (one) => {
      return (await one.contents('a')).length === 2 && (await one.contents('b')).length === 1;
    });
    const orders = await Promise.all(members.all.map((one) => one.contents('a')));
    expect(new Set(orders.map((order) => order.join())).size).toBe(1);
    expect((await first.found('alone'))[0]).toMatchObject({ conflicts: 1 });
    await third.put('a', 'decided');
    await untilAll('it is decided', members.all, async (one) => {
      return equal(await one.contents('a'), ['decided']);
    });
    expect((await first.found('decided'))[0]).toMatchObject({ id: 'a', conflicts: 0 });
  });

  it('keep what is written while it is deleted elsewhere, and take what is said twice for one', async () => {
    const members = await Members.start(2);
    const [first, second] = members.all as [Member, Member];
    await first.put('a', 'old');
    await untilAll('it is there', members.all, async (one) => (await one.ids()).length === 1);
    members.cut.add('1-2');
    await first.ask('available.delete', { namespace: 'n', id: 'a' });
    await second.put('a', 'new');
    await first.put('b', 'alike');
    await second.put('b', 'alike');
    members.cut.clear();
    await untilAll('the new one stays', members.all, async (one) => {
      const isNew = equal(await one.contents('a'), ['new']);
      return isNew && equal(await one.contents('b'), ['alike']);
    });
  });

  it(`lose nothing that was acknowledged, whatever is cut, lost and restarted (SEED=${SEED})`, async () => {
    const random = randomOf(SEED);
    const members = await Members.start(3);
    const pairs = ['1-2', '1-3', '2-3'];
    const written = new Map<string, string>();
    members.loses = () => random() < 0.2;
    for (let step = 0; step < 120; step += 1) {
      const member = members.all[Math.floor(random() * 3)]!;
      const chance = random();
      if (chance < 0.1) members.cut.add(pairs[Math.floor(random() * 3)]!);
      else if (chance < 0.2) members.cut.clear();
      else if (chance < 0.25) {
        await member.available.close();
        await members.open(member);
      } else {
        const id = `${member.nodeId}-${Math.floor(random() * 20)}`;
        await member.put(id, `${step}`);
        written.set(id, `${step}`);
      }
    }
    members.cut.clear();
    members.loses = () => false;
    await untilAll('all that was written', members.all, async (one) => {
      for (const [id, content] of written) {
        if (!equal(await one.contents(id), [content])) return false;
      }
      return (await one.ids()).length === written.size;
    });
  });

  it('come whole to a member that joins late, in pieces when they are large', async () => {
    const members = await Members.start(2);
    const [first] = members.all as [Member];
    const large = 'x'.repeat(60_000);
    const count = Math.ceil(PIECE_BYTES / large.length) + 3;
    await Promise.all(Array.from({ length: count }, (_, i) => first.put(`${i}`, `${i} ${large}`)));
    await untilAll('all is there', members.all, async (one) => (await one.ids()).length === count);
    // Both know that both have all: single updates are gone.
    await first.put('deleted', 'x');
    await first.ask('available.delete', { namespace: 'n', id: 'deleted' });
    await until('updates are dropped', async () => (await first.ids()).length === count);
    const third = await members.add();
    await until('it has all', async () => (await third.ids()).length === count);
    expect((await third.contents('7'))[0]?.slice(0, 3)).toBe('7 x');
  });

  it('leave a member of the release before alone, and have it when it is upgraded', async () => {
    const members = await Members.start(2);
    members.old.add(2);
    await members.all[0]!.put('a', 'new');
    await until('it was told', () => members.called.size === 0);
    members.old.clear();
    await until('it has it', async () => (await members.all[1]!.ids()).length === 1);
  });
});

describe('the file of a namespace', () => {
  it('holds what was answered, when it was answered', async () => {
    const members = await Members.start(1);
    const [one] = members.all as [Member];
    for (const content of ['first words', 'second words']) {
      await one.put(content, content);
      expect(readFileSync(fileOf(one)).includes(content)).toBe(true);
    }
  });

  it('gives back all but what was not finished', async () => {
    const members = await Members.start(1);
    const [one] = members.all as [Member];
    await one.put('a', 'first');
    await one.put('b', 'second');
    await one.available.close();
    const path = fileOf(one);
    truncateSync(path, statSync(path).size - 3);
    await members.open(one);
    expect(await one.ids()).toEqual(['a']);
    await one.put('c', 'third');
    await one.available.close();
    await members.open(one);
    expect(await one.ids()).toEqual(['a', 'c']);
    expect(one.logged).toEqual([]);
  });

  it('that was set back makes a replica of another name, and nothing is lost or doubled', async () => {
    const members = await Members.start(2);
    const [first, second] = members.all as [Member, Member];
    await first.put('a', 'kept');
    await first.available.close();
    cpSync(first.folder, `${first.folder}-copy`, { recursive: true });
    await members.open(first);
    await first.put('b', 'after the copy');
    await until('both are there', async () => (await second.ids()).length === 2);
    await first.available.close();
    rmSync(first.folder, { recursive: true });
    cpSync(`${first.folder}-copy`, first.folder, { recursive: true });
    await members.open(first);
    await until('b is back', async () => equal(await first.ids(), ['a', 'b']));
    expect(first.logged.join()).toMatch(/start it under another name/);
    await first.put('c', 'under the new name');
    await until('c is there', async () => (await second.ids()).length === 3);
    await first.available.close();
    await members.open(first);
    expect(await first.ids()).toEqual(['a', 'b', 'c']);
  });

  it('that is damaged is left as it is and named, and the others go on', async () => {
    const members = await Members.start(1);
    const [one] = members.all as [Member];
    await one.put('a', 'x', 'whole');
    await one.available.close();
    const before = fileOf(one);
    cpSync(before, join(one.folder, `${'0'.repeat(64)}.namespace`));
    truncateSync(join(one.folder, `${'0'.repeat(64)}.namespace`), 9);
    await members.open(one);
    expect(one.logged).toEqual([
      expect.stringMatching(/0{64}\.namespace is damaged.*move it away/),
    ]);
    expect(await one.ids('whole')).toEqual(['a']);
  });
});

describe('what is asked of available namespaces', () => {
  const refused: [string, object, RegExp][] = [
    ['available.put', { namespace: '', id: 'a', content: 'x' }, /namespace must be 1 to 256/],
    ['available.put', { namespace: 'n\u001f', id: 'a', content: 'x' }, /namespace must be/],
    ['available.put', { namespace: 'n', id: '', content: 'x' }, /id/],
    ['available.put', { namespace: 'n', id: 'x'.repeat(2_000), content: 'x' }, /id/],
    ['available.put', { namespace: 'n', id: '\ud800', content: 'x' }, /surrogate/],
    ['available.put', { namespace: 'n', id: 'a', content: '' }, /content/],
    ['available.put', { namespace: 'n', id: 'a', content: 'x', metadata: [] }, /metadata/],
    ['available.list', { namespace: 'n', limit: 100_000 }, /limit/],
    ['available.search', { namespace: 'n', text: 'x', filter: [] }, /filter/],
    ['available.search', { namespace: 'n', text: 'x', filter: { a: { odd: 1 } } }, /filter/i],
    ['available.get', {}, /namespace/],
  ];
  it.each(refused)('%s %j is refused', async (method, payload, sentence) => {
    const members = await Members.start(1);
    await members.all[0]!.put('a', 'x');
    const asked = members.all[0]!.ask(method, payload);
    await expect(asked).rejects.toMatchObject({ code: 'malformed' });
    await expect(members.all[0]!.ask(method, payload)).rejects.toThrow(sentence);
  });

  it('is asked by those whom the swarm lets in, and messages come from members', async () => {
    const members = await Members.start(1);
    const [one] = members.all as [Member];
    const denied = { code: 'permission-denied' };
    await expect(one.ask('available.get', {}, 'stranger')).rejects.toMatchObject(denied);
    const messages = { messages: [{ namespace: 'n', bytes: Uint8Array.of(1) }] };
    await expect(one.ask('available.messages', messages)).rejects.toMatchObject(denied);
    const piece = { namespace: 'n', transfer: 1, at: 0, total: 2, bytes: Uint8Array.of(1) };
    await expect(one.ask('available.piece', piece)).rejects.toMatchObject(denied);
  });

  it('is bounded, and what a member sends is checked', async () => {
    const members = await Members.start(1);
    const [one] = members.all as [Member];
    const large = { namespace: 'n', id: 'a', content: 'x'.repeat(65_000) };
    await expect(one.ask('available.put', large)).rejects.toThrow(/at most 65536 bytes/);
    const garbage = { messages: [{ namespace: 'n', bytes: Buffer.from('garbage') }] };
    await one.ask('available.messages', garbage, 'member-2');
    expect(one.logged.join()).toMatch(/node 2 sent for the namespace n was refused/);
    const piece = { namespace: 'n', transfer: 1, at: 5, total: 9, bytes: Uint8Array.of(1) };
    await expect(one.ask('available.piece', piece, 'member-2')).rejects.toThrow(/does not follow/);
    const claim = { ...piece, at: 0, total: 2 ** 40 };
    await expect(one.ask('available.piece', claim, 'member-2')).rejects.toMatchObject({
      code: 'malformed',
    });
    for (let number = 1; number < NAMESPACES_MAX; number += 1) await one.put('a', 'x', `${number}`);
    await expect(one.put('a', 'x', 'one too many')).rejects.toThrow(/256 available namespaces/);
    expect(await one.contents('a', '17')).toEqual(['x']);
  });
});
