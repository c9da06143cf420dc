/**
 * Byzantine consensus among 4 or 7 validators of which fewer than a third of the weight is faulty,
 * while links break, and correct validators crash and pause; others stand by, validators are changed by
 * what is decided, and those are removed against whom there is a proof. Safety always: agreement,
 * validity, no two messages signed for one place, no correct one accused, each height with the
 * validators that decisions give it. When everything has healed, but for the faulty, all correct ones
 * decide further heights, also if the faulty are silent from then on, or vote only half; and whoever was
 * found out has no weight.
 */
import { ValidatorSet } from '../../consensus/bft/index.js';
import { FAULTS, FINALES, type Fault, FaultyReplica, type Finale } from '../bft/faulty.js';
import { BftJudge } from '../bft/judge.js';
import { BftReplica, type BftProbe, type BftStored } from '../bft/replica.js';
import { type BftWire, describeBftWire } from '../bft/wire.js';
import { defineScenario } from '../define/define-scenario.js';
import type { Setup } from '../define/definition.js';
import { networkFaultKinds } from '../nemesis/index.js';
import type { Context, DiskView, RandomStream } from '../world/index.js';

type Own = {
  readonly validators: number;
  /** Weights, that of the first validator first. */
  readonly weights: readonly number[];
  /** What the last validators do wrong, one entry each. */
  readonly faulty: readonly (readonly Fault[])[];
  /** Correct ones that are no validators at first. */
  readonly standby: number;
  /** How often a proposer would change validators by command. */
  readonly changeProbability: number;
  /** What the faulty do when all others are whole again. */
  readonly finale: Finale;
};

/** By what the faulty do then; each is to propose. */
const HEIGHTS_AFTER_HEALING = { 'as before': 3, silent: 6, 'only prevotes': 8 };
const PROBES: readonly BftProbe[] = [
  'decided-in-later-round',
  'value-proposed-again',
  'caught-up',
  'restarted-within-height',
  'faulty-proven',
  'skipped-rounds',
  'set-changed',
  'joined',
  'removed',
  'culprit-removed',
  'change-not-approved',
  'proposed-again-unapproved',
];
/** Short, so that rounds fail often, and growing, so that in the end one succeeds. */
const TIMEOUTS_MS = { propose: 150, prevote: 80, precommit: 80, growth: 60 };
const judges = new WeakMap<Setup<Own>, BftJudge>();

export const bft = defineScenario<Own, BftWire, BftStored, BftReplica>({
  name: 'bft',
  summary: 'Tendermint among validators of which fewer than a third are faulty, under faults',
  probes: PROBES,
  settings: drawOwn,
  nodes: ({ validators, standby }) => namesOf(validators + standby),
  program: (name, setup) => ({
    start: (disk, context) => startReplica(name, setup, disk, context),
  }),
  faults: { kinds: [...networkFaultKinds, 'crash', 'pause', 'disk-stall'], seconds: [3, 10] },
  livenessSeconds: 120,
  settled: ({ processes, settings }) => {
    const correct = [...processes.values()].filter(({ isFaulty }) => !isFaulty);
    const heights = correct.map(({ height }) => height);
    const judge = correct[0]?.judge;
    if (judge === undefined || judge === null) return false;
    judge.healedHeight ??= Math.max(...heights);
    const { validators, standby, faulty, finale } = settings;
    const areAll = correct.length === validators + standby - faulty.length;
    const areOut = [...judge.culprits].every((id) => !judge.weights.has(id));
    const goal = judge.healedHeight + HEIGHTS_AFTER_HEALING[finale];
    return areAll && areOut && Math.min(...heights) >= goal;
  },
  describe: describeBftWire,
  simplify: (own) => {
    const fewer: Own[] = own.faulty.flatMap((faults, at) =>
      faults.length <= 1
        ? []
        : faults.map((_, without) => ({
            ...own,
            faulty: own.faulty.with(at, faults.toSpliced(without, 1)),
          })),
    );
    const calmer: Own[] = [];
    if (own.finale !== 'as before') calmer.push({ ...own, finale: 'as before' });
    if (own.changeProbability > 0) calmer.push({ ...own, changeProbability: 0 });
    if (own.standby > 0) calmer.push({ ...own, standby: own.standby - 1 });
    if (own.faulty.length > 0) calmer.push({ ...own, faulty: own.faulty.slice(1) });
    return [...calmer, ...fewer];
  },
});

function namesOf(validators: number): string[] {
  return Array.from({ length: validators }, (_, i) => `validator-${i + 1}`);
}

function drawOwn(random: RandomStream): Own {
  const validators = random.pick([4, 4, 4, 7]);
  const most = (validators - 1) / 3;
  const count = random.pick([0, 1, most, most]);
  const faulty = Array.from({ length: count }, () =>
    random.shuffle(FAULTS).slice(0, random.integer(1, 4)),
  );
  return {
    validators,
    weights: drawWeights(random, validators, count),
    faulty,
    standby: random.integer(0, 2),
    changeProbability: random.pick([0, 0.2, 0.5]),
    finale: random.pick(FINALES),
  };
}

/** Equal or not; those of the faulty, at the end, are less than a third of all. */
function drawWeights(random: RandomStream, validators: number, faulty: number): number[] {
  if (random.chance(0.6)) return Array.from({ length: validators }, () => 1);
  const weights = Array.from({ length: validators }, () => random.integer(2, 5));
  for (let i = validators - faulty; i < validators; i += 1) weights[i] = 2;
  return weights;
}

function startReplica(
  name: string,
  setup: Setup<Own>,
  disk: DiskView<BftStored>,
  context: Context<BftWire, BftStored>,
): BftReplica {
  const { nodes, settings } = setup;
  const { validators, weights, faulty, changeProbability, finale } = settings;
  const first = nodes.slice(0, validators);
  const set = new ValidatorSet(first.map((id, i) => ({ id, weight: weights[i] ?? 1 })));
  const firstFaulty = validators - faulty.length;
  const judge = judges.get(setup) ?? new BftJudge(set, first.slice(firstFaulty));
  judges.set(setup, judge);
  const { reach } = setup;
  const options = {
    names: nodes,
    validators: set,
    timeoutsMs: TIMEOUTS_MS,
    library: judge.library,
    changeProbability,
    judge,
    reach,
  };
  const finaleNow = (): Finale => (judge.healedHeight === null ? 'as before' : finale);
  const faults = faulty[nodes.indexOf(name) - firstFaulty];
  const replica =
    faults === undefined
      ? new BftReplica(options, disk, context)
      : new FaultyReplica(options, faults, finaleNow, disk, context);
  return replica.begin();
}
