import { describe, expect, it } from 'vitest';
import { ReadQueue } from '../../nodes/read-queue.js';

const RETRY_MS = 400;

describe('reads that wait', () => {
  it('asks once for all that came, and once more for those that came meanwhile', () => {
    const queue = new ReadQueue<string>('p');
    queue.add('a');
    queue.add('b');
    expect(queue.next(0, RETRY_MS)).toBe('p-1');
    queue.add('c');
    expect(queue.next(1, RETRY_MS)).toBeUndefined();
    expect(queue.takeAnswered('p-1')).toEqual(['a', 'b']);
    expect(queue.next(1, RETRY_MS)).toBe('p-2');
    expect(queue.takeAnswered('p-2')).toEqual(['c']);
    expect(queue.next(1_000, RETRY_MS)).toBeUndefined();
    expect(queue.size).toBe(0);
  });

  it('is served where each answer comes after its question was asked again', () => {
    const queue = new ReadQueue<string>('p');
    const served: string[] = [];
    queue.add('a');
    // A question every 400 ms, each answered 500 ms later.
    const answers = new Map<number, string>();
    for (let nowMs = 0; nowMs < 2_000; nowMs += 100) {
      if (nowMs === 1_000) queue.add('late');
      const answer = answers.get(nowMs);
      const reads = answer === undefined ? [] : queue.takeAnswered(answer);
      served.push(...reads.map((read) => `${read}@${nowMs}`));
      const context = queue.next(nowMs, RETRY_MS);
      if (context !== undefined) answers.set(nowMs + 500, context);
    }
    expect(served).toEqual(['a@500', 'late@1500']);
  });

  it('takes an answer only for what was asked before it', () => {
    const queue = new ReadQueue<string>('p');
    queue.add('before');
    queue.next(0, RETRY_MS);
    queue.add('after');
    expect(queue.next(RETRY_MS, RETRY_MS)).toBe('p-2');
    expect(queue.takeAnswered('p-1')).toEqual(['before']);
    expect(queue.takeAnswered('p-1')).toEqual([]);
    expect(queue.takeAnswered('p-2')).toEqual(['after']);
  });

  it('takes the answer to a later question for all before it', () => {
    const queue = new ReadQueue<string>('p');
    queue.add('a');
    queue.next(0, RETRY_MS);
    queue.add('b');
    queue.next(RETRY_MS, RETRY_MS);
    expect(queue.takeAnswered('p-2')).toEqual(['a', 'b']);
  });

  it('takes no answer that was not asked for', () => {
    const queue = new ReadQueue<string>('p');
    queue.add('a');
    queue.next(0, RETRY_MS);
    for (const context of ['', 'q-1', 'p-2', 'p-0', 'p-', 'p-x', 'p-1e9', '1', 'p-NaN']) {
      expect(queue.takeAnswered(context), context).toEqual([]);
    }
    expect(queue.takeAnswered('p-1')).toEqual(['a']);
  });

  it('asks at once again when the latest question was refused', () => {
    const queue = new ReadQueue<string>('p');
    queue.add('a');
    queue.next(0, RETRY_MS);
    queue.forget('p-1');
    expect(queue.next(1, RETRY_MS)).toBe('p-2');
    queue.forget('p-1');
    expect(queue.next(2, RETRY_MS)).toBeUndefined();
  });

  it('lets go of those that gave up, and asks nothing more for them', () => {
    const queue = new ReadQueue<string>('p');
    queue.add('a');
    queue.next(0, RETRY_MS);
    queue.add('b');
    expect(queue.takeWhere(() => true).toSorted()).toEqual(['a', 'b']);
    expect(queue.next(10_000, RETRY_MS)).toBeUndefined();
    expect(queue.takeAnswered('p-1')).toEqual([]);
  });
});
