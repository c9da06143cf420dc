/** The health of all members in one answer, for operators. */
import type { Member } from '../control-plane/state.js';
import { messageOf } from '../errors.js';
import type { SwarmNode } from '../node.js';
import { evaluateGuards } from '../rollout/guards.js';
import type { Alarm, HealthStatus } from '../rollout/guards.js';
import { GUARDS_DEFAULT } from '../rollout/limits.js';
import { figuresOf } from './figures.js';
import { REPORT_TIMEOUT_MS, WINDOW_MS } from './limits.js';
import type { HealthReport } from './report.js';

const VERSION = 1;
const LEFT = 'it was stopped and said so: start it again, or remove it with `swarm remove`';

/** What is told of one member. */
interface MemberHealth {
  readonly nodeId: number;
  readonly status: HealthStatus;
  /** Judged by the guards of a rollout, window after window; otherwise by this moment alone. */
  readonly judged: boolean;
  /** Windows in a row in which it was unhealthy. */
  readonly windows: number;
  readonly alarms: readonly Alarm[];
  /** Null when it gave none. */
  readonly report: object | null;
}

/**
 * As the leader sees it, who alone watches a rollout; as this node sees it when the leader cannot be asked.
 */
export async function swarmHealth(node: SwarmNode, isDirect: boolean): Promise<object> {
  const { leader } = node.replica;
  if (!isDirect && leader !== 0 && leader !== node.file.nodeId) {
    try {
      const direct = { direct: true };
      const timeoutMs = 2 * REPORT_TIMEOUT_MS;
      return (await node.peers.call(leader, 'swarm.health', direct, timeoutMs)) as object;
    } catch {
      // This node tells what it sees.
    }
  }
  const { watched } = node.health;
  const members = [...node.control.members.values()].filter(({ status }) => status !== 'removing');
  return {
    version: VERSION,
    nodeId: node.file.nodeId,
    leader,
    windowMs: watched?.windowMs ?? WINDOW_MS,
    watching:
      watched === null ? null : { rolloutId: watched.rolloutId, endedAtMs: watched.endedAtMs },
    members: await Promise.all(members.map((member) => memberHealth(node, member))),
  };
}

async function memberHealth(
  node: SwarmNode,
  { nodeId, status: said }: Member,
): Promise<MemberHealth> {
  const { watched } = node.health;
  const committed = node.replica.status().commit;
  let report: HealthReport | null = null;
  let missing = '';
  try {
    report = await node.health.reportOf(nodeId, watched?.windowMs ?? WINDOW_MS);
  } catch (error) {
    missing = said === 'left' ? LEFT : messageOf(error);
  }
  const lag = Math.max(0, committed - (report?.appliedIndex ?? 0));
  const told = report === null ? null : figures(report, lag);
  const verdict = watched?.verdicts.find((each) => each.nodeId === nodeId);
  const { status, alarms } = verdict ?? atThisMoment(nodeId, report, missing, lag);
  const windows = watched?.streaks.get(nodeId) ?? 0;
  return { nodeId, status, judged: verdict !== undefined, windows, alarms, report: told };
}

/** Without a rollout there is nothing to compare with: what a member shows by itself is judged. */
function atThisMoment(
  nodeId: number,
  report: HealthReport | null,
  missing: string,
  applyLagEntries: number,
): { readonly status: HealthStatus; readonly alarms: readonly Alarm[] } {
  const none = { requests: 0, faults: 0, tailMs: null };
  const figures = report === null ? null : ownFigures(report, applyLagEntries);
  const sample = { nodeId, isSwitching: false, figures, missing, probes: none, probeError: '' };
  const window = {
    to: report?.engine ?? '',
    judged: [{ ...sample, differences: [] }],
    references: null,
  };
  const [verdict] = evaluateGuards(GUARDS_DEFAULT, window);
  return verdict ?? { status: 'unknown', alarms: [] };
}

function ownFigures(report: HealthReport, applyLagEntries: number) {
  const { serving, engine, rssBytes, diskFreeBytes } = report;
  return {
    serving,
    runs: [engine],
    clients: figuresOf([report]),
    applyLagEntries,
    rssBytes,
    rssAtSwitchBytes: null,
    diskFreeBytes,
    restarts: 0,
  };
}

function figures(report: HealthReport, applyLagEntries: number): object {
  const { latencies, ...rest } = report;
  const [p50Ms, p99Ms] = [latencies.quantileMs(0.5), latencies.quantileMs(0.99)];
  return { ...rest, p50Ms, p99Ms, applyLagEntries };
}
