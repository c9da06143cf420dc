/**
 * Byzantine consensus among 4 or 7 validators of which fewer than a third of the weight is faulty,
 * while links break, and correct validators crash and pause. Safety always: agreement, validity, no
 * two messages signed for one place, no correct one accused. When everything has healed, but for the
 * faulty, all correct validators decide further heights.
 */
import { ValidatorSet } from '../../consensus/bft/index.js';
import { FAULTS, type Fault, FaultyReplica } from '../bft/faulty.js';
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
};

const HEIGHTS_AFTER_HEALING = 3;
const PROBES: readonly BftProbe[] = [
  'decided-in-later-round',
  'value-proposed-again',
  'caught-up',
  'restarted-within-height',
  'faulty-proven',
  'skipped-rounds',
];
/** Short, so that rounds fail often, and growing, so that in the end one succeeds. */
const TIMEOUTS_MS = { propose: 150, prevote: 80, precommit: 80, growth: 60 };
const judges = new WeakMap<Setup<Own>, BftJudge>();

export const bft = defineScenario<Own, BftWire, BftStored, BftReplica>({
  name: 'bft',
  summary: 'Tendermint among validators of which fewer than a third are faulty, under faults',
  probes: PROBES,
  settings: drawOwn,
  nodes: ({ validators }) => namesOf(validators),
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
    const areAll = correct.length === settings.validators - settings.faulty.length;
    return areAll && Math.min(...heights) >= judge.healedHeight + HEIGHTS_AFTER_HEALING;
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
    return own.faulty.length > 0 ? [{ ...own, faulty: own.faulty.slice(1) }, ...fewer] : fewer;
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
  return { validators, weights: drawWeights(random, validators, count), faulty };
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
  const { validators, weights, faulty } = settings;
  const set = new ValidatorSet(nodes.map((id, i) => ({ id, weight: weights[i] ?? 1 })));
  const firstFaulty = validators - faulty.length;
  const judge = judges.get(setup) ?? new BftJudge(set, nodes.slice(firstFaulty));
  judges.set(setup, judge);
  const { reach } = setup;
  const options = { names: nodes, validators: set, timeoutsMs: TIMEOUTS_MS, judge, reach };
  const faults = faulty[nodes.indexOf(name) - firstFaulty];
  const replica =
    faults === undefined
      ? new BftReplica(options, disk, context)
      : new FaultyReplica(options, faults, disk, context);
  return replica.begin();
}
