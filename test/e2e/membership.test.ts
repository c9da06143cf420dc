/** Members that are removed: the swarm goes on without them, and they stop. */
import { beforeAll, describe, expect, it } from 'vitest';

import { run } from './support/processes.js';
import { Swarm } from './support/swarm.js';
import { until } from '../waiting.js';

let swarm: Swarm;

beforeAll(async () => {
  swarm = await Swarm.start({ nodes: 2 });
});

describe('removing a member of two', () => {
  it('wants more than the client token', async () => {
    const refused = await run([
      'swarm',
      'remove',
      '2',
      ...swarm.through(1, swarm.created.clientToken),
    ]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('this wants the operator token');
  });

  it('leaves a swarm of one that serves, and stops the member with a sentence', async () => {
    const data = ['--data', swarm.member(1).directory];
    const removed = await run(['swarm', 'remove', '2', ...data]);
    expect(removed).toMatchObject({ code: 0, stderr: '' });
    const inserted = await run(['memory', 'insert', 'after', 'the removal', ...data]);
    expect(inserted.code).toBe(0);
    const { process } = swarm.member(2);
    await until('node 2 says why it stops', async () => /was removed from swarm/.test(process.log));
    expect((await run(['swarm', 'remove', '1', ...data])).stderr).toContain('last member');
  });

  it('survives a restart of the one that is left', async () => {
    await swarm.member(1).process.kill();
    await swarm.restart(1);
    const got = await until('the memory is there', async () => {
      const answer = await run(['memory', 'get', 'after', '--data', swarm.member(1).directory]);
      return answer.code === 0 && answer;
    });
    expect(got.stdout).toContain('the removal');
  });
});
