import { mkdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { RIGHTS_BYTES_MAX } from '../../../nodes/available/limits.js';
import { decodeRights, encodeRights } from '../../../nodes/available/namespace-rights.js';
import { writeRestored } from '../../../nodes/available/restored.js';
import { until } from '../../waiting.js';
import { randomOf } from '../storage/history.js';
import { Held, exchange, nothing, value } from './held.js';
import { type Member, Members, scratch } from './members.js';

const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const OPERATOR = 'member-9';
const DENIED = { code: 'permission-denied', reason: 'not-allowed' };

interface Rights {
  readonly readers: 'all' | string[];
  readonly writers: 'all' | string[];
  readonly by: string;
}

const set = (member: Member, writers: Rights['writers'], readers: Rights['readers'] = 'all') =>
  member.ask('available.setRights', { namespace: 'n', readers, writers }, OPERATOR);

async function rightsOf(member: Member): Promise<Rights> {
  const answer = await member.ask('available.rights', { namespace: 'n' });
  return (answer as { rights: Rights }).rights;
}

async function untilEqual(members: readonly Member[]): Promise<Rights> {
  await until('rights are the same at all', async () => {
    const all = await Promise.all(members.map(rightsOf));
    return new Set(all.map((one) => JSON.stringify(one))).size === 1;
  });
  return rightsOf(members[0]!);
}

describe('the bytes of rights', () => {
  const rights = { readers: 'all', writers: ['p'], by: 'o' } as const;
  const golden =
    '017b2272656164657273223a22616c6c222c2277726974657273223a5b2270225d2c226279223a226f227d';

  it('are those of version 1', () => {
    const bytes = encodeRights({ ...rights, writers: ['p'] });
    expect(Buffer.from(bytes).toString('hex')).toBe(golden);
    expect(decodeRights(bytes)).toEqual(rights);
  });

  it('let nobody in when they are of a later version, cut, or of no shape', () => {
    const bytes = Buffer.from(golden, 'hex');
    const closed = { readers: [], writers: [], by: '' };
    for (let end = 0; end < bytes.length; end += 1)
      expect(decodeRights(new Uint8Array(bytes.subarray(0, end)))).toEqual(closed);
    for (const text of ['{"readers":"all","writers":"some","by":""}', '[]', '{}', '"\xff"']) {
      expect(decodeRights(new Uint8Array([1, ...Buffer.from(text, 'latin1')]))).toEqual(closed);
    }
    expect(decodeRights(new Uint8Array([2, ...bytes.subarray(1)]))).toEqual(closed);
    for (const no of [null, 7, 'all']) expect(decodeRights(no)).toEqual(closed);
  });

  it('are bounded', () => {
    const many = Array.from({ length: 1_000 }, (_, at) => `${at}`.padStart(70, 'p'));
    expect(() => encodeRights({ readers: many, writers: many, by: 'o' })).toThrow(
      new RegExp(`at most ${RIGHTS_BYTES_MAX} bytes.*name fewer peers`),
    );
  });
});

describe('the rights of an available namespace', () => {
  it('say who may write and read, at every member and after a start', async () => {
    const members = await Members.start(2);
    const [one, two] = members.all as [Member, Member];
    await one.put('a', 'before');
    await set(one, ['client-2'], []);
    await until('the other has heard', async () => (await rightsOf(two)).by === OPERATOR);
    await two.available.close();
    await members.open(two);
    const named = { namespace: 'n', id: 'a' };
    for (const member of members.all) {
      const refused: [string, object][] = [
        ['available.put', { ...named, content: 'x' }],
        ['available.putExpiring', { ...named, content: 'x', expiresAtMs: 9e12 }],
        ['available.delete', named],
        ['available.get', named],
        ['available.list', { namespace: 'n' }],
        ['available.search', { namespace: 'n', text: 'before' }],
      ];
      for (const [method, payload] of refused) {
        await expect(member.ask(method, payload), method).rejects.toMatchObject(DENIED);
      }
      await expect(member.ask('available.get', named)).rejects.toThrow(
        /peer client-1 may not read the available namespace n; an operator can let it/,
      );
      expect(await member.ask('available.namespaces', {})).toEqual({ namespaces: [] });
      const put = { ...named, content: `by two at ${member.nodeId}` };
      await member.ask('available.put', put, 'client-2');
      // Writers read, too.
      const { values } = (await member.ask('available.get', named, 'client-2')) as {
        values: { content: string }[];
      };
      expect(values.map(({ content }) => content)).toContain(put.content);
      await member.ask('available.get', named, OPERATOR);
    }
    await set(two, 'all');
    await until('it is open again', () =>
      one.put('a', 'open').then(
        () => true,
        () => false,
      ),
    );
  });

  it('are set by operators, before there is anything in it, and are no memory', async () => {
    const members = await Members.start(1);
    const [one] = members.all as [Member];
    expect(await rightsOf(one)).toEqual({ readers: 'all', writers: 'all', by: '' });
    const asked = { namespace: 'n', readers: 'all', writers: ['client-1'] };
    await expect(one.ask('available.setRights', asked)).rejects.toThrow(/operator token/);
    const odd = { ...asked, writers: 'some' };
    await expect(one.ask('available.setRights', odd, OPERATOR)).rejects.toMatchObject({
      code: 'malformed',
    });
    await set(one, []);
    await expect(one.put('a', 'x')).rejects.toMatchObject(DENIED);
    expect(await one.ids()).toEqual([]);
    expect(await one.ask('available.namespaces', {}, OPERATOR)).toEqual({ namespaces: [] });
    await one.ask('available.put', { namespace: 'n', id: 'rights', content: 'x' }, OPERATOR);
    await one.ask('available.delete', { namespace: 'n', id: 'rights' }, OPERATOR);
    expect((await rightsOf(one)).writers).toEqual([]);
  });

  it('of two sides of a cut: the latest hold when they meet', async () => {
    const members = await Members.start(2);
    const [one, two] = members.all as [Member, Member];
    await one.put('a', 'x');
    await until('it is there', async () => (await two.ids()).length === 1);
    members.cut.add('1-2');
    await set(one, ['client-1']);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await set(two, ['client-2']);
    await one.put('b', 'by the rights of its side');
    members.cut.clear();
    expect((await untilEqual(members.all)).writers).toEqual(['client-2']);
    await expect(one.put('c', 'late')).rejects.toMatchObject(DENIED);
    // What was taken while it was allowed stays.
    await until('it came along', async () => (await two.ids()).includes('b'));
  });

  it('are on the disk when they are answered, and come from a backup', async () => {
    const held = new Held(1, nothing, false);
    let isSet = false;
    const settle = { resolve: () => void (isSet = true), reject: () => undefined };
    held.core.setRights({ readers: 'all', writers: ['client-2'], by: 'o' }, settle);
    expect(isSet).toBe(false);
    held.persist();
    expect(isSet).toBe(true);

    const members = await Members.start(1);
    const [one] = members.all as [Member];
    await one.put('a', 'x');
    await set(one, ['client-2']);
    const folder = scratch();
    mkdirSync(folder);
    await writeRestored(folder, 1, 'n', await one.exported());
    await one.available.close();
    const restored = await Members.start(1, [folder]);
    const [again] = restored.all as [Member];
    expect(await again.contents('a')).toEqual(['x']);
    await expect(again.put('a', 'y')).rejects.toMatchObject(DENIED);
  });

  it('that a member made of bytes of its own let nobody in, until they are set anew', () => {
    const [one, other] = [new Held(1, nothing, false), new Held(2, nothing, false)];
    one.core.put('a', value, { resolve: () => undefined, reject: () => undefined });
    other.core.setRights({ readers: 'all', writers: { length: 1 } as never, by: '' }, NOBODY);
    other.persist();
    exchange(one, other);
    expect(one.core.rights).toEqual({ readers: [], writers: [], by: '' });
    one.core.setRights({ readers: 'all', writers: 'all', by: 'o' }, NOBODY);
    one.persist();
    exchange(one, other);
    for (const { core } of [one, other]) expect(core.rights.by).toBe('o');
  });

  it(`bind the members that know them, whatever is cut, lost and restarted (SEED=${SEED})`, async () => {
    const random = randomOf(SEED);
    const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!;
    const members = await Members.start(3);
    const clients = ['client-1', 'client-2', 'client-3'];
    const accepted = new Set<string>();
    members.loses = () => random() < 0.2;
    for (let step = 0; step < 120; step += 1) {
      const member = pick(members.all);
      const chance = random();
      if (chance < 0.1) members.cut.add(pick(['1-2', '1-3', '2-3']));
      else if (chance < 0.2) members.cut.clear();
      else if (chance < 0.24) {
        await member.available.close();
        await members.open(member);
      } else if (chance < 0.4) {
        await set(member, random() < 0.2 ? 'all' : clients.filter(() => random() < 0.5));
      } else {
        const client = pick(clients);
        const { writers } = await rightsOf(member);
        const isAllowed = writers === 'all' || writers.includes(client);
        const id = `${step}`;
        const put = member.ask('available.put', { namespace: 'n', id, content: client }, client);
        const outcome = await put.then(
          () => true,
          () => false,
        );
        expect(outcome, `the put of ${client} at ${member.nodeId}`).toBe(isAllowed);
        if (isAllowed) accepted.add(id);
      }
    }
    members.cut.clear();
    members.loses = () => false;
    await set(members.all[1]!, ['client-2']);
    await until('the last ones hold everywhere', async () => {
      const all = await Promise.all(members.all.map(rightsOf));
      return all.every(({ writers }) => writers.toString() === 'client-2');
    });
    for (const member of members.all) {
      for (const client of clients) {
        const put = { namespace: 'n', id: 'a', content: client };
        const asked = member.ask('available.put', put, client);
        if (client === 'client-2') await asked;
        else await expect(asked).rejects.toMatchObject(DENIED);
      }
    }
    await until('what was taken is everywhere, and nothing else', async () => {
      const all = await Promise.all(members.all.map((member) => member.ids()));
      const wanted = [...accepted, 'a'].sort().join();
      return all.every((ids) => ids.toSorted().join() === wanted);
    });
  });
});

const NOBODY = { resolve: () => undefined, reject: () => undefined };
