import { describe, expect, it } from 'vitest';
import { HeldBytes } from '../../../nodes/pages/held-bytes.js';

describe('the bytes of unfinished frames', () => {
  it('are bounded in each session, and in all together', () => {
    const whole = new HeldBytes(15);
    const [one, other] = [new HeldBytes(10, whole), new HeldBytes(10, whole)];
    const [first, second, third] = [one.stream(), one.stream(), other.stream()];
    first(6);
    expect(() => second(5)).toThrow(/have 11 bytes, and 10 are the most at a time/);
    second(0);
    third(9);
    expect(() => second(1)).toThrow(/have 16 bytes, and 15 are the most at a time/);
    // What comes to its end makes room.
    first(0);
    second(2);
    expect([one.bytes, other.bytes, whole.bytes]).toEqual([2, 9, 11]);
  });
});
