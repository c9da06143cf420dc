/** Bytes of what operators ask of the members: they never change, since every later version reads them. */
import { describe, expect, it } from 'vitest';

import type { Command } from '../../../nodes/control-plane/command.js';
import { newPlacement } from '../../../nodes/control-plane/membership.js';
import { newControlState } from '../../../nodes/control-plane/state.js';
import { decodeCommand, encodeCommand } from '../../../nodes/wire/command-codec.js';
import { Fields, decode, encode } from '../../../nodes/wire/fields.js';
import { placementFields, readPlacement } from '../../../nodes/wire/membership-codec.js';
import { decodeControlState, encodeControlState } from '../../../nodes/wire/state-codec.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const hash = 'ab'.repeat(32);

const GOLDEN: readonly (readonly [Command, string])[] = [
  [{ type: 'setVoters', wanted: 3, goneAfterMs: 60_000 }, '9405a9736574566f7465727303cdea60'],
  [{ type: 'drainMember', nodeId: 7, drained: true }, '9405ab647261696e4d656d62657207c3'],
  [{ type: 'leaveMember', nodeId: 7 }, '9305ab6c656176654d656d62657207'],
  [{ type: 'replaceMember', nodeId: 9, replaces: 7 }, '9405ad7265706c6163654d656d6265720907'],
  [
    { type: 'setToken', which: 'join', hash },
    `9405a8736574546f6b656ea46a6f696ed940${Buffer.from(hash).toString('hex')}`,
  ],
  [
    { type: 'setToken', which: 'operator', hash },
    `9405a8736574546f6b656ea86f70657261746f72d940${Buffer.from(hash).toString('hex')}`,
  ],
  [
    { type: 'addMember', peerId: 'p', host: 'h', port: 1, zone: 'z', replaces: 7 },
    '9701a96164644d656d626572a170a16801a17a07',
  ],
];

describe('commands of the membership', () => {
  it.each(GOLDEN)('%o has its bytes', (command, golden) => {
    expect(hex(encodeCommand(command))).toBe(golden);
    expect(decodeCommand(Buffer.from(golden, 'hex'))).toEqual(command);
  });

  it.each([
    [[5, 'drainMember', 7, 1], /drained must be true or false/],
    [[5, 'setToken', 'root', hash], /which must be one of client, join, operator/],
    [[5, 'setToken', 'join', `${hash}a`], /hash must be at most 64/],
    [[5, 'leaveMember', -1], /nodeId must be a whole number/],
    [[5, 'addMember', 'p', 'h', 1], /kind must be one of/],
  ])('%o is refused', (fields, complaint) => {
    expect(() => decodeCommand(encode(fields))).toThrow(complaint);
  });
});

describe('what is asked, in the control state', () => {
  const placement = () => ({
    ...newPlacement(),
    wanted: 7,
    drained: new Set([2]),
    leaving: new Set([3]),
    replaces: new Map([[4, 3]]),
  });

  it('has its bytes', () => {
    const golden = '9507cd75309102910391920403';
    expect(hex(encode(placementFields(placement())))).toBe(golden);
    const fields = new Fields(decode(Buffer.from(golden, 'hex'), 'placement'), 'placement');
    expect(readPlacement(fields)).toEqual(placement());
  });

  it('is part of version 5, and of none before', () => {
    const state = newControlState({
      swarmId: 's',
      joinTokenHash: 'j',
      clientTokenHash: 'c',
      swarmVersion: 2,
      peerId: 'p',
      host: 'h',
      port: 1,
    });
    state.placement = placement();
    expect(decodeControlState(encodeControlState(state))).toEqual(state);
    const without = hex(encodeControlState(state));
    state.operatorTokenHash = 'o';
    // Behind all that there was, and only where there is such a token.
    expect(hex(encodeControlState(state))).toBe(`9d${without.slice(2)}a16f`);
    expect(decodeControlState(encodeControlState(state))).toEqual(state);
    state.commandVersion = 4;
    const former = decodeControlState(encodeControlState(state));
    expect(former.placement).toEqual({ ...newPlacement(), wanted: 0 });
    expect(former.operatorTokenHash).toBe('');
  });
});
