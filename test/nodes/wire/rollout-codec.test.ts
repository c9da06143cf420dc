import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Command } from '../../../nodes/control-plane/command.js';
import { newControlState } from '../../../nodes/control-plane/state.js';
import type { ControlState } from '../../../nodes/control-plane/state.js';
import { NodeError } from '../../../nodes/errors.js';
import { GUARDS_DEFAULT } from '../../../nodes/rollout/limits.js';
import { startRollout } from '../../../nodes/rollout/machine.js';
import { formerPlan, makePlan } from '../../../nodes/rollout/plan.js';
import type { RolloutPlan } from '../../../nodes/rollout/state.js';
import { parseWindow } from '../../../nodes/rollout/windows.js';
import { decodeCommand, encodeCommand } from '../../../nodes/wire/command-codec.js';
import { decodeControlState, encodeControlState } from '../../../nodes/wire/state-codec.js';
import { IN_STATUS } from '../rollout/rollouts.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
console.log(`rollout codec: SEED=${seed}`);

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

const PLAN: RolloutPlan = makePlan([{ nodeId: 1 }, { nodeId: 2 }], 1, {
  release: {
    from: { name: 'f', digest: '0f', commandVersion: 5 },
    to: { name: 't', digest: '0e', commandVersion: 6 },
  },
  canaries: 1,
  soakMs: 1_000,
  notBeforeMs: 1_700_000_000_000,
  rollbackWindowMs: 0,
  guards: GUARDS_DEFAULT,
  inexpressible: ['i'],
});
const ENGINE = makePlan([{ nodeId: 1 }], 1, { rollbackWindowMs: 0 });

const WINDOWED = makePlan([{ nodeId: 1 }], 1, {
  rollbackWindowMs: 0,
  windows: [parseWindow('Sat,Sun 22:00-04:00 UTC-02:30')],
});

const AT = { rolloutId: 9, epoch: 2 } as const;

/** Bytes that version 5 writes. They never change: a later version reads them too. */
const GOLDEN: [Command, string][] = [
  [
    {
      type: 'setMember',
      nodeId: 2,
      status: 'up',
      host: 'h',
      port: 1,
      commandVersion: 5,
      release: 'r',
      supervised: true,
      zone: 'z',
    },
    '9a01a97365744d656d62657202a27570a1680105a172c3a17a',
  ],
  [
    { type: 'startRollout', plan: PLAN, digest: 'd', startedAtMs: 1, after: 4 },
    '9605ac7374617274526f6c6c6f75749f02a772656c65617365a166a1749293a166a230660593a174a2306506' +
      '92910291010101cd03e8cb4278bcfe56800000c3009bcd138802cb3f947ae147ae147b0332cd13880200ce10' +
      '00000001a8726f6c6c6261636b91d95b46696e616c697a6174696f6e3a207468657265206973206e6f20726f' +
      '6c6c6261636b2077696e646f773b2066726f6d207468657265206f6e207768617420662063616e6e6f742072' +
      '656164206d6179206265207772697474656e2e91a169a1640104',
  ],
  [
    { type: 'startRollout', plan: ENGINE, digest: 'd', startedAtMs: 1, after: 0 },
    '9605ac7374617274526f6c6c6f75749f02a6656e67696e65a27631a27632c091910100010000c300c091d95f' +
      '46696e616c697a6174696f6e3a207468657265206973206e6f20726f6c6c6261636b2077696e646f773b2066' +
      '726f6d207468657265206f6e207468652076312066696c657320617265206e6f74207772697474656e20616e' +
      '79206d6f72652e90a1640100',
  ],
  [
    {
      type: 'startRollout',
      plan: ENGINE,
      digest: 'd',
      startedAtMs: 1,
      after: 0,
      approval: new Uint8Array([1, 2]),
    },
    '9705ac7374617274526f6c6c6f75749f02a6656e67696e65a27631a27632c091910100010000c300c091d95f' +
      '46696e616c697a6174696f6e3a207468657265206973206e6f20726f6c6c6261636b2077696e646f773b2066' +
      '726f6d207468657265206f6e207468652076312066696c657320617265206e6f74207772697474656e20616e' +
      '79206d6f72652e90a1640100c4020102',
  ],
  [{ type: 'beginRollout', ...AT }, '9405ac626567696e526f6c6c6f75740902'],
  [{ type: 'beginRollout', ...AT, nowMs: 7 }, '9505ac626567696e526f6c6c6f7574090207'],
  [
    { type: 'openRollout', ...AT, openUntilMs: 500, nowMs: 7 },
    '9605ab6f70656e526f6c6c6f75740902cd01f407',
  ],
  [
    { type: 'startRollout', plan: WINDOWED, digest: 'd', startedAtMs: 1, after: 0 },
    '9605ac7374617274526f6c6c6f7574dc001002a6656e67696e65a27631a27632c091910100010000c300c091d95f' +
      '46696e616c697a6174696f6e3a207468657265206973206e6f20726f6c6c6261636b2077696e646f773b2066' +
      '726f6d207468657265206f6e207468652076312066696c657320617265206e6f74207772697474656e20616e' +
      '79206d6f72652e909194920607cd0528cd0168d1ff6aa1640100',
  ],
  [{ type: 'pauseRollout', ...AT, reason: 'why' }, '9505ac7061757365526f6c6c6f75740902a3776879'],
  [
    { type: 'rollbackRollout', ...AT, reason: 'why' },
    '9505af726f6c6c6261636b526f6c6c6f75740902a3776879',
  ],
  [{ type: 'resumeRollout', ...AT }, '9405ad726573756d65526f6c6c6f75740902'],
  [{ type: 'resumeRollout', ...AT, nowMs: 7 }, '9505ad726573756d65526f6c6c6f7574090207'],
  [
    { type: 'throttleRollout', ...AT, maxUnavailable: 2, soakMs: 500 },
    '9605af7468726f74746c65526f6c6c6f7574090202cd01f4',
  ],
  [
    { type: 'postponeRollout', ...AT, notBeforeMs: 7 },
    '9505af706f7374706f6e65526f6c6c6f7574090207',
  ],
  [
    { type: 'haltRollout', rolloutId: 9, nodeId: 2, nodeEpoch: 3, reason: 'why' },
    '9605ab68616c74526f6c6c6f7574090203a3776879',
  ],
  [
    { type: 'giveUpRollout', rolloutId: 9, nodeId: 2, nodeEpoch: 3, reason: 'why' },
    '9605ad676976655570526f6c6c6f7574090203a3776879',
  ],
  [{ type: 'finalizeRollout', ...AT }, '9405af66696e616c697a65526f6c6c6f75740902'],
  [
    { type: 'ackFence', ...AT, nodeId: 2, engine: 'v2', release: 'r', commandVersion: 5 },
    '9805a861636b46656e6365090202a27632a17205',
  ],
  [{ type: 'closeWindow', ...AT, nowMs: 7, early: true }, '9605ab636c6f736557696e646f77090207c3'],
  [
    { type: 'finishStep', rolloutId: 9, nodeId: 2, step: 'soak', epoch: 1, detail: {} },
    '9701aa66696e697368537465700902a4736f616b01a27b7d',
  ],
  [
    { type: 'finishStep', rolloutId: 9, nodeId: 2, step: 'soak', epoch: 1, detail: {}, nowMs: 7 },
    '9801aa66696e697368537465700902a4736f616b01a27b7d07',
  ],
  [{ type: 'raiseVersion', rolloutId: 9, nowMs: 7 }, '9401ac726169736556657273696f6e0907'],
  [
    { type: 'raiseCommandVersion', version: 5, nowMs: 7 },
    '9402b37261697365436f6d6d616e6456657273696f6e0507',
  ],
];

function stateOf(): ControlState {
  const state = newControlState({
    swarmId: 's',
    joinTokenHash: 'j',
    clientTokenHash: 'c',
    swarmVersion: 1,
    peerId: 'p',
    host: 'h',
    port: 1,
  });
  const founder = state.members.get(1);
  if (founder === undefined) throw new Error('a new swarm has its founder');
  Object.assign(founder, { release: 'r', supervised: true, zone: 'z' });
  state.rollout = IN_STATUS.rollingBack();
  return state;
}

const GOLDEN_STATE =
  '9c05a173a16aa1630102919b01a170a16801a76a6f696e696e67a27631c205a172c3a17a909f07a664696765' +
  '73749f02a772656c65617365a466726f6da2746f9293a466726f6da1660593a2746fa1740592910191020001' +
  '0000c3cd03e8c091d96b54686520656e64206f662074686520726f6c6c6261636b2077696e646f772c203120' +
  '732061667465722066696e616c697a6174696f6e3a2066726f6d207468657265206f6e20776861742066726f' +
  '6d2063616e6e6f742072656164206d6179206265207772697474656e2e90ab726f6c6c696e674261636b0392' +
  '9601a4646f6e65a7666f72776172640700b17b2273746570223a2272656a6f696e227d9602a6636f72646f6e' +
  'a46261636b0800b17b2273746570223a2272656a6f696e227d01000001000090a3776879aa726f6c6c656442' +
  '61636b00ce0036ee809505cd7530909090';

describe('entries of version 5', () => {
  it.each(GOLDEN)('%o have their golden bytes', (command, golden) => {
    expect(hex(encodeCommand(command))).toBe(golden);
    expect(decodeCommand(bytes(golden))).toEqual(command);
  });

  it('are not needed for a plan of the first form, which stays in version 1', () => {
    const start: Command = {
      type: 'startRollout',
      plan: formerPlan([2, 1]),
      digest: 'd',
      startedAtMs: 1,
    };
    expect(hex(encodeCommand(start))).toBe(
      '9701ac7374617274526f6c6c6f7574a27631a27632920201a16401',
    );
  });

  it('that are damaged are refused as malformed, whatever the damage', () => {
    const goldens = GOLDEN.map(([, golden]) => golden);
    expectDecodedOrMalformed(goldens, decodeCommand);
  });
});

describe('the control state of version 5', () => {
  it('has its golden bytes', () => {
    const state = stateOf();
    expect(hex(encodeControlState(state))).toBe(GOLDEN_STATE);
    expect(decodeControlState(bytes(GOLDEN_STATE))).toEqual(state);
  });

  it.each(Object.entries(IN_STATUS))('holds a rollout that is %s', (_status, rollout) => {
    const state = { ...stateOf(), rollout: rollout() };
    expect(decodeControlState(encodeControlState(state))).toEqual(state);
  });

  it('holds until when a window is open, and a state without windows says nothing of it', () => {
    const rollout = startRollout(7, WINDOWED, 'digest', 1, 0);
    const state = { ...stateOf(), rollout: { ...rollout, openUntilMs: 5_000 } };
    expect(decodeControlState(encodeControlState(state))).toEqual(state);
    expect(hex(encodeControlState(stateOf()))).toBe(GOLDEN_STATE);
  });

  it('holds what shows that the members have approved, and nothing where they were not asked', () => {
    const approval = { after: 3, certificate: new Uint8Array([1, 2, 3]) };
    for (const plan of [ENGINE, WINDOWED]) {
      const rollout = { ...startRollout(7, plan, 'digest', 1, 0), approval };
      const state = { ...stateOf(), rollout };
      expect(decodeControlState(encodeControlState(state))).toEqual(state);
    }
    const state = { ...stateOf(), rollout: { ...stateOf().rollout!, approval } };
    expect(hex(encodeControlState(state))).toContain('aa726f6c6c65644261636b0003c403010203');
  });

  it('holds a rollout of a release before this one', () => {
    const former = { ...IN_STATUS.running(), plan: formerPlan([1, 2]) };
    const state = { ...stateOf(), rollout: former };
    expect(decodeControlState(encodeControlState(state))).toEqual(state);
  });

  it('that is damaged is refused as malformed, whatever the damage', () => {
    expectDecodedOrMalformed([GOLDEN_STATE], decodeControlState);
  });
});

/** One byte of one of the encodings is another one: it is decoded, or refused as malformed. */
function expectDecodedOrMalformed(
  goldens: readonly string[],
  decode: (input: Uint8Array) => unknown,
): void {
  const damaged = fc
    .tuple(fc.constantFrom(...goldens), fc.nat(), fc.integer({ min: 0, max: 255 }))
    .map(([golden, position, byte]) => {
      const copy = bytes(golden);
      copy[position % copy.length] = byte;
      return copy;
    });
  fc.assert(
    fc.property(damaged, (input) => {
      try {
        decode(input);
      } catch (error) {
        expect(error).toBeInstanceOf(NodeError);
        expect((error as NodeError).code).toBe('malformed');
      }
    }),
    { seed, numRuns: 2_000 },
  );
}
