import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { decodeState } from '../../../consensus/crdt/index.js';
import { EXPORTS_MAX, PIECE_BYTES } from '../../../nodes/available/limits.js';
import { namespaceFrames, namespacePath } from '../../../nodes/available/namespace-file.js';
import { readRecords } from '../../../nodes/available/namespace-records.js';
import { writeRestored } from '../../../nodes/available/restored.js';
import { until } from '../../waiting.js';
import { Member, Members, scratch } from './members.js';

function replicaIn(folder: string): string | undefined {
  const path = namespacePath(folder, 'n');
  return readRecords(namespaceFrames.decode(readFileSync(path), path).records).replica;
}

async function restored(state: Uint8Array, nodeId = 1): Promise<string> {
  const folder = scratch();
  mkdirSync(folder);
  await writeRestored(folder, nodeId, 'n', state);
  return folder;
}

/** Two members that disagree about `plan`, and have deleted `gone`. */
async function divided(): Promise<{ members: Members; before: string }> {
  const members = await Members.start(2);
  const [one, two] = members.all as [Member, Member];
  await one.put('gone', 'deleted later');
  await until('two has it', async () => (await two.ids()).length === 1);
  const before = scratch();
  await two.available.close();
  cpSync(two.folder, before, { recursive: true });
  await members.open(two);
  await one.ask('available.delete', { namespace: 'n', id: 'gone' });
  await until('it is gone', async () => (await two.ids()).length === 0);
  members.cut.add('1-2');
  await one.put('plan', 'by one');
  await two.put('plan', 'by two');
  members.cut.clear();
  await until('both are there', async () => (await one.contents('plan')).length === 2);
  return { members, before };
}

describe('a namespace from a backup', () => {
  it('has all values, conflicts included, and goes to members that join', async () => {
    const { members } = await divided();
    const state = await members.all[0]!.exported();
    const swarm = new Members();
    swarm.all.push(new Member(1, await restored(state)));
    await swarm.open(swarm.all[0]!);
    const second = await swarm.add();
    await until('the second has both', async () => (await second.contents('plan')).length === 2);
    for (const member of swarm.all) {
      expect((await member.contents('plan')).toSorted()).toEqual(['by one', 'by two']);
      expect(await member.ids()).toEqual(['plan']);
    }
    await second.put('plan', 'decided');
    const decided = async (): Promise<boolean> =>
      (await swarm.all[0]!.contents('plan')).join() === 'decided';
    await until('the first has heard of it', decided);
  });

  it('does not bring back what was deleted, also when an old disk is met', async () => {
    const { members, before } = await divided();
    const swarm = new Members();
    const folder = await restored(await members.all[0]!.exported());
    swarm.all.push(new Member(1, folder), new Member(2, before));
    for (const member of swarm.all) await swarm.open(member);
    const [one, two] = swarm.all as [Member, Member];
    await until('the old one has what is new', async () => (await two.ids()).includes('plan'));
    expect([await one.ids(), await two.ids()]).toEqual([['plan'], ['plan']]);
  });

  it('is a replica of a name that nobody had, twice restored or not', async () => {
    const { members } = await divided();
    const state = await members.all[0]!.exported();
    const { version } = decodeState(state);
    const folders = [await restored(state), await restored(state)];
    const names = folders.map(replicaIn);
    expect(new Set([...version.keys(), ...names]).size).toBe(version.size + 2);
    // Both write, as the second update of the swarm of before did; and meet.
    const swarm = new Members();
    swarm.all.push(new Member(1, folders[0]!), new Member(2, folders[1]!));
    swarm.cut.add('1-2');
    for (const member of swarm.all) await swarm.open(member);
    const [one, two] = swarm.all as [Member, Member];
    await one.put('plan', 'first');
    await two.put('plan', 'second');
    swarm.cut.clear();
    for (const member of swarm.all) {
      await until('both are there', async () => (await member.contents('plan')).length === 2);
      expect((await member.contents('plan')).toSorted()).toEqual(['first', 'second']);
      expect(member.logged).toEqual([]);
    }
  });

  it('is not made of bytes that are none', async () => {
    const folder = scratch();
    mkdirSync(folder);
    const writing = writeRestored(folder, 1, 'n', Buffer.from('garbage'));
    await expect(writing).rejects.toMatchObject({ code: 'bad-encoding' });
  });
});

describe('the export of a namespace', () => {
  it('comes in pieces, of one moment, to operators alone', async () => {
    const members = await Members.start(1);
    const [one] = members.all as [Member];
    for (let at = 0; at < 90; at += 1) await one.put(`${at}`, 'x'.repeat(60_000));
    const read = async (at: number): Promise<{ total: number; bytes: Uint8Array }> =>
      (await one.ask('available.export', { namespace: 'n', at }, 'member-9')) as never;
    const first = await read(0);
    expect(first.bytes.length).toBeLessThan(first.total);
    await one.put('late', 'y');
    const second = await read(first.bytes.length);
    expect(first.bytes.length + second.bytes.length).toBe(first.total);
    const { root } = decodeState(Buffer.concat([first.bytes, second.bytes]));
    expect(root.entries.size).toBe(90);
    await expect(read(first.bytes.length)).rejects.toThrow(/begin again/);
    expect(decodeState(await one.exported()).root.entries.size).toBe(91);
    for (const method of ['available.export', 'available.exportable']) {
      const asked = one.ask(method, { namespace: 'n', at: 0 });
      await expect(asked).rejects.toThrow(/operator token/);
    }
    const unknown = one.ask('available.export', { namespace: 'other', at: 0 }, 'member-9');
    await expect(unknown).rejects.toThrow(/no available namespace other/);
  });

  it('is held for a few, and the first begins again', async () => {
    const members = await Members.start(1);
    const [one] = members.all as [Member];
    for (let at = 0; at < 90; at += 1) await one.put(`${at}`, 'x'.repeat(60_000));
    const read = (at: number, by: number): Promise<unknown> =>
      one.ask('available.export', { namespace: 'n', at }, `member-${by}`);
    for (let by = 0; by <= EXPORTS_MAX; by += 1) await read(0, by);
    await expect(read(PIECE_BYTES, 0)).rejects.toThrow(/begin again/);
    await expect(read(PIECE_BYTES, EXPORTS_MAX)).resolves.toMatchObject({
      total: expect.any(Number),
    });
  });

  it('is refused while a file cannot be read, which would be missing', async () => {
    const members = await Members.start(1);
    const [one] = members.all as [Member];
    await one.put('a', 'x');
    expect(await one.ask('available.exportable', {}, 'member-9')).toEqual({ names: ['n'] });
    await one.available.close();
    writeFileSync(join(one.folder, `${'0'.repeat(64)}.namespace`), 'damaged');
    await members.open(one);
    const asked = one.ask('available.exportable', {}, 'member-9');
    await expect(asked).rejects.toThrow(/cannot be read: .*0{64}\.namespace is damaged/);
  });
});
