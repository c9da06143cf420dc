import { describe, expect, it } from 'vitest';

import { COMMAND_VERSION, newControlState } from '../../nodes/control-plane/state.js';
import type { RaftStatus } from '../../consensus/raft/index.js';
import type { Releases } from '../../nodes/migration/release-steps.js';
import { VersionNotice, tellSwarm } from '../../nodes/version-notice.js';

/** A replica of which only leader, term and state are looked at, and what was said in it. */
function noticing(releases?: Releases, zone?: string) {
  const control = newControlState({
    swarmId: 'swarm',
    joinTokenHash: '',
    clientTokenHash: '',
    swarmVersion: 2,
    peerId: 'peer',
    host: '127.0.0.1',
    port: 1,
  });
  control.commandVersion = 4;
  const at = { term: 1, leader: 1, fails: false };
  const said: number[] = [];
  const replica = { control, status: () => ({ ...at }) as unknown as RaftStatus };
  const notice = new VersionNotice(1, replica, releases, zone, async () => {
    if (at.fails) throw new Error('the leader does not answer');
    said.push(at.term);
  });
  return { notice, control, at, said };
}

describe('what a node says of itself', () => {
  const said = { type: 'setMember', nodeId: 1, status: 'up', host: 'h', port: 1 } as const;

  it('is logged with the reason when the swarm refuses it', async () => {
    const logged: string[] = [];
    const fenced = { ok: false, index: 7, refusal: 'fenced' } as const;
    await tellSwarm(
      said,
      async () => fenced,
      (message) => logged.push(message),
    );
    expect(logged).toEqual([
      'the swarm refuses this node as it is (fenced): the node runs what the swarm has left behind; ' +
        'start it with the current release',
    ]);
  });

  it('is not logged when the swarm takes it', async () => {
    const logged: string[] = [];
    await tellSwarm(
      said,
      async () => ({ ok: true, index: 7, value: 0 }),
      (message) => logged.push(message),
    );
    expect(logged).toEqual([]);
  });
});

describe('the notice of the command version', () => {
  it('is given once in a term, to whoever leads', () => {
    const { notice, at, said } = noticing();
    for (let i = 0; i < 5; i += 1) notice.poke();
    at.term = 2;
    at.leader = 0;
    notice.poke();
    at.leader = 3;
    for (let i = 0; i < 5; i += 1) notice.poke();
    expect(said).toEqual([1, 2]);
  });

  it('is given again when it was not taken', async () => {
    const { notice, at, said } = noticing();
    at.fails = true;
    notice.poke();
    await new Promise((resolve) => setImmediate(resolve));
    at.fails = false;
    notice.poke();
    expect(said).toEqual([1]);
  });

  it('is not given when the swarm writes that version', () => {
    const { notice, control, said } = noticing();
    control.commandVersion = COMMAND_VERSION;
    notice.poke();
    expect(said).toEqual([]);
  });

  it('is given when the swarm can keep the release and does not know it', () => {
    const running = { name: '2.1.0+abc', digest: '', commandVersion: COMMAND_VERSION };
    const { notice, control, said } = noticing({ running, find: async () => undefined });
    notice.poke();
    expect(said).toEqual([1]);
    control.commandVersion = COMMAND_VERSION;
    notice.poke();
    notice.poke();
    expect(said).toEqual([1, 1]);
    const member = control.members.get(1);
    if (member !== undefined) member.release = running.name;
    notice.poke();
    expect(said).toEqual([1, 1]);
  });

  it('is given when the swarm can keep the zone and has another one', () => {
    const { notice, control, said } = noticing(undefined, 'rack-2');
    control.commandVersion = COMMAND_VERSION;
    notice.poke();
    expect(said).toEqual([1]);
    const member = control.members.get(1);
    if (member !== undefined) member.zone = 'rack-2';
    notice.poke();
    expect(said).toEqual([1]);
  });
});
