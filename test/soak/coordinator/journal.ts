/** The log entries of rollouts as nodes have applied them, and what must hold of them. Pure. */
import type { Command } from '../../../nodes/control-plane/command.js';
import type { Rollout } from '../../../nodes/rollout/state.js';

/** Of the environment: the file of a node, and the folder of marks that have it kill. */
export const journalVariables = {
  file: 'AGENTIC_FLOW_SOAK_JOURNAL',
  marks: 'AGENTIC_FLOW_SOAK_MARKS',
  /** Milliseconds within which a node is not killed a third time; 0: as often as there are entries. */
  spareMs: 'AGENTIC_FLOW_SOAK_SPARE_MS',
} as const;

/** One entry as one node has applied it. */
export interface JournalRecord {
  readonly index: number;
  readonly type: Command['type'];
  /** 0 where it concerns no single node. */
  readonly nodeId: number;
  readonly step: string;
  readonly direction: string;
  readonly rolloutId: number;
  /** False for a late copy, which changes nothing. */
  readonly isEffective: boolean;
  /** Whether no other entry of a rollout was applied with it: else what it did cannot be told for sure. */
  readonly isAlone: boolean;
}

/** What an entry does; the same in every round. */
export function kindOf({ type, direction, step, nodeId, isEffective }: JournalRecord): string {
  return [type, direction, step, nodeId, isEffective ? 'effect' : 'copy'].join('-');
}

/** What of a rollout tells whether an entry had an effect. */
export interface RolloutView {
  readonly id: number;
  readonly epoch: number;
  readonly fenced: readonly number[];
  readonly nodes: ReadonlyMap<number, { step: string; direction: string; epoch: number }>;
}

export function viewOf(rollout: Rollout | null): RolloutView {
  if (rollout === null) return { id: 0, epoch: 0, fenced: [], nodes: new Map() };
  const { id, epoch, fenced, nodes } = rollout;
  const copies = nodes.map(
    ({ nodeId, step, direction, epoch: own }) => [nodeId, { step, direction, epoch: own }] as const,
  );
  return { id, epoch, fenced: [...fenced], nodes: new Map(copies) };
}

const KINDS: ReadonlySet<Command['type']> = new Set([
  'startRollout',
  'beginRollout',
  'finishStep',
  'pauseRollout',
  'resumeRollout',
  'throttleRollout',
  'postponeRollout',
  'abortRollout',
  'rollbackRollout',
  'haltRollout',
  'giveUpRollout',
  'finalizeRollout',
  'ackFence',
  'raiseVersion',
  'closeWindow',
]);

export interface LoggedEntry {
  readonly index: number;
  readonly command: Command;
}

/** The records of entries that were applied together, with one view before and one after all of them. */
export function recordsOf(
  entries: readonly LoggedEntry[],
  before: RolloutView,
  after: RolloutView,
): JournalRecord[] {
  const own = entries.filter(({ command }) => KINDS.has(command.type));
  return own.map((entry) => recordOf(entry, before, after, own.length === 1));
}

function recordOf(
  { index, command }: LoggedEntry,
  before: RolloutView,
  after: RolloutView,
  isAlone: boolean,
): JournalRecord {
  const nodeId = 'nodeId' in command ? command.nodeId : 0;
  const step = command.type === 'finishStep' ? command.step : '';
  const direction = before.nodes.get(nodeId)?.direction ?? '';
  const rolloutId = 'rolloutId' in command ? command.rolloutId : index;
  const isEffective = hadEffect(command, before, after);
  return { index, type: command.type, nodeId, step, direction, rolloutId, isEffective, isAlone };
}

function hadEffect(command: Command, before: RolloutView, after: RolloutView): boolean {
  switch (command.type) {
    case 'finishStep': {
      const [was, is] = [before.nodes.get(command.nodeId), after.nodes.get(command.nodeId)];
      return was?.epoch === command.epoch && is?.epoch !== was.epoch;
    }
    case 'ackFence':
      return !before.fenced.includes(command.nodeId) && after.fenced.includes(command.nodeId);
    default:
      return before.id !== after.id || before.epoch !== after.epoch;
  }
}

export interface JournalVerdict {
  /** Entries of rollouts in the log. */
  readonly entries: number;
  /** What they do (`kindOf`), each once. */
  readonly kinds: number;
  /** Of them those that changed nothing: copies of what was proposed twice. */
  readonly copies: number;
  /** Entries that every node applied together with others, so that what they did is not known. */
  readonly unclear: number;
  /** Steps that nodes have finished. */
  readonly steps: number;
  /** A sentence for each thing that must not be. */
  readonly broken: readonly string[];
}

/**
 * `journals`: of each node, by its name. A node that was started again has written entries again, many of them
 * applied together; what an entry did is taken from whoever applied it alone.
 */
export function judgeJournals(
  journals: ReadonlyMap<string, readonly JournalRecord[]>,
): JournalVerdict {
  const broken: string[] = [];
  const byIndex = new Map<number, JournalRecord>();
  for (const [name, records] of journals) {
    for (const each of records) {
      const known = byIndex.get(each.index);
      if (known === undefined || (each.isAlone && !known.isAlone)) byIndex.set(each.index, each);
      else if (each.isAlone && JSON.stringify(known) !== JSON.stringify(each)) {
        broken.push(
          `${name} applied ${JSON.stringify(each)}, another node ${JSON.stringify(known)}`,
        );
      }
    }
  }
  const all = [...byIndex.values()].sort((a, b) => a.index - b.index);
  const steps = new Map<string, number>();
  for (const each of all) {
    if (!each.isAlone || !each.isEffective || each.type !== 'finishStep') continue;
    const key = `step ${each.step} (${each.direction}) of node ${each.nodeId} in rollout ${each.rolloutId}`;
    const first = steps.get(key);
    if (first === undefined) steps.set(key, each.index);
    else broken.push(`${key} had its effect at entry ${first} and at entry ${each.index}`);
  }
  const known = all.filter(({ isAlone }) => isAlone);
  const copies = known.filter(({ isEffective }) => !isEffective).length;
  const unclear = all.length - known.length;
  const kinds = new Set(all.map(kindOf)).size;
  return { entries: all.length, kinds, copies, unclear, steps: steps.size, broken };
}
