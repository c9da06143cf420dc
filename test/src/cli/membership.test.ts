/** What the commands that change members say when the swarm did not do it, or did not answer. */
import { describe, expect, it } from 'vitest';

import { drained, rotatedToken } from '../../../src/cli/membership.js';
import { ExitError } from '../../../src/cli/failure.js';
import { buildProgram } from '../../../src/cli/program.js';
import { ClientError } from '../../../src/client/index.js';
import type { SwarmClient } from '../../../src/client/index.js';
import { hashToken } from '../../../nodes/service/access.js';

interface Told {
  readonly leader: number;
  readonly members: readonly {
    nodeId: number;
    voter: boolean;
    cordoned: boolean;
    status: string;
  }[];
}

/** A swarm that tells one state after the other, and the last one for ever. */
function swarmOf(states: readonly Told[]): SwarmClient {
  const left = [...states];
  const client = {
    membership: { drain: async () => undefined },
    status: async () => (left.length > 1 ? left.shift() : left[0]),
  };
  return client as unknown as SwarmClient;
}

/** Member 1 is the one that is drained, which clients see as cordoned. */
const member = (nodeId: number, voter = true) => ({
  nodeId,
  voter,
  cordoned: nodeId === 1,
  status: 'up',
});

describe('swarm drain', () => {
  it('fails when the member leads on, since nobody else can', async () => {
    const failed = drained(swarmOf([{ leader: 1, members: [member(1)] }]), 1, 1);
    await expect(failed).rejects.toThrow(ExitError);
    await expect(failed).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringContaining('node 1 still leads, since nobody else can'),
    });
  });

  it('succeeds when another leads, be the vote gone or not', async () => {
    const before = { leader: 1, members: [member(1), member(2)] };
    const after = { leader: 2, members: [member(1, false), member(2)] };
    expect(await drained(swarmOf([before, after]), 1, 5)).toEqual({
      nodeId: 1,
      drained: true,
      leader: 2,
      voter: false,
    });
    const voting = { leader: 2, members: [member(1), member(2)] };
    expect(await drained(swarmOf([voting]), 1, 5)).toMatchObject({ leader: 2, voter: true });
  });
});

describe('swarm rotate-token', () => {
  /** A swarm that takes the token, and answers or does not. */
  function takes(hashes: string[], error?: ClientError): SwarmClient {
    const setToken = async (_which: string, hash: string): Promise<void> => {
      hashes.push(hash);
      if (error !== undefined) throw error;
    };
    return { membership: { setToken } } as unknown as SwarmClient;
  }

  it('tells the token too when the answer was lost', async () => {
    for (const code of ['deadline-exceeded', 'permission-denied'] as const) {
      const hashes: string[] = [];
      const client = takes(hashes, new ClientError(code, 'why it failed'));
      const error: unknown = await rotatedToken(client, 'join').catch((thrown: unknown) => thrown);
      const { exitCode, message } = error as ExitError;
      expect(exitCode).toBe(1);
      expect(message).toMatch(/^error: why it failed\nThe swarm may have taken the new token/);
      const [token] = /afj_[\w-]+/.exec(message) ?? [''];
      expect(hashes).toEqual([hashToken(token)]);
    }
  });

  it('of which the only member that was asked would not hear changes nothing', async () => {
    const refusal = new ClientError('permission-denied', 'why', { attempts: 1 });
    const asked = rotatedToken(takes([], refusal), 'join');
    await expect(asked).rejects.toBe(refusal);
    const again = new ClientError('permission-denied', 'why', { attempts: 2 });
    await expect(rotatedToken(takes([], again), 'join')).rejects.toThrow(/may have taken/);
  });

  it('gives the token whose hash the swarm has', async () => {
    const hashes: string[] = [];
    const token = await rotatedToken(takes(hashes), 'client');
    expect(token).toMatch(/^afc_/);
    expect(hashes).toEqual([hashToken(token)]);
    expect(await rotatedToken(takes([]), 'operator')).toMatch(/^afo_/);
  });
});

it('rollout pause does not promise that cordoned nodes stand still', async () => {
  const { commands } = await buildProgram('rollout');
  const rollout = commands.find((one) => one.name() === 'rollout');
  const pause = rollout?.commands.find((one) => one.name() === 'pause');
  expect(pause?.description()).toBe(
    'Let no further node begin; those that are cordoned end what they began',
  );
});
