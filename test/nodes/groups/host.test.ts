import { describe, expect, it, vi } from 'vitest';
import { GroupError, type StateMachine } from '../../../nodes/groups/index.js';
import { type Message, createMessage, foundingState } from '../../../consensus/raft/index.js';
import { decodeEnvelope, encodeEnvelopes } from '../../../consensus/raft-groups/index.js';
import { SnapshotInbox, sendSnapshot } from '../../../nodes/groups/snapshots.js';
import { Session } from '../../../transport/rpc/session.js';
import { createIdentity } from '../../../transport/identity/index.js';
import { addressOf, listen, rejection } from '../../transport/rpc/pair.js';
import { FAST, found, introduce, leaderOf, open, openHost, openHosts } from './hosts.js';
import { TextList, text } from './text-list.js';
import { sleep, until } from '../../waiting.js';

function code(error: unknown): string {
  expect(error).toBeInstanceOf(GroupError);
  return (error as GroupError).code;
}

describe('a group on three nodes', () => {
  it('applies what is proposed on all members, in order, and answers with the result', async () => {
    const members = await found(await openHosts(3), 7);
    const leader = await leaderOf(members);
    const results = await Promise.all(
      Array.from({ length: 100 }, (_, at) => leader.group.propose(text(`${at}`))),
    );
    expect(results).toEqual(Array.from({ length: 100 }, (_, at) => at + 1));
    for (const { group, list } of members) {
      await group.readBarrier();
      expect(list.texts).toEqual(Array.from({ length: 100 }, (_, at) => `${at}`));
    }
    expect(leader.list.indexes).toEqual([...leader.list.indexes].sort((a, b) => a - b));
  });

  it('sends appends in order, and else as soon as it can', async () => {
    const notify = vi.spyOn(Session.prototype, 'notify');
    const members = await found(await openHosts(3), 7);
    const leader = await leaderOf(members);
    await Promise.all(['a', 'bc', 'def'].map((each) => leader.group.propose(text(each))));
    const kinds = { true: new Set<string>(), false: new Set<string>() };
    for (const [method, payload, options] of notify.mock.calls) {
      if (method !== 'groups.envelope') continue;
      const kind = kinds[options?.inOrder === true ? 'true' : 'false'];
      for (const { message } of decodeEnvelope(payload as Uint8Array).messages)
        kind.add(message.type);
    }
    notify.mockRestore();
    expect([...kinds.true]).toEqual(['appendRequest']);
    expect([...kinds.false]).toContain('appendResponse');
    expect([...kinds.false]).not.toContain('appendRequest');
  });

  it('says who leads, and hands leadership over', async () => {
    const members = await found(await openHosts(3), 1);
    const leader = await leaderOf(members);
    const other = members.find((member) => member !== leader)!;
    const refused = await rejection(other.group.propose(text('x')));
    expect(code(refused)).toBe('not-leader');
    expect((refused as GroupError).leader).toBe(leader.host.nodeId);
    await leader.group.transfer(other.host.nodeId);
    expect((await leaderOf(members)).host).toBe(other.host);
    await other.group.propose(text('x'));
    expect(code(await rejection(other.group.transfer(99)))).toBe('invalid-change');
  });

  it('reads on any member what was acknowledged before', async () => {
    const members = await found(await openHosts(3), 1);
    const leader = await leaderOf(members);
    for (let round = 0; round < 20; round += 1) {
      await leader.group.propose(text(`${round}`));
      const reader = members[round % 3]!;
      await Promise.all([reader.group.readBarrier(), reader.group.readBarrier()]);
      expect(reader.list.texts.at(-1)).toBe(`${round}`);
    }
  });

  it('adds a learner by snapshot, promotes it, and removes another one', async () => {
    const hosts = await openHosts(4, { compactionEntries: 10 });
    const members = await found(hosts.slice(0, 3), 1);
    const leader = await leaderOf(members);
    for (let i = 0; i < 1200; i += 1) {
      const proposed = leader.group.propose(text(`${i}`));
      if (i % 100 === 99) await proposed;
    }
    const late = await open(hosts[3]!, 1);
    await leader.group.addMember(4, 'learner');
    await until(() => late.list.texts.length === 1200);
    expect(late.list.restored).toBe(1);
    expect(code(await rejection(leader.group.promoteMember(2)))).toBe('invalid-change');
    await leader.group.promoteMember(4);
    const removed = members.find((member) => member !== leader)!;
    await leader.group.removeMember(removed.host.nodeId);
    await removed.group.close();
    const left = [...members.filter((member) => member !== removed), late];
    expect((await leaderOf(left)).group.status().members.voters).toEqual(
      left.map(({ host }) => host.nodeId).sort((a, b) => a - b),
    );
    await leader.group.propose(text('after'));
    await late.group.readBarrier();
    expect(late.list.texts.at(-1)).toBe('after');
  });

  it('falls silent when nothing happens, and goes on when something does', async () => {
    const hosts = await openHosts(3);
    const groups = await Promise.all([1, 2, 3, 4].map((id) => found(hosts, id)));
    for (const members of groups) await (await leaderOf(members)).group.propose(text('x'));
    const quiet = () => hosts.every((host) => host.stats().groupsAwake === 0);
    await until(quiet);
    const sent = () => hosts.map((host) => host.stats().messagesSent);
    const before = sent();
    await sleep(1_000);
    expect(sent()).toEqual(before);
    expect(quiet()).toBe(true);
    const leader = await leaderOf(groups[2]!);
    expect(await leader.group.propose(text('y'))).toBe(2);
    for (const { group, list } of groups[2]!) {
      await group.readBarrier();
      expect(list.texts).toEqual(['x', 'y']);
    }
    await until(quiet);
    // The others slept on.
    expect(groups[0]![0]!.group.status().quiescent).toBe(true);
  });

  it('has another leader when the node of the one it slept under is gone', async () => {
    const hosts = await openHosts(3);
    const members = await found(hosts, 1);
    const leader = await leaderOf(members);
    await leader.group.propose(text('x'));
    await until(() => hosts.every((host) => host.stats().groupsAwake === 0));
    await leader.host.close();
    const left = members.filter((member) => member !== leader);
    const next = await leaderOf(left);
    expect(await next.group.propose(text('y'))).toBe(2);
  });

  it('goes on after all its nodes were stopped, with what was acknowledged', async () => {
    const hosts = await openHosts(3, { compactionEntries: 20 });
    const members = await found(hosts, 1);
    const leader = await leaderOf(members);
    for (let i = 0; i < 50; i += 1) await leader.group.propose(text(`${i}`));
    const directories = hosts.map((host) => host.directoryOf(1).replace(/\/groups\/1$/, ''));
    await Promise.all(hosts.map((host) => host.close()));
    const again = await Promise.all(
      directories.map((directory, at) => openHost(at + 1, { directory })),
    );
    introduce(again);
    // The founders are not asked for again: the disk knows.
    const restarted = await Promise.all(again.map((host) => open(host, 1)));
    const next = await leaderOf(restarted);
    for (const { group, list } of restarted) {
      await group.readBarrier();
      expect(list.texts).toHaveLength(50);
      expect(list.restored).toBe(1);
    }
    expect(await next.group.propose(text('y'))).toBe(51);
  });
});

describe('a group', () => {
  it('is there once, has founders, and can be closed and opened again', async () => {
    const [host] = await openHosts(1);
    const member = await open(host!, 1, [1]);
    await until(() => member.group.status().role === 'leader');
    await member.group.propose(text('a'));
    expect(code(await rejection(open(host!, 1, [1])))).toBe('group-exists');
    expect(code(await rejection(open(host!, 2, [2, 3])))).toBe('bad-option');
    expect(code(await rejection(open(host!, 0, [1])))).toBe('bad-option');
    const waiting = rejection(member.group.propose(text('b')));
    await member.group.close();
    expect(code(await waiting)).toBe('closed');
    for (const refused of [member.group.propose(text('c')), member.group.readBarrier()]) {
      expect(code(await rejection(refused))).toBe('closed');
    }
    expect(host!.group(1)).toBeUndefined();
    const again = await open(host!, 1, [1]);
    await until(() => again.group.status().role === 'leader');
    await again.group.readBarrier();
    expect(again.list.texts[0]).toBe('a');
    expect(await host!.closeGroup(1)).toBe(true);
    expect(await host!.closeGroup(1)).toBe(false);
  });

  it('bounds commands, what waits, and how long', async () => {
    const hosts = await openHosts(2);
    const members = await found(hosts, 1);
    const leader = await leaderOf(members);
    expect(code(await rejection(leader.group.propose(new Uint8Array(0))))).toBe('bad-command');
    const large = new Uint8Array(1024 * 1024 + 1);
    expect(code(await rejection(leader.group.propose(large)))).toBe('bad-command');
    const follower = members.find((member) => member !== leader)!;
    await follower.host.close();
    const waiting = Array.from({ length: 4_096 }, () =>
      rejection(leader.group.propose(text('x'), { timeoutMs: 300 })),
    );
    expect(code(await rejection(leader.group.propose(text('x'))))).toBe('overloaded');
    const read = rejection(leader.group.readBarrier({ timeoutMs: 100 }));
    expect(leader.group.status()).toMatchObject({ proposalsWaiting: 4_096, readsWaiting: 1 });
    expect(code(await read)).toBe('timeout');
    for (const each of await Promise.all(waiting)) expect(code(each)).toBe('unknown-outcome');
    expect(leader.group.status()).toMatchObject({ proposalsWaiting: 0, readsWaiting: 0 });
  });

  it('bounds the bytes that wait on a node, over all groups', async () => {
    const hosts = await openHosts(2);
    const groups = [await found(hosts, 1), await found(hosts, 2)];
    const first = await leaderOf(groups[0]!);
    const other = hosts.find((host) => host !== first.host)!;
    const second = groups[1]!.find(({ host }) => host === first.host)!;
    await leaderOf(groups[1]!).then(({ group }) => group.transfer(first.host.nodeId));
    await leaderOf(groups[1]!);
    await other.close();
    const megabyte = new Uint8Array(1024 * 1024);
    const waiting = [first, second].flatMap(({ group }) =>
      Array.from({ length: 32 }, () => rejection(group.propose(megabyte, { timeoutMs: 500 }))),
    );
    expect(code(await rejection(first.group.propose(text('x'))))).toBe('overloaded');
    await Promise.all(waiting);
    const late = await rejection(first.group.propose(text('x'), { timeoutMs: 50 }));
    expect(['unknown-outcome', 'not-leader']).toContain(code(late));
  });

  it('ends on this node when its state machine fails, and the others go on', async () => {
    const failed: string[] = [];
    const hosts = await openHosts(3, {
      onGroupFailed: (group, error) => failed.push(`${group} ${error.code}`),
    });
    const members = await found(hosts, 1);
    const leader = await leaderOf(members);
    const broken = members.find((member) => member !== leader)!;
    broken.list.apply = () => {
      throw new Error('no');
    };
    await leader.group.propose(text('x'));
    await until(() => failed.length === 1);
    expect(failed).toEqual(['1 failed']);
    expect(code(await rejection(broken.group.readBarrier()))).toBe('failed');
    expect(await leader.group.propose(text('y'))).toBe(2);
    await broken.group.close();
  });

  it('whose state machine returns too few results fails as well', async () => {
    const [host] = await openHosts(1);
    const machine: StateMachine<number> = Object.assign(new TextList(), { apply: () => [] });
    const group = await host!.openGroup({ id: 1, stateMachine: machine, members: [1] });
    await until(() => group.status().role === 'leader');
    expect(code(await rejection(group.propose(text('x'))))).toBe('failed');
  });

  it('of a node that knows it not is reported there', async () => {
    const unknown: [number, number][] = [];
    const [one, two] = await openHosts(2, {
      onUnknownGroup: (group, from) => unknown.push([group, from]),
    });
    await open(one!, 9, [1, 2]);
    await until(() => unknown.length > 0);
    expect(unknown[0]).toEqual([9, 1]);
    await open(two!, 9, [1, 2]);
    await until(() => one!.group(9)!.status().leader !== 0);
  });
});

describe('a node', () => {
  it('lets only its peers in, and takes envelopes in their own name only', async () => {
    const [one] = await openHosts(2);
    const stranger = await openHost(3);
    stranger.setPeers(new Map([[1, one!.address]]));
    await sleep(500);
    expect(stranger.isPeerUp(1)).toBe(false);

    const identity = createIdentity();
    const known = await listen({}, { identity });
    one!.setPeers(new Map([[2, addressOf(known)]]));
    const connection = await known.connect(one!.address, { timeoutMs: 5_000 });
    const send = (from: number, to: number, fields: Partial<Message> = {}) => {
      const message = createMessage({ type: 'heartbeat', term: 1, ...fields, from, to });
      const [envelope] = encodeEnvelopes(from, to, [{ group: 1, message }]);
      return connection.call('groups.envelope', envelope!.bytes, { timeoutMs: 5_000 });
    };
    await send(2, 1);
    expect(one!.stats().envelopesReceived).toBe(1);
    for (const wrong of [send(3, 1), send(2, 3)]) {
      expect(await rejection(wrong)).toMatchObject({ code: 'malformed' });
    }
    const junk = connection.call('groups.envelope', new Uint8Array(9), { timeoutMs: 5_000 });
    expect(await rejection(junk)).toMatchObject({ code: 'malformed' });
  });

  it('takes chunks of a snapshot in order, whole and as they were sent', async () => {
    const inbox = new SnapshotInbox();
    const confState = foundingState([1]).snapshot!.confState;
    const meta = { index: 5, term: 2, confState };
    const message = createMessage({ type: 'snapshot', from: 2, to: 1, term: 2, snapshot: meta });
    const data = new Uint8Array(3 * 512 * 1024 - 7).fill(9);
    const chunks: unknown[][] = [];
    const send = (chunk: unknown): Promise<void> => {
      chunks.push(chunk as unknown[]);
      return Promise.resolve();
    };
    await sendSnapshot(4, message, { meta, data }, send);
    expect(chunks).toHaveLength(3);
    const takeAll = (list: unknown[][]) => list.map((chunk) => inbox.take(2, chunk, 0)).at(-1);
    const taken = takeAll(chunks);
    expect(taken).toMatchObject({ group: 4, message: { snapshot: meta } });
    expect(Buffer.from(taken!.data).equals(data)).toBe(true);
    const changed = chunks.map((chunk) => [...chunk]);
    changed[1]![4] = new Uint8Array(512 * 1024);
    expect(() => takeAll(changed)).toThrow(/hash/);
    expect(() => takeAll([chunks[0]!, chunks[2]!])).toThrow(/order/);
    expect(() => takeAll([chunks[1]!])).toThrow(/no transfer/);
    const [head] = chunks as [unknown[]];
    for (const [place, value] of [
      [0, 2],
      [1, 'x'],
      [2, 7],
      [3, -1.5],
      [4, 'x'],
      [5, []],
    ] as const) {
      const wrong = head.map((field, at) => (at === place ? value : field));
      expect(() => inbox.take(2, wrong, 0), `field ${place}`).toThrow(/a chunk of a snapshot/);
    }
    expect(() => inbox.take(2, 'x', 0)).toThrow(/list of six/);
    // So many at a time; a silent one makes room.
    for (let group = 1; group <= 16; group += 1) inbox.take(2, head.with(1, group), 0);
    expect(() => inbox.take(2, head.with(1, 17), 30_000)).toThrow(/as many/);
    inbox.take(2, head.with(1, 17), 30_001);
  });

  it('refuses options that make no sense, and a directory that is in use', async () => {
    expect(code(await rejection(openHost(0)))).toBe('bad-option');
    expect(await rejection(openHost(1, { electionTicks: 1 }))).toMatchObject({
      code: 'bad-config',
    });
    const host = await openHost(1, FAST);
    const directory = host.directoryOf(1).replace(/\/groups\/1$/, '');
    expect(await rejection(openHost(1, { directory }))).toMatchObject({ code: 'locked' });
    await host.close();
    await host.close();
    expect(code(await rejection(open(host, 1, [1])))).toBe('closed');
  });
});
