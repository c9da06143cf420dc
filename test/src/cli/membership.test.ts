/** What the commands that change members say when the swarm did not do it, or did not answer. */
import { describe, expect, it } from 'vitest';

import { rotatedToken } from '../../../src/cli/membership.js';
import type { ExitError } from '../../../src/cli/failure.js';
import { ClientError } from '../../../src/client/index.js';
import type { SwarmClient } from '../../../src/client/index.js';
import { hashToken } from '../../../nodes/service/access.js';

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

  it('gives the token whose hash the swarm has', async () => {
    const hashes: string[] = [];
    const token = await rotatedToken(takes(hashes), 'client');
    expect(token).toMatch(/^afc_/);
    expect(hashes).toEqual([hashToken(token)]);
  });
});
