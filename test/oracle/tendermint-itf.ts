/**
 * Replays traces of the Quint specification of Tendermint (circlefin/malachite) through our state
 * machine, vote keeper and driver, and compares each step of each.
 */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type ConsensusState, initialState } from '../../consensus/bft/machine/state.js';
import { transition } from '../../consensus/bft/machine/transition.js';
import { VoteKeeper } from '../../consensus/bft/votes/keeper.js';
import { type ItfRecord, type ItfTrace, canonical, field, readItf } from './itf.js';
import { DriverReplay, mustEqual } from './tendermint-driver.js';
import {
  fromConsensusInput,
  fromValidators,
  fromVote,
  number,
  parts,
  text,
  toKeeper,
  toKeeperOutput,
  toOutput,
  toState,
  tuple,
  withoutReason,
} from './tendermint-terms.js';

/** How a trace ended. `empty` is one without states: of a test of plain functions. */
export interface TraceOutcome {
  readonly file: string;
  readonly module: ModuleName | null;
  readonly steps: number;
  readonly verdict: 'passed' | 'failed' | 'empty';
  /** The first step that differs, and how. */
  readonly detail: string;
}

/** The modules of the specification that have a state, by their variables. */
const MODULES = {
  'state machine': ['state', 'input', 'output'],
  'vote keeper': ['weightedVote', 'bookkeeper', 'lastEmitted'],
  driver: ['system', '_hist'],
} as const;
type ModuleName = keyof typeof MODULES;

/** Goes from one state of a trace to the next. */
interface Replay {
  step(before: ItfRecord, after: ItfRecord): void;
}

const REPLAYS: Readonly<Record<ModuleName, (first: ItfRecord) => Replay>> = {
  'state machine': (first) => new MachineReplay(first),
  'vote keeper': (first) => new KeeperReplay(first),
  driver: (first) => new DriverReplay(first),
};

/** Replays one trace, or each one below a folder. */
export function runTendermintOracle(path: string): TraceOutcome[] {
  if (!statSync(path).isDirectory()) return [runOne(path, path)];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.json(?:\.gz)?$/.test(name))
    .sort()
    .map((name) => runOne(join(path, name), relative('.', name)));
}

function runOne(path: string, file: string): TraceOutcome {
  let module: ModuleName | null = null;
  let steps = 0;
  try {
    const trace = readItf(readFileSync(path));
    if (trace.states.length === 0 && trace.variables.length === 0) {
      return { file, module, steps, verdict: 'empty', detail: 'the trace has no states' };
    }
    const recognised = recognise(trace);
    module = recognised.module;
    const [first, ...rest] = recognised.states;
    if (first === undefined) throw new Error('the trace has no states');
    const replay = REPLAYS[module](first);
    replay.step(first, first);
    let before = first;
    for (const after of rest) {
      steps += 1;
      replay.step(before, after);
      before = after;
    }
    return { file, module, steps, verdict: 'passed', detail: '' };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const detail = module === null ? message : `step ${steps}: ${message}`;
    return { file, module, steps, verdict: 'failed', detail };
  }
}

/**
 * The module that a trace is of, and its states without the names of the instance, which stand
 * before those of the variables. A trace may name variables of instances that it does not use.
 */
function recognise({ variables, states }: ItfTrace): {
  readonly module: ModuleName;
  readonly states: readonly ItfRecord[];
} {
  const [first] = states;
  const names = Object.keys(first ?? {});
  const prefixes = new Set(names.map((name) => name.slice(0, name.lastIndexOf('::') + 1)));
  for (const [module, wanted] of Object.entries(MODULES) as [ModuleName, readonly string[]][]) {
    for (const start of prefixes) {
      const prefix = start === '' ? '' : `${start}:`;
      if (!wanted.every((name) => names.includes(`${prefix}${name}`))) continue;
      return { module, states: states.map((state) => withoutPrefix(state, prefix)) };
    }
  }
  throw new Error(
    `it is of no module that is known here: its variables are ${variables.join(', ') || 'none'}`,
  );
}

function withoutPrefix(state: ItfRecord, prefix: string): ItfRecord {
  const own = Object.entries(state).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(own.map(([name, value]) => [name.slice(prefix.length), value]));
}

/** `unchangedAll` of the specification: nothing was done. */
function isRest(before: ItfRecord, after: ItfRecord, ours: ItfRecord): boolean {
  const isSame = canonical(before) === canonical(after);
  return (
    isSame &&
    Object.entries(ours).some(([name, value]) => {
      return canonical(withoutReasonOf(name, after)) !== canonical(value);
    })
  );
}

function withoutReasonOf(name: string, state: ItfRecord): ReturnType<typeof field> {
  const value = field(state, name);
  return name === 'output' ? withoutReason(value) : value;
}

class MachineReplay implements Replay {
  #state: ConsensusState;

  constructor(first: ItfRecord) {
    const state = field(first, 'state');
    this.#state = initialState(text(field(state, 'p')), number(field(state, 'height')));
  }

  step(before: ItfRecord, after: ItfRecord): void {
    const input = fromConsensusInput(field(after, 'input'));
    if (input === null) return mustEqual(field(after, 'state'), toState(this.#state), 'state');
    const { state, output } = transition(this.#state, input);
    const ours = { state: toState(state), output: toOutput(output) };
    if (isRest(before, after, ours)) return;
    this.#state = state;
    mustEqual(withoutReason(field(after, 'output')), ours.output, 'output');
    mustEqual(field(after, 'state'), ours.state, 'state');
  }
}

class KeeperReplay implements Replay {
  readonly #keeper: VoteKeeper;

  constructor(first: ItfRecord) {
    const bookkeeper = field(first, 'bookkeeper');
    const validators = fromValidators(field(bookkeeper, 'validatorSet'));
    this.#keeper = new VoteKeeper(number(field(bookkeeper, 'height')), validators);
  }

  step(before: ItfRecord, after: ItfRecord): void {
    const keeper = this.#keeper;
    const { tag, value } = parts(field(after, 'weightedVote'));
    if (tag === 'WV' && canonical(before) !== canonical(after)) {
      const [voted, weight, currentRound] = tuple(value);
      const vote = fromVote(voted ?? '');
      mustEqual(weight ?? '', keeper.validators.weightOf(vote.from), `weight of ${vote.from}`);
      const output = keeper.add(vote, number(currentRound));
      if (output === null) throw new Error(`${vote.from} is no validator`);
      mustEqual(field(after, 'lastEmitted'), toKeeperOutput(output), 'output');
    }
    mustEqual(field(after, 'bookkeeper'), toKeeper(keeper), 'votes');
  }
}
