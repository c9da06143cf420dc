import { describe, expect, it } from 'vitest';
import { ConnectionTimer } from '../../../transport/quic/quiche/connection-timer.js';
import { sleep } from '../rpc/pair.js';

/** Something that is due at a time, and what the timer did about it. */
class Due {
  readonly events: string[] = [];
  readonly timer = new ConnectionTimer(this);
  #at: number | null = null;

  set(ms: number | null): void {
    this.#at = ms === null ? null : performance.now() + ms;
    this.timer.arm();
  }

  dueMs(): number | null {
    return this.#at === null ? null : Math.max(0, Math.floor(this.#at - performance.now()));
  }

  onDue(): void {
    this.events.push('due');
    this.#at = null;
  }

  onLate(): void {
    this.events.push('late');
    // As after each flush.
    this.timer.arm();
  }
}

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

describe('the timer of a connection', () => {
  it('fires when something is due, once', async () => {
    const due = new Due();
    due.set(20);
    await sleep(5);
    expect(due.events).toEqual([]);
    await sleep(60);
    expect(due.events).toEqual(['due']);
  });

  it('looks again when it was put off, and fires earlier when it was brought forward', async () => {
    const due = new Due();
    due.set(20);
    due.set(90);
    await sleep(50);
    expect(due.events).toEqual([]);
    due.set(1);
    await sleep(20);
    expect(due.events).toEqual(['due']);
  });

  it('after a blocked event loop asks the peer first, and waits for its answer', async () => {
    const due = new Due();
    due.set(20);
    block(300);
    await sleep(100);
    expect(due.events).toEqual(['late']);
    due.set(60);
    await sleep(150);
    expect(due.events).toEqual(['late', 'due']);
  });

  it('and goes on without an answer after a while', async () => {
    const due = new Due();
    due.set(20);
    block(300);
    await sleep(350);
    expect(due.events).toEqual(['late', 'due']);
  });

  it('does nothing once it is stopped', async () => {
    const due = new Due();
    due.set(5);
    due.timer.stop();
    due.set(5);
    await sleep(30);
    expect(due.events).toEqual([]);
  });
});
