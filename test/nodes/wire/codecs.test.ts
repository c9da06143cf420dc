import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { applyControl } from '../../../nodes/control-plane/apply.js';
import type { Command } from '../../../nodes/control-plane/command.js';
import { newControlState } from '../../../nodes/control-plane/state.js';
import { NodeError } from '../../../nodes/errors.js';
import { decodeCommand, encodeCommand } from '../../../nodes/wire/command-codec.js';
import { decodeDumpRecord, encodeDumpRecord } from '../../../nodes/wire/dump-codec.js';
import { encode } from '../../../nodes/wire/fields.js';
import { decodeControlState, encodeControlState } from '../../../nodes/wire/state-codec.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
console.log(`wire codecs: SEED=${seed}`);

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

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
      plan: { from: 'v1', to: 'v2', order: [2, 1] },
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

describe('commands', () => {
  it.each(GOLDEN_COMMANDS)('%o have their golden bytes', (command, golden) => {
    expect(hex(encodeCommand(command))).toBe(golden);
    expect(decodeCommand(bytes(golden))).toEqual(command);
  });

  it('hold no more memory than their bytes, also after a large message', () => {
    encode(new Uint8Array(1_000_000));
    const encoded = encodeCommand({ type: 'openSession', owner: 'o' });
    expect(encoded.buffer.byteLength).toBe(encoded.byteLength);
  });

  it('of another version are refused by name', () => {
    expect(() => decodeCommand(encode([2, 'openSession']))).toThrow(/version must be 1; it is 2/);
  });

  it('that are damaged are refused as malformed, whatever the damage', () => {
    const damaged = fc
      .tuple(fc.constantFrom(...GOLDEN_COMMANDS), fc.nat(), fc.integer({ min: 0, max: 255 }))
      .map(([[, golden], position, byte]) => {
        const copy = bytes(golden);
        copy[position % copy.length] = byte;
        return copy;
      });
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 64 })), (input) => {
        try {
          decodeCommand(input);
        } catch (error) {
          expect(error).toBeInstanceOf(NodeError);
          expect((error as NodeError).code).toBe('malformed');
        }
      }),
      { seed, numRuns: 2_000 },
    );
  });
});

describe('the control state', () => {
  const golden =
    '9901a173a16aa1630102919701a170a16801a76a6f696e696e67a27631c2919502a16f0002a26f6b9803a164a27631' +
    'a27632a772756e6e696e67919401a6636f72646f6e01c004a0';

  it('has its golden bytes', () => {
    const state = newControlState({
      swarmId: 's',
      joinTokenHash: 'j',
      clientTokenHash: 'c',
      swarmVersion: 1,
      peerId: 'p',
      host: 'h',
      port: 1,
    });
    applyControl(state, 2, { type: 'openSession', owner: 'o' });
    const plan = { from: 'v1', to: 'v2', order: [1] } as const;
    applyControl(state, 3, { type: 'startRollout', plan, digest: 'd', startedAtMs: 4 });
    expect(hex(encodeControlState(state))).toBe(golden);
    expect(decodeControlState(bytes(golden))).toEqual(state);
  });
});

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
