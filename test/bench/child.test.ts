import { describe, expect, it } from 'vitest';
import { Child } from '../../bench/transport/child.js';

const member = new URL('../../bench/topics/member.js', import.meta.url);

describe('a process of a bench', () => {
  it('that dies, or is dead already, fails what is asked of it at once', async () => {
    const child = new Child(member, []);
    await child.ask();
    const asked = child.ask('report');
    child.kill();
    // It may have answered before it died: this is not what is asked here.
    await asked.catch(() => undefined);
    await expect(child.ask('report', 60_000)).rejects.toThrow('ended with SIGKILL');
    const startedMs = performance.now();
    await expect(child.ask('report', 60_000)).rejects.toThrow('ended with SIGKILL');
    expect(performance.now() - startedMs).toBeLessThan(1_000);
  });

  it('that says nothing fails the call when its time is over', async () => {
    const child = new Child(member, []);
    await child.ask();
    await expect(child.ask(undefined, 50)).rejects.toThrow('no answer in 50 ms');
    child.kill();
  });
});
