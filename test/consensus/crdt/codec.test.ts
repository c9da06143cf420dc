/** The bytes of version 1 are these for good; all that is not written by a replica is refused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeState,
  decodeUpdate,
  encodeState,
  encodeUpdate,
} from '../../../consensus/crdt/codec.js';
import { CrdtError } from '../../../consensus/crdt/index.js';
import { decodeMessage, encodeMessage } from '../../../consensus/crdt/message.js';
import { decodeSnapshot, encodeSnapshot } from '../../../consensus/crdt/snapshot.js';
import type { Update } from '../../../consensus/crdt/update.js';
import { Random } from '../raft/random.js';
import { Group, SEED, mutation } from './support.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

const update: Update = {
  replica: 'r1',
  sequence: 3,
  after: new Map([
    ['r1', 2],
    ['r2', 300],
  ]),
  time: { wallMs: 1_700_000_000_000, counter: 5 },
  changes: [
    {
      path: [
        { kind: 'map', key: 'm' },
        { kind: 'set', key: 's' },
      ],
      element: 'é',
      added: { kind: 'set', content: null },
      removed: [{ replica: 'r2', sequence: 7 }],
    },
    {
      path: [{ kind: 'counter', key: 'c' }],
      added: { kind: 'counter', content: { up: 4, down: 1 } },
      removed: [],
    },
    {
      path: [{ kind: 'last-write', key: 'l' }],
      added: { kind: 'last-write', content: { time: { wallMs: 9, counter: 0 }, value: -2 } },
      removed: [],
    },
    {
      path: [{ kind: 'multi-value', key: 'v' }],
      added: { kind: 'multi-value', content: 1.5 },
      removed: [],
    },
  ],
};

const GOLDEN = {
  update:
    '01027231030202723102027232ac0280d095ffbc3105040204016d0301730302c3a9010272320701' +
    '000163020401000101016c020900040200010201760205000000000000f83f00',
  state:
    '010102723104c0843d03040001630102723101020001016c0102723104c0843d0302020176010272' +
    '31030604746578740301730101780102723102',
  snapshot:
    '013b010102723104c0843d03040001630102723101020001016c0102723104c0843d030202017601' +
    '02723103060474657874030173010178010272310201027231020148010272310302027231020272' +
    '32ac0280d095ffbc3105040204016d0301730302c3a9010272320701000163020401000101016c02' +
    '0900040200010201760205000000000000f83f00',
  digest: '010001020272310302723207',
  updates: '0101020101020203',
  message: '0102abcd',
} as const;

/** A state with a value of each kind. */
function group(): Group {
  const made = new Group(1);
  made.mutate(0, { type: 'count', path: [{ kind: 'counter', key: 'c' }], by: 2 });
  made.mutate(0, { type: 'add', path: [{ kind: 'set', key: 's' }], element: 'x' });
  made.mutate(0, { type: 'write', path: [{ kind: 'multi-value', key: 'v' }], value: 'text' });
  made.mutate(0, { type: 'assign', path: [{ kind: 'last-write', key: 'l' }], value: true });
  return made;
}

describe('the bytes of version 1', () => {
  it('of an update', () => {
    expect(hex(encodeUpdate(update))).toBe(GOLDEN.update);
    expect(decodeUpdate(bytesOf(GOLDEN.update))).toEqual(update);
  });

  it('of a state', () => {
    const { state } = group().members[0]!.replica;
    expect(hex(state)).toBe(GOLDEN.state);
    expect(hex(encodeState(decodeState(state)))).toBe(GOLDEN.state);
  });

  it('of a snapshot', () => {
    const state = decodeState(bytesOf(GOLDEN.state));
    const updates = [bytesOf(GOLDEN.update)];
    const snapshot = { state, base: new Map([['r1', 2]]), updates };
    expect(hex(encodeSnapshot(snapshot))).toBe(GOLDEN.snapshot);
    expect(decodeSnapshot(bytesOf(GOLDEN.snapshot))).toEqual(snapshot);
  });

  it('of messages', () => {
    const version = new Map([
      ['r2', 7],
      ['r1', 3],
    ]);
    expect(hex(encodeMessage({ type: 'digest', version, asks: true }))).toBe(GOLDEN.digest);
    const updates = [Uint8Array.of(1), Uint8Array.of(2, 3)];
    expect(hex(encodeMessage({ type: 'updates', updates }))).toBe(GOLDEN.updates);
    const state = Uint8Array.of(0xab, 0xcd);
    expect(hex(encodeMessage({ type: 'state', state }))).toBe(GOLDEN.message);
  });
});

describe('other bytes', () => {
  const decoders: readonly ((bytes: Uint8Array) => unknown)[] = [
    decodeUpdate,
    decodeState,
    decodeMessage,
    decodeSnapshot,
  ];

  it('are refused, or say what they would be written as', () => {
    const encoders = [encodeUpdate, encodeState, encodeMessage, encodeSnapshot] as const;
    const samples = Object.values(GOLDEN).map(bytesOf);
    const damage = fc.tuple(fc.nat(samples.length - 1), fc.nat(200), fc.nat(255), fc.boolean());
    fc.assert(
      fc.property(damage, fc.nat(3), ([sample, at, byte, isCut], which) => {
        const bytes = samples[sample]!.slice(0, isCut ? at : undefined);
        if (bytes.length > 0) bytes[at % bytes.length] = byte;
        try {
          const value = decoders[which]!(bytes);
          expect(hex((encoders[which] as (value: unknown) => Uint8Array)(value))).toBe(hex(bytes));
        } catch (error) {
          if (!(error instanceof CrdtError)) throw error;
          expect(error.code).toBe('bad-encoding');
        }
      }),
      { seed: SEED, numRuns: 3_000 },
    );
  });

  it.each([
    ['an update of a newer format', decodeUpdate, '02'],
    ['a state of a newer format', decodeState, '02'],
    ['a message of a newer format', decodeMessage, '02'],
    ['a snapshot of a newer format', decodeSnapshot, '02'],
    ['a count of two to the forty-fourth', decodeState, '0180808080808004'],
    ['an update that does not follow', decodeUpdate, '0102723102010272310500000000'],
    ['bytes behind the end', decodeUpdate, '01027231010000000000'],
    ['an update of nobody', decodeUpdate, '01000100000000'],
  ] as const)('%s: refused', (_what, decode, text) => {
    expect(() => decode(bytesOf(text))).toThrow(CrdtError);
  });

  it('but for these, which are an update without a change', () => {
    expect(decodeUpdate(bytesOf('010272310100000000'))).toMatchObject({ changes: [] });
  });

  it('of an update that changes a place twice are refused', () => {
    const [, count] = update.changes;
    const twice = encodeUpdate({ ...update, changes: [count!, count!] });
    expect(() => decodeUpdate(twice)).toThrow(/changes a place twice/);
  });

  it('of an update that removes what nobody has seen are refused by a replica', () => {
    const forged = { ...update, sequence: 1, after: new Map(), replica: 'r2' };
    const bytes = encodeMessage({ type: 'updates', updates: [encodeUpdate(forged)] });
    const victim = new Group(2).members[0]!;
    const nowMs = update.time.wallMs;
    const effects = victim.step({ type: 'message', from: 'r2', bytes, nowMs });
    expect(effects).toMatchObject([{ type: 'rejected', error: { code: 'bad-encoding' } }]);
    expect(victim.replica.version.size).toBe(0);
  });
});

describe('what replicas write', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(fc.array(mutation, { maxLength: 30 }), fc.nat(), (mutations, seed) => {
        const made = new Group(2);
        const random = new Random(seed);
        for (const one of mutations) {
          made.mutate(random.below(2), one);
          made.happen(random);
        }
        for (const { replica } of made.members) {
          expect(hex(encodeState(decodeState(replica.state)))).toBe(hex(replica.state));
        }
      }),
      { seed: SEED, numRuns: 100 },
    );
  });
});
