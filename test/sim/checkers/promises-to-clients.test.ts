/** What a client may rely on: runs made by hand. */
import { describe, expect, it } from 'vitest';
import { Durability } from '../../../sim/checkers/durability.js';
import { ExactlyOnce } from '../../../sim/checkers/exactly-once.js';
import { MonotoneReads } from '../../../sim/checkers/monotone-reads.js';
import { logOf, violationOf } from './violations.js';

describe('monotone reads', () => {
  it('hold for reads that go forward or stand still, each client by itself', () => {
    const checker = new MonotoneReads();
    checker.read('a', 1, 5);
    checker.read('a', 2, 5);
    checker.read('a', 3, 9);
    checker.read('b', 3, 2);
    checker.wrote('b', 3, 4);
    checker.read('b', 1, 4);
  });

  it('are violated by a read that goes back on another node', () => {
    const checker = new MonotoneReads();
    checker.read('a', 1, 5);
    const { checker: name, message } = violationOf(() => checker.read('a', 2, 4));
    expect(name).toBe('monotone-reads');
    expect(message).toBe(
      'client a reads the state as of index 4 from node 2, after index 5 from node 1',
    );
  });

  it('are violated by a read from before a write of the client', () => {
    const checker = new MonotoneReads();
    checker.wrote('a', 1, 7);
    expect(violationOf(() => checker.read('a', 1, 6)).message).toMatch(/index 6 .* after index 7/);
  });

  it('do not go back with the answer to a copy of an old write', () => {
    const checker = new MonotoneReads();
    checker.read('a', 1, 9);
    checker.wrote('a', 2, 3);
    expect(violationOf(() => checker.read('a', 2, 8)).message).toMatch(/after index 9/);
  });
});

describe('durability', () => {
  it('holds while leaders have what was acknowledged, and all apply it', () => {
    const checker = new Durability();
    checker.acknowledged(2, 1, 'write 1');
    checker.elected(2, 3, logOf([1, 1, 3]));
    checker.acknowledged(3, 3, 'write 2');
    checker.elected(3, 4, logOf([3, 4], 3));
    checker.ended(1, 4, (index) => [undefined, 1, 1, 3, 4][index]);
    expect(checker.writes).toBe(2);
  });

  it('says nothing about a leader of an earlier term that comes late', () => {
    const checker = new Durability();
    checker.elected(1, 5, logOf([1]));
    checker.acknowledged(2, 5, 'write 1');
    checker.elected(2, 4, logOf([1, 2]));
  });

  it('is violated by a later leader without the write', () => {
    const checker = new Durability();
    checker.acknowledged(2, 1, 'client-1 write 7');
    const { checker: name, message } = violationOf(() => checker.elected(3, 2, logOf([1, 2])));
    expect(name).toBe('durability');
    expect(message).toBe(
      'client-1 write 7 was acknowledged as entry 2 of term 1, but node 3, which leads term 2, ' +
        'does not hold it',
    );
  });

  it('is violated by a node that ends before it, or with something else', () => {
    const checker = new Durability();
    checker.acknowledged(5, 2, 'write 1');
    expect(violationOf(() => checker.ended(2, 4, () => 2)).message).toMatch(
      /node 2 ends with index 4/,
    );
    expect(violationOf(() => checker.ended(2, 6, () => 3)).message).toMatch(
      /an entry of term 3 was applied there/,
    );
  });
});

describe('exactly once', () => {
  it('holds for one effect on every node, in several lives', () => {
    const checker = new ExactlyOnce();
    for (const node of [1, 2, 1]) checker.effect(node, 'a', 1, 10);
    checker.effect(1, 'a', 2, 11);
    checker.effect(1, 'b', 1, 12);
  });

  it('is violated by a second effect, on the same node or another', () => {
    const checker = new ExactlyOnce();
    checker.effect(1, 'a', 1, 10);
    const { checker: name, message } = violationOf(() => checker.effect(1, 'a', 1, 12));
    expect(name).toBe('exactly-once');
    expect(message).toBe(
      'write 1 of client a has an effect at index 10, and on node 1 another one at index 12',
    );
    expect(violationOf(() => checker.effect(3, 'a', 1, 9)).message).toMatch(/on node 3/);
  });
});
