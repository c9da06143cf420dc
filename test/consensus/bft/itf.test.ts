import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { canonical, difference, ItfMap, ItfSet, readItf } from '../../oracle/itf.js';
import { runTendermintOracle } from '../../oracle/tendermint-itf.js';

const unit = { '#tup': [] };
const int = (value: number): unknown => ({ '#bigint': String(value) });
const state = (round: number, step: string): unknown => ({
  p: 'v1',
  height: int(1),
  round: int(round),
  step: { tag: step, value: unit },
  lockedRound: int(-1),
  lockedValue: { tag: 'Nil', value: unit },
  validRound: int(-1),
  validValue: { tag: 'Nil', value: unit },
});
const first = {
  state: state(-1, 'NoStep'),
  input: { tag: 'NoConsensusInput', value: unit },
  output: { tag: 'NoConsensusOutput', value: unit },
};
const second = (kind: string): unknown => ({
  state: state(0, 'ProposeStep'),
  input: { tag: 'NewRoundCInput', value: int(0) },
  output: { tag: 'TimeoutOutput', value: { '#tup': [int(0), { tag: kind, value: unit }] } },
});

describe('the reader of ITF traces', () => {
  const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

  it('reads sets, maps, tuples, large numbers and variants, plain or gzipped', () => {
    const value = {
      a: { '#set': [int(2), 1, int(2)] },
      b: { '#map': [['k', { '#tup': ['x', true] }]] },
      c: { tag: 'None', value: unit },
    };
    const plain = bytes({ vars: ['a'], states: [{ '#meta': { index: 0 }, ...value }] });
    const { states } = readItf(plain);
    expect(readItf(gzipSync(plain)).states).toEqual(states);
    expect(canonical(states[0]!)).toBe('{ a: Set(1, 2), b: Map("k" -> ["x", true]), c: None() }');
  });

  it('finds sets and maps equal whatever their order, and says where values differ', () => {
    const [one, two] = [new ItfSet(['a', 'b']), new ItfSet(['b', 'a'])];
    expect(difference(one, two)).toBeNull();
    const map = (of: string): ItfMap => new ItfMap([['k', { f: of }]]);
    expect(difference({ m: map('a') }, { m: map('b') })).toBe(
      'm("k").f: the trace has "a", we have "b"',
    );
  });

  it.each([
    [[], 'an ITF trace is a JSON object'],
    [{ vars: [] }, 'a list of states'],
    [{ vars: [], states: [{ a: { '#bigint': '99999999999999999999' } }] }, 'kept exactly'],
    [{ vars: [], states: [{ a: { '#map': [['k']] } }] }, 'no pair'],
    [{ vars: [], states: [{ a: null }] }, 'which ITF does not have'],
    [{ vars: [], states: [{ a: { '#unserializable': 'Int' } }] }, 'could not be written'],
  ])('refuses %j', (value, message) => {
    expect(() => readItf(bytes(value))).toThrow(message);
  });
});

describe('the replay of traces', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'itf-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const run = (trace: unknown): ReturnType<typeof runTendermintOracle> => {
    writeFileSync(join(folder, 'one.itf.json'), JSON.stringify(trace));
    return runTendermintOracle(folder);
  };
  const vars = ['state', 'input', 'output'];

  it('passes a trace that is as the paper has it', () => {
    const states = [first, second('ProposeTimeout'), second('ProposeTimeout')];
    expect(run({ vars, states })).toMatchObject([{ verdict: 'passed', steps: 2 }]);
  });

  it('takes the names of an instance away from variables, and leaves others alone', () => {
    const named = (state: object): unknown =>
      Object.fromEntries(Object.entries(state).map(([name, value]) => [`T::N4::${name}`, value]));
    const states = [first, second('ProposeTimeout') as object].map(named);
    const others = [...vars.map((name) => `T::N4::${name}`), 'T::N7::system'];
    expect(run({ vars: others, states })).toMatchObject([{ verdict: 'passed', steps: 1 }]);
  });

  it('fails a trace with another output, and names the step', () => {
    const [outcome] = run({ vars, states: [first, second('PrevoteTimeout')] });
    expect(outcome).toMatchObject({ verdict: 'failed' });
    expect(outcome!.detail).toMatch(/^step 1: output.*PrevoteTimeout.*ProposeTimeout/);
  });

  it('fails a trace of an unknown module, and counts none that has no states', () => {
    expect(run({ vars: ['x'], states: [{ x: 1 }] })).toMatchObject([{ verdict: 'failed' }]);
    expect(run({ vars: [], states: [] })).toMatchObject([{ verdict: 'empty' }]);
    expect(run({ vars, states: [] })).toMatchObject([{ verdict: 'failed' }]);
  });
});
