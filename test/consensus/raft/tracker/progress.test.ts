import { describe, expect, it } from 'vitest';
import { Inflights } from '../../../../consensus/raft/tracker/inflights.js';
import { Progress } from '../../../../consensus/raft/tracker/progress.js';

const LIMITS = { maxInflightMessages: 3, maxInflightBytes: 100 };

describe('the window', () => {
  it('is full by messages or by bytes and frees in order', () => {
    const window = new Inflights(3, 100);
    window.add(5, 10);
    window.add(7, 10);
    expect(window.full).toBe(false);
    window.add(9, 10);
    expect(window.full).toBe(true);
    expect(() => window.add(11, 1)).toThrow(/has room/);
    window.freeThrough(7);
    expect(window.count).toBe(1);
    window.add(11, 90);
    expect(window.full).toBe(true);
    window.freeThrough(8);
    expect(window.count).toBe(2);
  });

  it('wraps around and grows up to its limit', () => {
    const window = new Inflights(100, 1e9);
    let next = 1;
    for (let round = 0; round < 50; round += 1) {
      for (let i = 0; i < 5; i += 1) window.add((next += 1), 1);
      window.freeThrough(next - 3);
      expect(window.count).toBe(3);
    }
  });
});

describe('progress', () => {
  it('refuses stale rejections', () => {
    const probe = new Progress(10, false, LIMITS);
    expect(probe.decrease(8, 3)).toBe(false);
    expect(probe.decrease(9, 3)).toBe(true);
    expect(probe.next).toBe(4);
    const replicate = new Progress(10, false, LIMITS);
    replicate.acknowledge(9);
    replicate.becomeReplicate();
    expect(replicate.decrease(9, 3)).toBe(false);
    expect(replicate.decrease(12, 3)).toBe(true);
    expect(replicate.next).toBe(10);
  });

  it('never falls to what is known to match', () => {
    const probe = new Progress(10, false, LIMITS);
    probe.acknowledge(5);
    expect(probe.decrease(9, 1)).toBe(true);
    expect(probe.next).toBe(6);
  });

  it('goes on behind a snapshot that was sent', () => {
    const member = new Progress(10, false, LIMITS);
    member.becomeSnapshot(20);
    expect(member.paused).toBe(true);
    member.becomeProbe();
    expect(member.next).toBe(21);
  });
});
