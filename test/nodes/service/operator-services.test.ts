import { describe, expect, it } from 'vitest';

import type { Command } from '../../../nodes/control-plane/command.js';
import type { MembershipCommand } from '../../../nodes/control-plane/membership.js';
import { COMMAND_VERSION } from '../../../nodes/control-plane/state.js';
import type { CommandVersion } from '../../../nodes/control-plane/state.js';
import type { SwarmNode } from '../../../nodes/node.js';
import { operatorServices } from '../../../nodes/service/operator-services.js';
import { swarmOf } from '../control-plane/rollout-world.js';

/** A node of which only the state is looked at, and what it was asked to put into the log. */
function nodeAt(commandVersion: CommandVersion) {
  const control = swarmOf(3);
  control.commandVersion = commandVersion;
  const submitted: Command[] = [];
  const node = {
    control,
    submit: async (command: Command) => {
      submitted.push(command);
      return { ok: true, index: 1, value: 0 };
    },
    driver: { readBarrier: async () => {} },
  } as unknown as SwarmNode;
  return { services: operatorServices(node), submitted };
}

const COMMANDS: readonly MembershipCommand[] = [
  { type: 'setVoters', wanted: 3, goneAfterMs: 30_000 },
  { type: 'drainMember', nodeId: 1, drained: true },
  { type: 'leaveMember', nodeId: 1 },
  { type: 'replaceMember', nodeId: 1, replaces: 2 },
  { type: 'setToken', which: 'join', hash: '0'.repeat(64) },
];

describe.each(COMMANDS)('$type', (command) => {
  it('is kept out of the log while a member cannot read it', async () => {
    const { services, submitted } = nodeAt(4);
    await expect(services.changeMembership(command, 1_000)).rejects.toMatchObject({
      code: 'refused',
      reason: 'release-too-old',
    });
    expect(submitted).toEqual([]);
  });

  it('is proposed when all members read it', async () => {
    const { services, submitted } = nodeAt(COMMAND_VERSION);
    await services.changeMembership(command, 1_000);
    expect(submitted).toEqual([command]);
  });
});
