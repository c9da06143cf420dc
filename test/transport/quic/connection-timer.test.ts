import { describe, expect, it } from 'vitest';
import { ConnectionTimer } from '../../../transport/quic/quiche/connection-timer.js';
import { sleep, until } from '../../waiting.js';

/** Something that is due at a time, and what the timer did about it. */
class Due {
  readonly events: string[] = [];
  readonly timer = new ConnectionTimer(this);
  isEnding = false;
  isAnswered = false;
  #at: number | null = null;

  set(ms: number | null): void {
    this.#at = ms === null ? null : performance.now() + ms;
    this.timer.arm();
  }

  dueMs(): number | null {
    return this.#at === null ? null : Math.max(0, Math.floor(this.#at - performance.now()));
  }

  isSilent(): boolean {
    return this.isEnding;
  }

  ask(): void {
    this.events.push('ask');
    // As after each flush, and with the answer when there is one.
    if (this.isAnswered) this.set(600_000);
    else this.timer.arm();
  }

  onDue(): void {
    this.events.push('due');
    this.#at = null;
  }
}

describe('the timer of a connection', () => {
  it('fires when something is due, once', async () => {
    const due = new Due();
    due.set(600_000);
    await sleep(5);
    expect(due.events).toEqual([]);
    due.set(40);
    await until(() => due.events.length > 0);
    await sleep(100);
    expect(due.events).toEqual(['due']);
  });

  it('looks again when it was put off, and fires earlier when it was brought forward', async () => {
    const due = new Due();
    due.set(20);
    due.set(600_000);
    await sleep(60);
    expect(due.events).toEqual([]);
    due.set(1);
    await until(() => due.events.length > 0);
    expect(due.events).toEqual(['due']);
  });

  it('hears the sockets before it says that something is due', async () => {
    const due = new Due();
    due.set(10);
    // What is heard in the same turn of the event loop, after timers, puts the time off.
    setTimeout(() => setImmediate(() => due.set(600_000)), 5);
    const end = performance.now() + 50;
    while (performance.now() < end);
    await sleep(50);
    expect(due.events).toEqual([]);
    due.timer.stop();
  });

  it('asks a silent peer once more, and goes on when it answers', async () => {
    const due = new Due();
    due.isEnding = true;
    due.isAnswered = true;
    due.set(10);
    await until(() => due.events.length > 0);
    // Longer than the grace.
    await sleep(300);
    expect(due.events).toEqual(['ask']);
    due.set(1);
    await until(() => due.events.length > 1);
    expect(due.events).toEqual(['ask', 'ask']);
    due.timer.stop();
  });

  it('and gives up when it does not', async () => {
    const due = new Due();
    due.isEnding = true;
    due.set(10);
    await until(() => due.events.length > 1);
    expect(due.events).toEqual(['ask', 'due']);
  });

  it('fires though it is set again all the time', async () => {
    const due = new Due();
    due.set(10);
    let isBusy = true;
    const again = (): void => {
      due.timer.arm();
      if (isBusy) setImmediate(again);
    };
    again();
    await until(() => due.events.length > 0);
    isBusy = false;
    expect(due.events).toEqual(['due']);
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
