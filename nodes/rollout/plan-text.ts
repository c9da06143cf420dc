/** A plan for people: a numbered tree of everything that it does, and what cannot be undone. */
import { stepsOf } from './state.js';
import type { Guards, RolloutPlan, RolloutStep } from './state.js';
import { windowText } from './windows.js';

const STEP_TEXT: Readonly<
  Record<'engine' | 'release', Readonly<Partial<Record<RolloutStep, string>>>>
> = {
  engine: {
    cordon: 'clients prefer other nodes',
    drain: 'leadership moves away, running writes end',
    snapshot: 'checks disk space, syncs the v1 file, pins the log',
    stage: 'builds the v2 store beside the v1 file, which goes on serving',
    catchUp: 'replays the log after the copy, then feeds both',
    validate: 'compares both stores: counts, every row, sample searches',
    switch: 'one entry: answers from v2 from its index on',
    rejoin: 'takes clients again',
    soak: 'serves under the guards',
  },
  release: {
    cordon: 'clients prefer other nodes',
    drain: 'leadership moves away, running requests end',
    stage: 'starts the new release beside the old one, which goes on serving',
    validate: 'the new release reads the files of this node and answers',
    switch: 'the old process hands over to the new one',
    rejoin: 'takes clients again',
    soak: 'serves under the guards',
  },
};

/** The sentences of a plan about what cannot be undone. */
export function irreversibleSteps(
  plan: Pick<RolloutPlan, 'kind' | 'from' | 'rollbackWindowMs'>,
): string[] {
  const { kind, from, rollbackWindowMs } = plan;
  const loss =
    kind === 'engine'
      ? `the ${from} files are not written any more`
      : `what ${from} cannot read may be written`;
  return rollbackWindowMs === 0
    ? [`Finalization: there is no rollback window; from there on ${loss}.`]
    : [
        `The end of the rollback window, ${durationText(rollbackWindowMs)} after finalization: ` +
          `from there on ${loss}.`,
      ];
}

/**
 * Everything that a plan does, one line a step, without a line break at the end. `timeText` writes a time
 * of day that is given in milliseconds since 1970.
 */
export function planTree(plan: RolloutPlan, timeText: (timeMs: number) => string): string {
  const { kind, from, to, batches, canaries, rollbackWindowMs } = plan;
  const nodes = batches.flat().length;
  const lines = [
    `${kind} rollout ${from} -> ${to}: ${countOf(nodes, 'node')} in ${countOf(batches.length, 'batch', 'batches')}`,
    ...termsOf(plan, timeText),
    '',
  ];
  const steps = stepsOf(kind, 'forward').filter((step) => step !== 'soak' || plan.soakMs > 0);
  for (const [i, batch] of batches.entries()) {
    lines.push(`${i + 1}. batch ${i + 1}${i < canaries ? ' (canary)' : ''}`);
    for (const [j, nodeId] of batch.entries()) {
      lines.push(`   ${i + 1}.${j + 1} node ${nodeId}`);
      for (const [k, step] of steps.entries()) {
        const text = STEP_TEXT[kind][step] ?? '';
        lines.push(`       ${i + 1}.${j + 1}.${k + 1} ${step.padEnd(8)}  ${text}`);
      }
    }
  }
  const last = batches.length + 1;
  lines.push(
    `${last}. finalize${plan.autoFinalize ? '' : ' (waits for an operator)'}`,
    `   ${last}.1 validate  every member is on ${to}`,
    `   ${last}.2 fence     every member acknowledges; what is older cannot act any more`,
    `   ${last}.3 raise     one entry makes it final`,
  );
  if (rollbackWindowMs > 0) {
    lines.push(
      `${last + 1}. rollback window of ${durationText(rollbackWindowMs)}: ${wayBack(plan)}`,
      `${last + 2}. close the window`,
    );
  }
  lines.push('', 'cannot be undone:', ...plan.irreversible.map((sentence) => `  - ${sentence}`));
  if (plan.inexpressible.length > 0) {
    lines.push('', `${from} cannot express:`, ...plan.inexpressible.map((one) => `  - ${one}`));
  }
  return lines.join('\n');
}

function wayBack({ kind, from }: RolloutPlan): string {
  return kind === 'engine'
    ? `one entry takes every node back to ${from}, with every write`
    : `every node goes back to ${from}, by ${stepsOf(kind, 'back').join(', ')}`;
}

function termsOf(plan: RolloutPlan, timeText: (timeMs: number) => string): string[] {
  const { notBeforeMs, maxUnavailable, soakMs, guards, release } = plan;
  const lines = [
    notBeforeMs === 0 ? 'begins at once' : `begins at ${timeText(notBeforeMs)}`,
    ...plan.windows.map((window) => `nodes begin within ${windowText(window)}`),
    `at most ${countOf(maxUnavailable, 'node')} unavailable at a time`,
    soakMs === 0 ? 'no soak' : `each node soaks ${durationText(soakMs)} before the next batch`,
    guards === null ? 'no guards' : guardsText(guards),
  ];
  if (release !== null) {
    for (const [what, { name, digest, commandVersion }] of [
      ['from', release.from],
      ['to', release.to],
    ] as const) {
      lines.push(`${what} ${name}, command version ${commandVersion}, sha256 ${digest}`);
    }
  }
  return lines;
}

function guardsText(guards: Guards): string {
  const { windows, windowMs, memoryBytesMax } = guards;
  const parts = [
    `errors above ${guards.errorRateMax * 100} %`,
    `p99 above ${guards.p99Factor} times the others and ${guards.p99FloorMs} ms`,
    `lag above ${countOf(guards.applyLagMax, 'entry', 'entries')}`,
    `memory above ${guards.memoryFactor} times that at the switch` +
      (memoryBytesMax === 0 ? '' : ` or ${memoryBytesMax} bytes`),
    `less than ${guards.diskFreeBytesMin} bytes of free disk`,
    `more than ${countOf(guards.restartsMax, 'restart')}`,
    'a wrong answer',
    'no measurement',
  ];
  const action = guards.action === 'rollback' ? 'rolls back' : 'pauses';
  const seen = `${countOf(windows, 'window')} of ${durationText(windowMs)}`;
  return `guards: ${action} after ${seen} with ${parts.join(', or ')}`;
}

function countOf(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

const UNITS: readonly (readonly [number, string])[] = [
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
];

/** The largest unit in which it is a whole number. */
function durationText(milliseconds: number): string {
  const unit = UNITS.find(([length]) => milliseconds % length === 0 && milliseconds >= length);
  return unit === undefined ? `${milliseconds} ms` : `${milliseconds / unit[0]} ${unit[1]}`;
}
