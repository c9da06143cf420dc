/** Rollouts as lines of text. */
import { nextOpening, openUntil } from '../../nodes/rollout/windows.js';
import { hasEnded } from '../client/index.js';
import type { Rollout } from '../client/index.js';
import { durationText } from './quantity.js';

/** What is known beside the rollout itself. */
export interface RolloutContext {
  /** The replicated clock in milliseconds; left out when it is not known. */
  readonly clockMs?: number;
  /** What each node says that it does, by node id. */
  readonly progress?: ReadonlyMap<number, string>;
}

const STATUS_TEXTS: Readonly<Record<Rollout['status'], string>> = {
  scheduled: 'scheduled',
  running: 'running',
  paused: 'paused',
  switched: 'switched, waits to be finalized',
  finalizing: 'finalizing',
  finalized: 'finalized, can be rolled back',
  completed: 'completed',
  rollingBack: 'rolling back',
  rolledBack: 'rolled back',
  aborted: 'aborted',
};

/** A rollout, a line for each node. */
export function rolloutLines(rollout: Rollout, context: RolloutContext = {}): string[] {
  const { id, from, to, kind, digest, approval } = rollout;
  return [
    `rollout ${id}  ${from} -> ${to}  (${kind})  ${statusLine(rollout, context)}`,
    `digest ${digest}${approval === undefined ? '' : '  approved by the members (bft)'}`,
    ...batchLines(rollout, context),
  ];
}

/** The status, and what it waits for or why it is so. */
export function statusLine(rollout: Rollout, { clockMs }: RolloutContext = {}): string {
  const { status, reason, windowEndsMs, notBeforeMs, fenced, nodes } = rollout;
  const parts = [STATUS_TEXTS[status]];
  if (status === 'scheduled' || (status === 'running' && notBeforeMs > Date.now())) {
    parts.push(`nothing begins before ${new Date(notBeforeMs).toISOString()}`);
  }
  if (status === 'running') parts.push(...windowParts(rollout, Date.now()));
  if (status === 'finalizing') parts.push(`${fenced.length} of ${nodes.length} nodes fenced`);
  if (status === 'finalized' && clockMs !== undefined) {
    parts.push(`for ${durationText(windowEndsMs - clockMs)} more`);
  }
  if (reason !== '') parts.push(reason);
  return parts.join(': ');
}

function timeText(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

/** Whether nodes may begin now, by the time of day here. */
function windowParts({ plan, nodes }: Rollout, timeMs: number): string[] {
  const windows = plan?.windows ?? [];
  if (windows.length === 0 || nodes.every(({ step }) => step !== 'pending')) return [];
  const endMs = openUntil(windows, timeMs);
  if (endMs !== null) return [`nodes begin until ${timeText(endMs)}`];
  const nextMs = nextOpening(windows, timeMs);
  return nextMs === null ? [] : [`no node begins before its window opens at ${timeText(nextMs)}`];
}

function batchLines(rollout: Rollout, context: RolloutContext): string[] {
  const { batches = [], canaries = 0 } = rollout.plan ?? {};
  const planned = new Set(batches.flat());
  const isPlain = batches.every((batch) => batch.length === 1) && canaries === 0;
  if (isPlain) return rollout.nodes.map((node) => nodeLine(rollout, node, context));
  const lines: string[] = [];
  for (const [at, batch] of batches.entries()) {
    lines.push(`  batch ${at + 1}${at < canaries ? ', canary' : ''}`);
    for (const node of rollout.nodes.filter(({ nodeId }) => batch.includes(nodeId))) {
      lines.push(`  ${nodeLine(rollout, node, context)}`);
    }
  }
  const others = rollout.nodes.filter(({ nodeId }) => !planned.has(nodeId));
  return [...lines, ...others.map((node) => nodeLine(rollout, node, context))];
}

function nodeLine(
  rollout: Rollout,
  node: Rollout['nodes'][number],
  { clockMs, progress }: RolloutContext,
): string {
  const { nodeId, step, sinceMs } = node;
  const told = progress?.get(nodeId) ?? '';
  const parts = [stepText(rollout, node)];
  if (step === 'soak' && clockMs !== undefined) {
    parts.push(`${durationText(sinceMs + rollout.limits.soakMs - clockMs)} more`);
  }
  if (told !== '') parts.push(told);
  return `  node ${String(nodeId).padEnd(4)} ${parts.join(': ')}`;
}

/** Where a node is: on its way forward, on its way back, or back where it began. */
export function stepText(
  rollout: Rollout,
  { step, direction }: Pick<Rollout['nodes'][number], 'step' | 'direction'>,
): string {
  if (step === 'removed') return step;
  const isBack = rollout.goal !== 'forward' && (step === 'pending' || hasEnded(rollout));
  if (isBack) return `on ${rollout.from}`;
  return direction === 'back' ? `${step} (back)` : step;
}
