/** What a run says when it is over. */
import type { FaultAction } from '../../sim/nemesis/index.js';
import type { PhaseFigures } from './figures.js';
import type { Check } from './judge.js';
import type { PolicyCounts } from './policy.js';

export interface Report {
  readonly passed: boolean;
  readonly seed: number;
  readonly nodes: number;
  readonly clients: number;
  readonly checks: readonly Check[];
  /** How often each kind of fault began and had an effect. */
  readonly faults: Readonly<Partial<Record<FaultAction['kind'], number>>>;
  readonly phases: readonly PhaseFigures[];
  readonly datagrams: PolicyCounts;
  /** Where logs, schedule and history are; null when they were removed. */
  readonly directory: string | null;
  readonly seconds: number;
}

/** The report as a person reads it. */
export function reportText(report: Report): string {
  const { passed, checks, faults, phases, datagrams, directory, seconds } = report;
  const kinds = Object.entries(faults).map(([kind, count]) => `${kind} ${count}`);
  const lines = [
    ...checks.map(checkLine),
    '',
    'phase   seconds      ok  failed  unknown   p50 ms   p99 ms  longest gap ms',
    ...phases.map(phaseLine),
    '',
    `faults: ${kinds.length === 0 ? 'none' : kinds.join(', ')}`,
    `datagrams: ${datagrams.passed} passed, ${datagrams.lost} lost, ` +
      `${datagrams.blocked} blocked`,
    ...(directory === null ? [] : [`logs, schedule and history: ${directory}`]),
    `${passed ? 'PASSED' : 'FAILED'}: seed ${report.seed}, ${report.nodes} nodes, ` +
      `${report.clients} clients, ${seconds} s in all`,
  ];
  return lines.join('\n');
}

function checkLine({ name, passed, detail }: Check): string {
  const indented = detail.replaceAll('\n', '\n        ');
  return `${passed ? 'ok    ' : 'FAILED'}  ${name.padEnd(15)}  ${indented}`;
}

function phaseLine(figures: PhaseFigures): string {
  const cells: [number, number][] = [
    [figures.seconds, 8],
    [figures.ok, 8],
    [figures.failed, 8],
    [figures.unknown, 9],
    [figures.p50Ms, 9],
    [figures.p99Ms, 9],
    [figures.longestGapMs, 16],
  ];
  return (
    figures.phase.padEnd(7) + cells.map(([value, width]) => String(value).padStart(width)).join('')
  );
}
