/** The result of a run: one flat object, the promises it breaks, and the text of it. */

import type { LinearizabilityResult } from '../../sim/checkers/linearizability.js';
import type { Operation, PhaseTimes } from './history.js';
import { longestGapMs, percentileMs, phaseOf } from './history.js';
import type { Kill } from './kills.js';
import { limits } from './limits.js';
import type { KillMode } from './options.js';
import type { RollbackFacts } from './stages.js';
import type { Baseline, NodeObservation, Verification } from './verify.js';

/** Everything a run found out. */
export interface RunFacts {
  readonly operations: readonly Operation[];
  readonly times: PhaseTimes;
  readonly baseline: Baseline;
  readonly nodes: readonly NodeObservation[];
  readonly verification: Verification;
  readonly linearizability: LinearizabilityResult;
  readonly requestedKill: KillMode | undefined;
  readonly kills: readonly Kill[];
  readonly requestedRollback: boolean;
  readonly rollback: RollbackFacts | null;
  readonly rolloutStatus: string;
  /** Why it was aborted; empty when it was not. */
  readonly rolloutReason: string;
  /** Files and stores of v1 that this release leaves where they are. */
  readonly storesNotCarried: readonly string[];
  readonly sourceChanged: boolean;
  readonly seconds: number;
}

/** What `--json` writes. Durations in milliseconds unless the name says otherwise. */
export interface Report {
  readonly nodes: number;
  readonly requests: number;
  readonly failedRequests: number;
  readonly acknowledgedWrites: number;
  readonly lostWrites: number;
  readonly memoriesV1: number;
  readonly memoriesV2: number;
  readonly linksV1: number;
  readonly linksV2: number;
  readonly trajectoriesV1: number;
  readonly trajectoriesV2: number;
  readonly entriesV1: number;
  readonly entriesV2: number;
  readonly quarantined: number;
  readonly quarantinedMemories: number;
  readonly quarantinedLinks: number;
  readonly longestGapMs: number;
  readonly p50SteadyMs: number;
  readonly p99SteadyMs: number;
  readonly p50RolloutMs: number;
  readonly p99RolloutMs: number;
  readonly requestsPerSecondSteady: number;
  readonly requestsPerSecondRollout: number;
  readonly linearizable: boolean;
  readonly linearizabilityVerdict: string;
  readonly finalVersion: string;
  readonly rolloutStatus: string;
  readonly rolloutSeconds: number;
  /** Acknowledged between finalization and the rollback; 0 when there was none. */
  readonly writesInWindow: number;
  /** From the command until every node answered from v1; 0 when there was none. */
  readonly rollbackMs: number;
  readonly longestGapRollbackMs: number;
  readonly kills: readonly Kill[];
  readonly storesNotCarried: readonly string[];
  readonly seconds: number;
  /** A sentence for each promise that was not kept; empty on success. */
  readonly brokenPromises: readonly string[];
}

/** Builds the report and judges it. */
export function buildReport(facts: RunFacts): Report {
  const { operations, times, baseline, nodes, verification } = facts;
  const steady = operations.filter((each) => phaseOf(each, times) === 'steady');
  const rollout = operations.filter((each) => phaseOf(each, times) === 'rollout');
  const steadySeconds = (times.rolloutMicroseconds - times.startMicroseconds) / 1e6;
  const rolloutSeconds = (times.afterMicroseconds - times.rolloutMicroseconds) / 1e6;
  const fewest = (read: (node: NodeObservation) => number): number =>
    nodes.length === 0 ? 0 : Math.min(...nodes.map(read));
  return {
    nodes: nodes.length,
    requests: operations.length,
    failedRequests: operations.filter((each) => each.error !== null).length,
    acknowledgedWrites: verification.acknowledgedWrites,
    lostWrites: verification.lostWrites,
    memoriesV1: baseline.rows.memoryIds.length,
    memoriesV2: verification.memoriesV2,
    linksV1: baseline.rows.links.length,
    linksV2: verification.linksV2,
    trajectoriesV1: baseline.rows.trajectories,
    trajectoriesV2: fewest((node) => node.counts.trajectories),
    entriesV1: baseline.rows.entries,
    entriesV2: fewest((node) => node.counts.entries),
    quarantined: verification.quarantined,
    quarantinedMemories: verification.quarantinedMemories,
    quarantinedLinks: verification.quarantinedLinks,
    longestGapMs: rounded(longestGapMs(operations, times)),
    p50SteadyMs: rounded(percentileMs(steady, 50)),
    p99SteadyMs: rounded(percentileMs(steady, 99)),
    p50RolloutMs: rounded(percentileMs(rollout, 50)),
    p99RolloutMs: rounded(percentileMs(rollout, 99)),
    requestsPerSecondSteady: rate(steady.length, steadySeconds),
    requestsPerSecondRollout: rate(rollout.length, rolloutSeconds),
    linearizable: facts.linearizability.verdict === 'linearizable',
    linearizabilityVerdict: facts.linearizability.verdict,
    finalVersion: `v${fewest((node) => node.swarmVersion)}`,
    rolloutStatus: facts.rolloutStatus,
    rolloutSeconds: rounded(rolloutSeconds),
    ...rollbackFigures(facts),
    kills: facts.kills,
    storesNotCarried: facts.storesNotCarried,
    seconds: rounded(facts.seconds),
    brokenPromises: brokenPromises(facts),
  };
}

function rollbackFigures({
  rollback,
  operations,
}: RunFacts): Pick<Report, 'writesInWindow' | 'rollbackMs' | 'longestGapRollbackMs'> {
  if (rollback === null) return { writesInWindow: 0, rollbackMs: 0, longestGapRollbackMs: 0 };
  const { finalizedMicroseconds, askedMicroseconds, backMicroseconds } = rollback;
  const around = { startMicroseconds: askedMicroseconds, endMicroseconds: backMicroseconds };
  const during = operations.filter(
    (each) =>
      each.returnMicroseconds >= askedMicroseconds && each.returnMicroseconds <= backMicroseconds,
  );
  const written = operations.filter(
    (each) =>
      each.index !== null &&
      each.callMicroseconds >= finalizedMicroseconds &&
      each.returnMicroseconds <= askedMicroseconds,
  );
  return {
    writesInWindow: written.length,
    rollbackMs: rounded((backMicroseconds - askedMicroseconds) / 1000),
    longestGapRollbackMs: rounded(longestGapMs(during, around)),
  };
}

/** What going back within the window breaks. */
function brokenByRollback(facts: RunFacts): string[] {
  const { rollback, requestedRollback } = facts;
  if (rollback === null) {
    return requestedRollback ? ['The rollout was not rolled back within its window.'] : [];
  }
  const broken: string[] = [];
  const { status, swarmVersion, engines } = rollback;
  if (status !== 'rolledBack') broken.push(`After the rollback the rollout is ${status}.`);
  if (swarmVersion !== 1 || engines.some((engine) => engine !== 'v1')) {
    broken.push(
      `After the rollback the swarm is of version ${swarmVersion} with nodes on ${engines.join(', ')}.`,
    );
  }
  if (rollbackFigures(facts).writesInWindow === 0) {
    broken.push('Nothing was written between finalization and rollback, so nothing was shown.');
  }
  return broken;
}

/** A sentence for each promise of the demo that the facts break. */
function brokenPromises(facts: RunFacts): string[] {
  const { verification, linearizability, nodes } = facts;
  const broken: string[] = [];
  const failed = facts.operations.filter((each) => each.error !== null);
  if (facts.operations.length === 0) broken.push('No request was made, so nothing was shown.');
  if (failed.length > 0) {
    broken.push(`${failed.length} requests failed: ${examples(failed.map(describeFailure))}`);
  }
  if (verification.lostWrites > 0) {
    const lost = examples(verification.losses);
    broken.push(`${verification.lostWrites} acknowledged writes were lost: ${lost}`);
  }
  if (verification.differences.length > 0) {
    broken.push(`Counts differ: ${examples(verification.differences)}`);
  }
  if (linearizability.verdict === 'not-linearizable') {
    const { key = '', counterexample = '' } = linearizability;
    broken.push(`The history is not linearizable at ${key}:\n${counterexample}`);
  }
  if (linearizability.verdict === 'unknown') {
    broken.push(`Whether the history is linearizable could not be decided in time.`);
  }
  if (facts.rolloutStatus !== 'completed') {
    const reason = facts.rolloutReason === '' ? '' : `: ${facts.rolloutReason}`;
    broken.push(`The rollout did not complete; it is ${facts.rolloutStatus}${reason}`);
  }
  broken.push(...brokenByRollback(facts));
  const behind = nodes.filter((node) => node.engine !== 'v2' || node.swarmVersion !== 2);
  if (behind.length > 0) {
    broken.push(`Not on v2: node ${behind.map((node) => node.nodeId).join(', node ')}.`);
  }
  if (facts.requestedKill !== undefined && facts.kills.length === 0) {
    broken.push(`The requested kill (${facts.requestedKill}) did not happen during the rollout.`);
  }
  if (facts.sourceChanged) broken.push('The v1 installation was changed.');
  return broken;
}

/** The report as a person reads it. */
export function formatReport(report: Report): string {
  const kills = report.kills.map(
    (kill) => `node ${kill.nodeId} (${kill.role}, at step ${kill.step} of node ${kill.stepNodeId})`,
  );
  const lines = [
    `Rolling migration of ${report.nodes} nodes from v1 to v2`,
    row('requests, of them failed', `${report.requests}, ${report.failedRequests}`),
    row('acknowledged writes, lost', `${report.acknowledgedWrites}, ${report.lostWrites}`),
    row('memories in v1, in v2', pair(report.memoriesV1, report.memoriesV2)),
    row('links in v1, in v2', pair(report.linksV1, report.linksV2)),
    row('trajectories in v1, in v2', pair(report.trajectoriesV1, report.trajectoriesV2)),
    row('entries in v1, in v2', pair(report.entriesV1, report.entriesV2)),
    row('rows in quarantine', String(report.quarantined)),
    row('longest gap', `${report.longestGapMs} ms`),
    row('p50, p99 steady', `${report.p50SteadyMs} ms, ${report.p99SteadyMs} ms`),
    row('p50, p99 during the rollout', `${report.p50RolloutMs} ms, ${report.p99RolloutMs} ms`),
    row(
      'requests a second',
      `${report.requestsPerSecondSteady} steady, ${report.requestsPerSecondRollout} during the rollout`,
    ),
    row('history of gets and inserts', report.linearizabilityVerdict),
    row('rollout', `${report.rolloutStatus} in ${report.rolloutSeconds} s`),
    ...(report.rollbackMs === 0
      ? []
      : [
          row('rolled back after its end', `in ${report.rollbackMs} ms, then rolled out again`),
          row('longest gap of the rollback', `${report.longestGapRollbackMs} ms`),
          row('written in its window, kept', String(report.writesInWindow)),
        ]),
    row('version of the swarm', report.finalVersion),
    ...kills.map((kill) => row('killed', kill)),
    ...report.storesNotCarried.map((store) => row('left where it is', store)),
    row('whole run', `${report.seconds} s`),
    '',
  ];
  if (report.brokenPromises.length === 0) lines.push('Every promise was kept.');
  else lines.push('Broken:', ...report.brokenPromises.map((promise) => `- ${promise}`));
  return lines.join('\n');
}

function row(name: string, value: string): string {
  return `  ${name.padEnd(30)} ${value}`;
}

function describeFailure(operation: Operation): string {
  return `${operation.kind} ${operation.id}: ${operation.error ?? ''}`;
}

function examples(sentences: readonly string[]): string {
  const shown = sentences.slice(0, limits.examplesMax).map((each) => `\n    ${each}`);
  const more = sentences.length - shown.length;
  return shown.join('') + (more > 0 ? `\n    and ${more} more` : '');
}

function pair(v1: number, v2: number): string {
  return `${v1}, ${v2}`;
}

function rate(count: number, seconds: number): number {
  return seconds > 0 ? Math.round(count / seconds) : 0;
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
