/** Runs etcd's quorum cases against `consensus/raft/quorum.ts`, with its cross-checks. */
import {
  type VoteOutcome,
  jointCommitted,
  jointVote,
  majorityCommitted,
  majorityVote,
} from '../../consensus/raft/quorum.js';
import type { Case } from './datadriven.js';

const NOBODY: ReadonlySet<number> = new Set();
const OUTCOMES: Record<VoteOutcome, string> = {
  won: 'VoteWon',
  lost: 'VoteLost',
  pending: 'VotePending',
};

function values(test: Case, key: string): readonly string[] | undefined {
  const found = test.arguments.filter((argument) => argument.key === key);
  return found.length === 0 ? undefined : found.flatMap((argument) => argument.values);
}

function printIndex(index: number): string {
  return Number.isFinite(index) ? String(index) : '∞';
}

/** The bars that etcd prints: the i-th largest index has a bar of i, a repeated one none. */
function describe(
  voters: ReadonlySet<number>,
  acknowledged: (voter: number) => number | undefined,
): string {
  if (voters.size === 0) return '<empty majority quorum>';
  const index = (id: number) => acknowledged(id) ?? 0;
  const ranked = [...voters].sort((a, b) => index(a) - index(b) || a - b);
  const bars = new Map<number, number>();
  for (const [at, id] of ranked.entries()) {
    const before = ranked[at - 1];
    bars.set(id, before !== undefined && index(before) < index(id) ? at : 0);
  }
  let out = `${' '.repeat(voters.size)}    idx\n`;
  for (const id of [...voters].sort((a, b) => a - b)) {
    const bar = bars.get(id) as number;
    const mark =
      acknowledged(id) === undefined
        ? `?${' '.repeat(voters.size)}`
        : `${'x'.repeat(bar)}>${' '.repeat(voters.size - bar)}`;
    out += `${mark} ${String(index(id)).padStart(5)}    (id=${id})\n`;
  }
  return out;
}

function committed(
  voters: ReadonlySet<number>,
  joint: ReadonlySet<number> | undefined,
  inputs: ReadonlyMap<number, string>,
): string {
  const acknowledged = (id: number) => {
    const input = inputs.get(id);
    return input === undefined ? undefined : Number(input);
  };
  if (joint !== undefined) {
    const both = new Set([...voters, ...joint]);
    const index = jointCommitted(voters, joint, acknowledged);
    let out = describe(both, acknowledged);
    const swapped = jointCommitted(joint, voters, acknowledged);
    if (swapped !== index) out += `${printIndex(swapped)} <-- via symmetry\n`;
    return `${out}${printIndex(index)}\n`;
  }
  const index = majorityCommitted(voters, acknowledged);
  let out = describe(voters, acknowledged);
  const zeroJoint = jointCommitted(voters, NOBODY, acknowledged);
  if (zeroJoint !== index) out += `${printIndex(zeroJoint)} <-- via zero-joint quorum\n`;
  const selfJoint = jointCommitted(voters, voters, acknowledged);
  if (selfJoint !== index) out += `${printIndex(selfJoint)} <-- via self-joint quorum\n`;
  for (const id of voters) {
    const own = acknowledged(id) ?? 0;
    if (!(index > own && own > 0)) continue;
    for (const lower of [own - 1, 0]) {
      const changed = majorityCommitted(voters, (v) => (v === id ? lower : acknowledged(v)));
      if (changed !== index) out += `${printIndex(changed)} <-- overlaying ${id}->${lower}`;
    }
  }
  return `${out}${printIndex(index)}\n`;
}

function vote(
  voters: ReadonlySet<number>,
  joint: ReadonlySet<number> | undefined,
  inputs: ReadonlyMap<number, string>,
): string {
  const cast = (id: number) => (inputs.has(id) ? inputs.get(id) === 'y' : undefined);
  if (joint === undefined) return `${OUTCOMES[majorityVote(voters, cast)]}\n`;
  const outcome = jointVote(voters, joint, cast);
  const swapped = jointVote(joint, voters, cast);
  const note = swapped === outcome ? '' : `${OUTCOMES[swapped]} <-- via symmetry\n`;
  return `${note}${OUTCOMES[outcome]}\n`;
}

/** The output of one case. */
export function runQuorumCase(test: Case): string {
  const ids = (values(test, 'cfg') ?? []).map(Number);
  const jointIds = values(test, 'cfgj');
  const outgoing = (jointIds ?? []).filter((id) => id !== 'zero').map(Number);
  const voters = new Set(ids);
  const joint = jointIds === undefined ? undefined : new Set(outgoing);
  const all = [...new Set([...ids, ...outgoing])];
  const given = values(test, test.command === 'vote' ? 'votes' : 'idx') ?? [];
  if (all.length !== given.length) {
    const printed = given.map((each) => {
      if (test.command !== 'vote') return each === '_' ? '0' : each;
      return { y: '2', n: '1' }[each] ?? '0';
    });
    const sorted = [...all].sort((a, b) => a - b).join(' ');
    return `error: mismatched input (explicit or _) for voters (${sorted}): [${printed.join(' ')}]\n`;
  }
  const inputs = new Map<number, string>();
  for (const [at, id] of all.entries()) {
    const value = given[at] as string;
    if (value !== '_') inputs.set(id, value);
  }
  if (test.command === 'committed') return committed(voters, joint, inputs);
  if (test.command === 'vote') return vote(voters, joint, inputs);
  return `unknown command: ${test.command}\n`;
}
