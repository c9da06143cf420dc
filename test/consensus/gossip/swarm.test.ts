import { describe, expect, it } from 'vitest';

import { GossipError, gossipConfig } from '../../../consensus/gossip/index.js';
import { publicKeyOf, signaturesOf } from '../../../sim/gossip/signatures.js';
import { Alone, Swarm, recordOf } from './swarm.js';
import type { Travelling } from './swarm.js';

/** A swarm of so many whose members know each other. */
function joined(count: number): Swarm {
  const swarm = new Swarm(count);
  swarm.until(5_000, () => [...swarm.cores.keys()].every((id) => swarm.allHold(id, 'alive')));
  return swarm;
}

describe('a swarm', () => {
  it('takes a node that crashed for dead, and one that starts again for alive', () => {
    const swarm = joined(6);
    swarm.stop(4);
    swarm.until(6_000, () => swarm.allHold(4, 'dead'));
    swarm.start(4);
    swarm.until(3_000, () => swarm.allHold(4, 'alive'));
    // With an incarnation of before the crash, so that it had to refute.
    expect(swarm.cores.get(4)!.member(4).incarnation).toBeGreaterThan(10);
  });

  it('learns at once who leaves, and does not suspect it', () => {
    const swarm = joined(6);
    swarm.input(2, { type: 'leave' });
    swarm.until(1_000, () => swarm.allHold(2, 'left'));
    swarm.until(1_000, () => swarm.cores.get(2)!.isDrained);
    swarm.stop(2);
    swarm.run(10_000);
    expect(swarm.allHold(2, 'left')).toBe(true);
  });

  it('learns what a member says of itself, the newest', () => {
    const swarm = joined(6);
    swarm.input(2, { type: 'metadata', metadata: new Uint8Array([7, 7]) });
    swarm.input(2, { type: 'metadata', metadata: new Uint8Array([8]) });
    const newest = (): boolean =>
      [...swarm.cores.values()].every((core) => core.member(2).metadata[0] === 8);
    swarm.until(1_000, newest);
    expect(swarm.cores.get(5)!.member(2).metadataVersion).toBe(3);
  });

  it('finds together again after a partition in which each half took the other for dead', () => {
    const swarm = joined(6);
    const half = (id: number): boolean => id <= 3;
    swarm.passes = ({ from, to }) => half(from) === half(to);
    swarm.until(20_000, () =>
      [...swarm.cores].every(([id, core]) =>
        core
          .members()
          .every((one) => one.status === (half(id) === half(one.id) ? 'alive' : 'dead')),
      ),
    );
    swarm.passes = () => true;
    swarm.until(5_000, () => [...swarm.cores.keys()].every((id) => swarm.allHold(id, 'alive')));
  });

  it('does not take for dead whom only one member cannot reach, in either direction', () => {
    for (const cut of [
      ({ from, to }: Travelling) => from === 1 && to === 2,
      ({ from, to }: Travelling) => from === 2 && to === 1,
    ]) {
      const swarm = joined(6);
      swarm.passes = (sent) => !cut(sent);
      swarm.run(30_000);
      for (const id of swarm.cores.keys()) expect(swarm.allHold(id, 'alive')).toBe(true);
      expect(swarm.cores.get(1)!.awareness).toBe(0);
    }
  });

  it('is told that a helper is well by its nack, so that the asker does not doubt itself', () => {
    const swarm = joined(6);
    swarm.stop(3);
    swarm.until(6_000, () => swarm.allHold(3, 'dead'));
    expect([...swarm.cores.values()].map((core) => core.awareness)).toEqual([0, 0, 0, 0, 0]);
  });
});

describe('members that all start at once', () => {
  it.each([
    [10, 200, 20],
    [50, 520, 40],
    [100, 1_000, 60],
  ])('%i of them know each other within %i ms, each with few messages', (count, msMax, most) => {
    const swarm = new Swarm(count);
    let messages = 0;
    swarm.passes = () => (messages += 1) > 0;
    const ids = [...swarm.cores.keys()];
    swarm.until(msMax, () => ids.every((id) => swarm.allHold(id, 'alive')));
    expect(messages / count).toBeLessThan(most);
  });
});

describe('a node that joins', () => {
  it('asks three at once, then others, less and less often until somebody answers', () => {
    const one = new Alone([1, 2, 3, 4, 5, 6], { reconnectPeriodMs: 1_000_000 });
    const asked: number[] = [];
    for (let second = 0; second < 12; second += 1) {
      one.pass(1_000);
      asked.push(one.messages().filter(({ message }) => message.type === 'summary').length);
    }
    // At 0, 0.3 and 0.9 s, then after 1.2, 2.4, 4.8 and each further 5 s.
    expect(asked[0]).toBeGreaterThanOrEqual(9);
    expect(asked.slice(1).reduce((sum, one) => sum + one, 0)).toBeLessThanOrEqual(12);
    one.hear(2, { type: 'records', items: [recordOf(2, 5)] });
    one.pass(5_000);
    const after = one.messages().filter(({ message }) => message.type === 'summary');
    expect(after.length).toBeLessThanOrEqual(1);
  });

  it('asks three different members', () => {
    const one = new Alone([1, 2, 3, 4, 5, 6]);
    const summaries = one.messages().filter(({ message }) => message.type === 'summary');
    expect(new Set(summaries.map(({ to }) => to)).size).toBeGreaterThanOrEqual(3);
  });
});

describe('a member on which nobody answers', () => {
  it('doubts itself, and takes more time before it speaks ill of others', () => {
    const one = new Alone([1, 2, 3, 4, 5]);
    one.tell(2, recordOf(2, 5), recordOf(3, 5), recordOf(4, 5), recordOf(5, 5));
    const firstMs = one.nowMs;
    one.pass(5_000);
    const suspected = one.changes.filter(({ status }) => status === 'suspect');
    // After one period; after four, since three helpers were silent; after seven.
    expect(suspected.map(({ sinceMs }) => sinceMs - firstMs)).toEqual([500, 2_500]);
    one.pass(5_000);
    expect(one.core.awareness).toBe(8);
  });

  it('asks through others, and repeats what may have been lost', () => {
    const one = new Alone([1, 2, 3, 4, 5]);
    one.tell(2, recordOf(2, 5), recordOf(3, 5), recordOf(4, 5), recordOf(5, 5));
    one.messages();
    one.pass(450);
    const messages = one.messages();
    const pings = messages.filter(({ message }) => message.type === 'ping');
    const [target] = pings.map(({ to }) => to);
    expect(pings.filter(({ to }) => to === target).length).toBeGreaterThan(5);
    const asked = messages.filter(({ message }) => message.type === 'pingRequest');
    expect(new Set(asked.map(({ to }) => to)).size).toBe(3);
    expect(asked.map(({ to }) => to)).not.toContain(target);
  });

  it('does not take an answer of somebody else for that of the one it asked', () => {
    const one = new Alone([1, 2, 3, 4, 5]);
    one.tell(2, recordOf(2, 5), recordOf(3, 5), recordOf(4, 5), recordOf(5, 5));
    const ping = one.messages().find(({ message }) => message.type === 'ping')!;
    const { sequence } = ping.message as { sequence: number };
    const other = [2, 3, 4, 5].find((id) => id !== ping.to)!;
    one.hear(other, { type: 'ack', sequence, target: ping.to, items: [] });
    one.hear(ping.to, { type: 'ack', sequence: sequence + 1, target: ping.to, items: [] });
    one.hear(other, { type: 'ack', sequence, target: other, items: [] });
    one.pass(600);
    expect(one.statusOf(ping.to)).toBe('suspect');
  });
});

describe('datagrams', () => {
  it('stay within the bound, however much there is to tell', () => {
    const ids = Array.from({ length: 200 }, (_, at) => at + 1);
    const one = new Alone(ids, { datagramBytesMax: 700 });
    const metadata = new Uint8Array(256);
    for (const id of ids.slice(1)) one.tell(2, recordOf(id, 5, { metadata }));
    one.pass(5_000);
    const datagrams = one.sent.filter(({ via }) => via === 'datagram');
    expect(datagrams.length).toBeGreaterThan(100);
    const longest = Math.max(...datagrams.map(({ bytes }) => bytes.length));
    expect(longest).toBeGreaterThan(400);
    expect(longest).toBeLessThanOrEqual(700);
  });
});

describe('a configuration', () => {
  const given = {
    self: 1,
    swarm: 'test',
    publicKey: publicKeyOf(1),
    signatures: signaturesOf(1),
    metadata: new Uint8Array(),
    firstIncarnation: 0,
    random: () => 0,
  };

  it.each([
    [{ self: 0 }, 'self must be'],
    [{ swarm: '' }, 'swarm must have'],
    [{ publicKey: new Uint8Array(31) }, 'publicKey must be'],
    [{ metadata: new Uint8Array(257) }, 'metadata has over 256 bytes'],
    [{ firstIncarnation: -1 }, 'firstIncarnation must be'],
    [{ probePeriodMs: 0 }, 'probePeriodMs must be above 0'],
    [{ helpers: 1.5 }, 'helpers must be a whole number'],
    [{ datagramBytesMax: 100 }, 'datagramBytesMax must be from 600'],
  ])('with %j is refused', (wrong, message) => {
    expect(() => gossipConfig({ ...given, ...wrong })).toThrow(GossipError);
    expect(() => gossipConfig({ ...given, ...wrong })).toThrow(message);
  });
});
