import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import type { Command } from '../../../nodes/control-plane/command.js';
import { readNodeFile } from '../../../nodes/data-directory.js';
import type { DataPaths } from '../../../nodes/data-directory.js';
import { planRecovery } from '../../../nodes/recovery/plan.js';
import { recoverDirectory } from '../../../nodes/recovery/recover.js';
import { finishStep, nodesWithSteps, startRollout } from '../../../nodes/rollout/machine.js';
import { formerPlan, makePlan } from '../../../nodes/rollout/plan.js';
import type { RolloutPlan, RolloutStatus } from '../../../nodes/rollout/state.js';
import { lockDirectory } from '../../../nodes/storage/index.js';
import { encodeCommand } from '../../../nodes/wire/command-codec.js';
import { decodeControlState, encodeControlState } from '../../../nodes/wire/state-codec.js';
import { THREE_VOTERS, admit, change, restoredOf, stoppedNode } from './directories.js';

/** The other members are nowhere. */
const accept = { acceptDataLoss: true, answerMs: 50 };
const look = { acceptDataLoss: false, answerMs: 50 };

const write = (sequence: number): { command: Command } => ({
  command: {
    type: 'memory',
    session: 2,
    owner: 'client',
    sequence,
    command: { type: 'addEdge', from: 'a', to: 'b', relation: 'r', weight: 1, timestampMs: 1 },
  },
});

const ids = [1, 2, 3].map((nodeId) => ({ nodeId }));

/** What starts a rollout at an index of the log, and brings it to a status. */
function rolloutTo(status: RolloutStatus, plan: RolloutPlan, index: number): Command[] {
  const rollout = startRollout(index, plan, 'd', 1, 0);
  const commands: Command[] = [{ type: 'startRollout', plan, digest: 'd', startedAtMs: 1 }];
  if (status === 'running') return commands;
  for (let [node] = nodesWithSteps(rollout); node !== undefined;) {
    const { nodeId, step, epoch } = node;
    const finished = { rolloutId: index, nodeId, step, epoch, detail: {} };
    finishStep(rollout, finished, 0);
    commands.push({ type: 'finishStep', ...finished });
    [node] = nodesWithSteps(rollout);
  }
  commands.push({ type: 'finalizeRollout', rolloutId: index, epoch: rollout.epoch });
  return commands;
}

/** The files of a folder with their bytes. */
function bytesOf(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder).map((name) => [name, readFileSync(join(folder, name)).toString('base64')]),
  );
}

/** The log as a node finds it that starts now: who votes and who is a member. */
async function endOf(paths: DataPaths): Promise<string> {
  const { swarmId, nodeId } = await readNodeFile(paths);
  try {
    const { situation } = planRecovery(swarmId, nodeId, await restoredOf(paths));
    return `members ${situation.members.map((member) => member.nodeId).join()}`;
  } catch (error) {
    return String(error);
  }
}

describe('a node whose quorum is lost', () => {
  it('is described, and nothing of it changes without consent', async () => {
    const said = [...THREE_VOTERS, admit(4), change('addLearner', 4), write(1), write(2)];
    const paths = await stoppedNode(said, { uncommitted: 3 });
    const before = bytesOf(paths.raft);
    const { situation, backup } = await recoverDirectory(paths, look);
    expect(backup).toBeNull();
    expect(situation).toMatchObject({
      nodeId: 1,
      term: 6,
      lastTerm: 5,
      lastIndex: 11,
      commitIndex: 8,
      uncommittedEntries: 3,
      uncommittedWrites: 2,
      removed: [2, 3, 4],
      rollout: null,
    });
    expect(situation.members.map(({ nodeId, voter }) => [nodeId, voter])).toEqual([
      [1, true],
      [2, true],
      [3, true],
      [4, false],
    ]);
    expect(bytesOf(paths.raft)).toEqual(before);
    expect(readdirSync(paths.root).filter((name) => name.includes('recovery'))).toEqual([]);
  });

  it('is the only voter afterwards, in a higher term, with everything committed', async () => {
    const paths = await stoppedNode([...THREE_VOTERS, admit(4), write(1)], { uncommitted: 2 });
    const before = bytesOf(paths.raft);
    const kept = await restoredOf(paths);
    const { backup, situation } = await recoverDirectory(paths, accept);
    expect(bytesOf(backup ?? '')).toEqual(before);
    const restored = await restoredOf(paths);
    const lastIndex = restored.entries.at(-1)?.index;
    expect(restored.hardState).toEqual({ term: 7, vote: 1, commit: lastIndex });
    // Nothing that was in the log is touched.
    expect(restored.entries.slice(0, kept.entries.length)).toEqual(kept.entries);
    expect(restored.entries.slice(kept.entries.length).every(({ term }) => term === 7)).toBe(true);
    expect(situation.uncommittedWrites).toBe(1);
    expect((await readNodeFile(paths)).members).toEqual([]);
    expect(await endOf(paths)).toContain('node 1 is the only voter already; just start it');
    await expect(recoverDirectory(paths, accept)).rejects.toThrow('the only voter already');
  });

  it('removes a member whose removal had begun, and one that is only a voter', async () => {
    const removing = { command: { type: 'removeMember', nodeId: 2 } } as const;
    const said = [...THREE_VOTERS, removing, change('addLearner', 9), change('addVoter', 9)];
    const paths = await stoppedNode(said, { uncommitted: 1 });
    const { situation } = await recoverDirectory(paths, accept);
    expect(situation.removed).toEqual([2, 3, 9]);
    expect(await endOf(paths)).toContain('the only voter already');
  });

  it('leaves a joint configuration first', async () => {
    const paths = await stoppedNode([...THREE_VOTERS, { change: ['remove', 3], isJoint: true }]);
    const { situation } = await recoverDirectory(paths, accept);
    // The third voter still votes in the outgoing half.
    expect(situation.members.filter(({ voter }) => voter).map(({ nodeId }) => nodeId)).toEqual([
      1, 2, 3,
    ]);
    expect(await endOf(paths)).toContain('the only voter already');
  });

  const ROLLOUTS: [string, RolloutPlan, 'running' | 'finalizing'][] = [
    ['of the release before', formerPlan([1, 2, 3]), 'running'],
    ['that runs', makePlan(ids, 1, { rollbackWindowMs: 0 }), 'running'],
    ['that is being finalized', makePlan(ids, 1), 'finalizing'],
  ];
  it.each(ROLLOUTS)('takes a rollout back %s', async (_which, plan, until) => {
    // Node 1 founds a swarm of version 2; a log that says otherwise is made of version 1.
    const paths = await stoppedNode(THREE_VOTERS);
    const { swarmId, nodeId } = await readNodeFile(paths);
    const restored = await restoredOf(paths);
    const snapshot = restored.snapshot;
    if (snapshot === null) throw new Error('a founder has a snapshot');
    const control = decodeControlState(snapshot.data);
    control.swarmVersion = 1;
    for (const member of control.members.values()) member.engine = 'v1';
    const index = 2 + THREE_VOTERS.length;
    const commands = rolloutTo(until, plan, index);
    const log = {
      hardState: { ...restored.hardState, commit: index + commands.length - 1 },
      snapshot: { ...snapshot, data: encodeControlState(control) },
      entries: [
        ...restored.entries,
        ...commands.map((command, at) => {
          const data = encodeCommand(command);
          return { term: 6, index: index + at, type: 'normal', data } as const;
        }),
      ],
    };
    const planned = planRecovery(swarmId, nodeId, log);
    expect(planned.situation.rollout).toBe(index);
    const after = { ...log, ...planned, entries: [...log.entries, ...planned.entries] };
    expect(() => planRecovery(swarmId, nodeId, after)).toThrow('the only voter already');
  });
});

describe('recovery is refused', () => {
  it.each([
    ['a node that is alone', [], 'only voter already; just start it'],
    [
      'a node that is alone with learners',
      [admit(2), change('addLearner', 2)],
      'only voter already, and needs no vote of its learners (2)',
    ],
    [
      'a learner',
      [...THREE_VOTERS, change('addLearner', 1)],
      'node 1 is a learner only: it may lack any number of acknowledged writes',
    ],
    ['a node that was removed', [...THREE_VOTERS, change('remove', 1)], 'node 1 is no voter'],
    [
      'a node whose removal had begun',
      [...THREE_VOTERS, { command: { type: 'removeMember', nodeId: 1 } } as const],
      'was being removed from its swarm',
    ],
  ])('to %s', async (_what, said, message) => {
    const paths = await stoppedNode(said);
    const before = bytesOf(paths.raft);
    await expect(recoverDirectory(paths, accept)).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining(message),
    });
    expect(bytesOf(paths.raft)).toEqual(before);
  });

  it('while the directory is in use', async () => {
    const paths = await stoppedNode(THREE_VOTERS);
    const lock = lockDirectory(paths.root);
    await expect(recoverDirectory(paths, accept)).rejects.toMatchObject({ code: 'locked' });
    lock.release();
    await recoverDirectory(paths, accept);
  });

  it('to a node whose log has lost an entry, which others may still have', async () => {
    const paths = await stoppedNode([...THREE_VOTERS, write(1)]);
    const segment = readdirSync(paths.raft).find((name) => name.endsWith('.wal')) ?? '';
    const path = join(paths.raft, segment);
    const bytes = readFileSync(path);
    const at = bytes.lastIndexOf('client');
    expect(at).toBeGreaterThan(0);
    bytes[at] = (bytes[at] ?? 0) ^ 0xff;
    writeFileSync(path, bytes);
    await expect(recoverDirectory(paths, accept)).rejects.toMatchObject({
      code: 'damaged',
      message: expect.stringContaining('other members may hold it') as string,
    });
  });

  it('to a node whose memories are gone', async () => {
    const paths = await stoppedNode(THREE_VOTERS);
    rmSync(paths.v2, { recursive: true });
    await expect(recoverDirectory(paths, accept)).rejects.toMatchObject({ code: 'directory' });
    expect(await endOf(paths)).toBe('members 1,2,3');
  });
});
