import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { applyControl } from '../../../nodes/control-plane/apply.js';
import type { Command } from '../../../nodes/control-plane/command.js';
import { noPlacement } from '../../../nodes/control-plane/membership.js';
import { admitWrite } from '../../../nodes/control-plane/sessions.js';
import { newControlState } from '../../../nodes/control-plane/state.js';
import { NodeError } from '../../../nodes/errors.js';
import { formerPlan } from '../../../nodes/rollout/plan.js';
import { decodeCommand, encodeCommand } from '../../../nodes/wire/command-codec.js';
import { decodeDumpRecord, encodeDumpRecord } from '../../../nodes/wire/dump-codec.js';
import { encode } from '../../../nodes/wire/fields.js';
import { decodeControlState, encodeControlState } from '../../../nodes/wire/state-codec.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
console.log(`wire codecs: SEED=${seed}`);

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

/** One byte of one of the encodings, in hexadecimal, is another one. */
function damagedFrom(...encodings: string[]): fc.Arbitrary<Uint8Array> {
  return fc
    .tuple(fc.constantFrom(...encodings), fc.nat(), fc.integer({ min: 0, max: 255 }))
    .map(([golden, position, byte]) => {
      const copy = bytes(golden);
      copy[position % copy.length] = byte;
      return copy;
    });
}

/** Every input is decoded, or refused as malformed. */
function expectDecodedOrMalformed(
  inputs: fc.Arbitrary<Uint8Array>,
  decode: (input: Uint8Array) => unknown,
): void {
  fc.assert(
    fc.property(inputs, (input) => {
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

/** Bytes that version 1 writes. They never change: a later version reads them too. */
const GOLDEN_COMMANDS: [Command, string][] = [
  [
    { type: 'addMember', peerId: 'p', host: 'h', port: 4433 },
    '9501a96164644d656d626572a170a168cd1151',
  ],
  [
    { type: 'setMember', nodeId: 2, status: 'up', host: 'h', port: 4433 },
    '9601a97365744d656d62657202a27570a168cd1151',
  ],
  [{ type: 'removeMember', nodeId: 2 }, '9301ac72656d6f76654d656d62657202'],
  [{ type: 'openSession', owner: 'o' }, '9301ab6f70656e53657373696f6ea16f'],
  [
    {
      type: 'memory',
      session: 5,
      owner: 'o',
      sequence: 1,
      command: {
        type: 'insertMemory',
        id: 'a',
        content: 'text',
        metadata: { k: [1, null] },
        vector: { model: 'm', values: new Float32Array([1, -0.5]) },
        timestampMs: 1_700_000_000_000,
      },
    },
    '9a01ac696e736572744d656d6f727905a16f01a161a474657874ae7b226b223a5b312c6e756c6c5d7d92a16dc408' +
      '0000803f000000bfcb4278bcfe56800000',
  ],
  [
    {
      type: 'memory',
      session: 5,
      owner: 'o',
      sequence: 2,
      command: {
        type: 'addEdge',
        from: 'a',
        to: 'b',
        relation: 'r',
        weight: 0.25,
        timestampMs: 1,
      },
    },
    '9a01a76164644564676505a16f02a161a162a172cb3fd000000000000001',
  ],
  [
    {
      type: 'startRollout',
      plan: formerPlan([2, 1]),
      digest: 'd',
      startedAtMs: 1,
    },
    '9701ac7374617274526f6c6c6f7574a27631a27632920201a16401',
  ],
  [
    { type: 'finishStep', rolloutId: 9, nodeId: 2, step: 'cordon', epoch: 1, detail: { n: 1 } },
    '9701aa66696e697368537465700902a6636f72646f6e01a77b226e223a317d',
  ],
  [
    { type: 'abortRollout', rolloutId: 9, reason: 'why' },
    '9401ac61626f7274526f6c6c6f757409a3776879',
  ],
  [{ type: 'raiseVersion', rolloutId: 9 }, '9301ac726169736556657273696f6e09'],
];

/** What version 2 added: commands of sessions with the time of the leader, and a field at an end. */
const GOLDEN_COMMANDS_2: [Command, string][] = [
  [
    { type: 'setMember', nodeId: 2, status: 'up', host: 'h', port: 4433, commandVersion: 2 },
    '9701a97365744d656d62657202a27570a168cd115102',
  ],
  [
    { type: 'openSession', owner: 'o', nowMs: 1_000_000_000_000 },
    '9402ab6f70656e53657373696f6ea16fcb426d1a94a2000000',
  ],
  [
    { type: 'keepSession', session: 5, owner: 'o', nowMs: 7 },
    '9502ab6b65657053657373696f6e05a16f07',
  ],
  [
    { type: 'closeSession', session: 5, owner: 'o', nowMs: 7 },
    '9502ac636c6f736553657373696f6e05a16f07',
  ],
  [
    {
      type: 'memory',
      session: 5,
      owner: 'o',
      sequence: 3,
      awaitedFrom: 2,
      nowMs: 7,
      command: {
        type: 'insertMemory',
        id: 'a',
        content: 'text',
        metadata: {},
        vector: null,
        timestampMs: 1,
      },
    },
    '9c02ac696e736572744d656d6f727905a16f030207a161a474657874a27b7dc001',
  ],
  [
    {
      type: 'memory',
      session: 5,
      owner: 'o',
      sequence: 3,
      awaitedFrom: 2,
      nowMs: 7,
      command: {
        type: 'addEdge',
        from: 'a',
        to: 'b',
        relation: 'r',
        weight: 0.25,
        timestampMs: 1,
      },
    },
    '9c02a76164644564676505a16f030207a161a162a172cb3fd000000000000001',
  ],
  [{ type: 'advanceClock', nowMs: 7 }, '9302ac616476616e6365436c6f636b07'],
  [
    { type: 'raiseCommandVersion', version: 2, nowMs: 7 },
    '9402b37261697365436f6d6d616e6456657273696f6e0207',
  ],
];

const DELETE = { type: 'memory', session: 5, owner: 'o', sequence: 3, awaitedFrom: 2 } as const;

/** What version 3 added: deletes. */
const GOLDEN_COMMANDS_3: [Command, string][] = [
  [
    { ...DELETE, nowMs: 7, command: { type: 'deleteMemory', id: 'a', timestampMs: 1 } },
    '9903ac64656c6574654d656d6f727905a16f030207a16101',
  ],
  [
    {
      ...DELETE,
      nowMs: 7,
      command: { type: 'deleteEdge', from: 'a', to: 'b', relation: 'r', timestampMs: 1 },
    },
    '9b03aa64656c6574654564676505a16f030207a161a162a17201',
  ],
  [
    { type: 'raiseCommandVersion', version: 3, nowMs: 7 },
    '9402b37261697365436f6d6d616e6456657273696f6e0307',
  ],
];

/** Bytes that version 4 writes, for memories that expire. */
const GOLDEN_COMMANDS_4: [Command, string][] = [
  [
    {
      ...DELETE,
      nowMs: 7,
      command: {
        type: 'insertMemory',
        id: 'a',
        content: 'text',
        metadata: {},
        vector: null,
        timestampMs: 1,
        expiresAtMs: 1_700_000_000_000,
      },
    },
    '9d04ac696e736572744d656d6f727905a16f030207a161a474657874a27b7dc001cb4278bcfe56800000',
  ],
  [
    { type: 'expireMemory', id: 'a', timestampMs: 1_700_000_000_000 },
    '9404ac6578706972654d656d6f7279a161cb4278bcfe56800000',
  ],
  [
    { type: 'raiseCommandVersion', version: 4, nowMs: 7 },
    '9402b37261697365436f6d6d616e6456657273696f6e0407',
  ],
];

const ALL_GOLDEN_COMMANDS = [
  ...GOLDEN_COMMANDS,
  ...GOLDEN_COMMANDS_2,
  ...GOLDEN_COMMANDS_3,
  ...GOLDEN_COMMANDS_4,
];

describe('commands', () => {
  it.each(ALL_GOLDEN_COMMANDS)('%o have their golden bytes', (command, golden) => {
    expect(hex(encodeCommand(command))).toBe(golden);
    expect(decodeCommand(bytes(golden))).toEqual(command);
  });

  it('hold no more memory than their bytes, also after a large message', () => {
    encode(new Uint8Array(1_000_000));
    const encoded = encodeCommand({ type: 'openSession', owner: 'o' });
    expect(encoded.buffer.byteLength).toBe(encoded.byteLength);
  });

  it('of another version are refused by name', () => {
    expect(() => decodeCommand(encode([6, 'openSession']))).toThrow(/1 to 5; it is 6/);
    const later = encode([2, 'raiseCommandVersion', 6, 7]);
    expect(() => decodeCommand(later)).toThrow(/2 to 5; it is 6/);
    expect(() => decodeCommand(encode([2, 'removeMember', 1]))).toThrow(/kind must be one of/);
  });

  it('that are damaged are refused as malformed, whatever the damage', () => {
    const goldens = ALL_GOLDEN_COMMANDS.map(([, golden]) => golden);
    const damaged = damagedFrom(...goldens);
    expectDecodedOrMalformed(fc.oneof(damaged, fc.uint8Array({ maxLength: 64 })), decodeCommand);
  });
});

describe('the control state', () => {
  /** Version 1, as the previous release writes it and reads it. */
  const golden1 =
    '9901a173a16aa1630102919701a170a16801a76a6f696e696e67a27631c2919502a16f0002a26f6b9803a164a27631' +
    'a27632a772756e6e696e67919401a6636f72646f6e01c004a0';
  const golden2 =
    '9b02a173a16aa1630102919801a170a16801a76a6f696e696e67a27631c202919602a16fcd07d003029293010500930006019803a164a27631a27632a772756e6e696e67919401a6636f72646f6e01c004a0cd07d0ce0036ee80';

  /** Version 2 with another number, and the answer that there was nothing to delete. */
  const golden3 = golden2
    .replace(/^9b02/, '9b03')
    .replace('a27631c202', 'a27631c203')
    .replace('9293010500', '9293010503');

  /** Version 3 with another number. */
  const golden4 = golden3.replace(/^9b03/, '9b04').replace('a27631c203', 'a27631c204');

  function started() {
    const state = newControlState({
      swarmId: 's',
      joinTokenHash: 'j',
      clientTokenHash: 'c',
      swarmVersion: 1,
      peerId: 'p',
      host: 'h',
      port: 1,
    });
    const plan = formerPlan([1]);
    const start = { type: 'startRollout', plan, digest: 'd', startedAtMs: 4 } as const;
    return { state, start };
  }

  it('of version 1 has its golden bytes, until the command version is raised', () => {
    const { state, start } = started();
    state.commandVersion = 1;
    state.placement = noPlacement();
    for (const member of state.members.values()) member.commandVersion = 1;
    applyControl(state, 2, { type: 'openSession', owner: 'o' });
    applyControl(state, 3, start);
    expect(hex(encodeControlState(state))).toBe(golden1);
    expect(decodeControlState(bytes(golden1))).toEqual(state);
  });

  it.each([
    [2, golden2, 'ok'],
    [3, golden3, 'not-found'],
    [4, golden4, 'not-found'],
  ] as const)('of version %d has its golden bytes', (version, golden, outcome) => {
    const { state, start } = started();
    state.commandVersion = version;
    state.placement = noPlacement();
    for (const member of state.members.values()) member.commandVersion = version;
    applyControl(state, 2, { type: 'openSession', owner: 'o', nowMs: 1_000 });
    applyControl(state, 3, start);
    for (const sequence of [3, 2]) {
      const head = {
        type: 'memory',
        session: 2,
        owner: 'o',
        awaitedFrom: 2,
        nowMs: 2_000,
      } as const;
      const command = {
        type: 'addEdge',
        from: 'a',
        to: 'b',
        relation: 'r',
        weight: 1,
        timestampMs: 1,
      } as const;
      const admission = admitWrite(state, 8 - sequence, { ...head, sequence, command });
      if (admission.kind !== 'new') throw new Error('both writes are new');
      admission.answer.outcome = sequence === 2 ? 'missing-endpoint' : outcome;
    }
    expect(hex(encodeControlState(state))).toBe(golden);
    expect(decodeControlState(bytes(golden))).toEqual(state);
  });

  it.each([
    ['a time-out of no time', [2, 's', 'j', 'c', 2, 2, [], [], null, 0, 0], /sessionTimeoutMs/],
    ['an answer beyond the window', sessionOf([[64, 1, 0]]), /distance must be below 64/],
    ['an outcome without a name', sessionOf([[0, 1, 4]]), /outcome must be below 4/],
    [
      'more answers than a window',
      sessionOf(Array.from({ length: 65 }, () => [0, 1, 0])),
      /at most 64/,
    ],
    ['a version of later', [6], /1 to 5; it is 6/],
  ])('with %s is refused', (_what, fields, message) => {
    expect(() => decodeControlState(encode(fields))).toThrow(message);
  });

  it('that is damaged is refused as malformed, whatever the damage', () => {
    expectDecodedOrMalformed(damagedFrom(golden1, golden2, golden3, golden4), decodeControlState);
  });
});

/** A state of version 2 with one session of these answers. */
function sessionOf(answers: unknown): unknown[] {
  const session = [5, 'o', 0, 0, 1, answers];
  return [2, 's', 'j', 'c', 2, 2, [], [session], null, 0, 3_600_000];
}

describe('dump records', () => {
  const record = {
    table: 't',
    row: { a: null, b: 'x', c: 3n, d: 1.5, e: new Uint8Array([1, 2]) },
    vector: { model: 'm', values: new Float32Array([1]) },
  };
  const golden =
    '9401a1749592a161a46e756c6c93a162a474657874a17893a163a7696e7465676572a13393a164a47265616cc4' +
    '08000000000000f83f93a165a4626c6f62c402010292a16dc4040000803f';

  it('have their golden bytes', () => {
    expect(hex(encodeDumpRecord(record))).toBe(golden);
    const { vector, ...rest } = decodeDumpRecord(bytes(golden));
    expect({ ...rest, row: { ...rest.row, e: [1, 2] } }).toEqual({
      table: 't',
      row: { ...record.row, e: [1, 2] },
    });
    expect(vector).toEqual(record.vector);
  });

  it('survive with every value that a row can hold', () => {
    const value = fc.oneof(
      fc.constant(null),
      fc.string({ unit: 'binary' }),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.double({ noNaN: true }),
    );
    const row = fc.dictionary(
      fc.string({ minLength: 1, maxLength: 20 }).filter((name) => name !== '__proto__'),
      value,
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(row, (columns) => {
        expect(decodeDumpRecord(encodeDumpRecord({ table: 't', row: columns })).row).toEqual(
          columns,
        );
      }),
      { seed },
    );
  });
});
