/**
 * What it takes to go on with one voter whose quorum is lost for good (as etcd's --force-new-cluster):
 *
 *   log of this node    ... committed | beyond the commit index | appended, in a term of its own
 *                                                                 leave joint, abort rollout,
 *                                                                 for each other: remove member, vote
 *   hard state after it                                          commit = last, vote = this node
 *
 * What lies beyond the commit index is kept and becomes committed: a majority may have had it, so an
 * acknowledged write may be among it. Pure: reads what the store gave back, and says what to append.
 */
import {
  LEAVE_JOINT,
  defaultRaftConfig,
  encodeConfChange,
  joiningState,
} from '../../consensus/raft/index.js';
import type { ConfState, Entry, HardState } from '../../consensus/raft/index.js';
import { assert } from '../assert.js';
import type { Command } from '../control-plane/command.js';
import { emptyControlState } from '../control-plane/state.js';
import type { ControlState, MemberStatus } from '../control-plane/state.js';
import { NodeError } from '../errors.js';
import { TICK_MS } from '../limits.js';
import { Replica } from '../replica/replica.js';
import { type Rollout, hasEnded } from '../rollout/state.js';
import { type RestoredLog, StorageError } from '../storage/index.js';
import { decodeCommand, encodeCommand } from '../wire/command-codec.js';
import { decodeControlState } from '../wire/state-codec.js';

/** A member as the end of the log has it. */
export interface RecoveryMember {
  readonly nodeId: number;
  /** Empty for one that only the Raft group knows. */
  readonly peerId: string;
  readonly host: string;
  readonly port: number;
  readonly status: MemberStatus | 'unknown';
  readonly voter: boolean;
}

/** What was found in the log of a node. Indexes are those of log entries. */
export interface RecoverySituation {
  readonly swarmId: string;
  readonly nodeId: number;
  readonly term: number;
  /** Term of the last entry: of several survivors, the one with the higher is to be recovered. */
  readonly lastTerm: number;
  readonly lastIndex: number;
  readonly commitIndex: number;
  /** Entries beyond the commit index, and how many of them are writes of memories. */
  readonly uncommittedEntries: number;
  readonly uncommittedWrites: number;
  readonly members: readonly RecoveryMember[];
  /** Ids of the members that lose their place: every one but this node. */
  readonly removed: readonly number[];
  /** Id of the rollout that is running and will be aborted, or null. */
  readonly rollout: number | null;
}

/** What is there, and what is to be appended in one durable step. */
export interface RecoveryPlan {
  readonly situation: RecoverySituation;
  readonly hardState: HardState;
  readonly entries: readonly Entry[];
}

/** What was lost may be found again on others; alone there is nobody to ask any more. */
function requireWhole(log: RestoredLog): void {
  const lost = log.entries.find(({ type }) => type === 'lost');
  if (lost === undefined) return;
  throw new StorageError(
    'damaged',
    `entry ${lost.index} of term ${lost.term} of the log is damaged, and other members may hold it ` +
      'whole. Recover the member whose log is whole, or start this one beside another that has it. ' +
      'Nothing was done',
  );
}

/** Throws a `NodeError` of code `refused` when this node cannot, or need not, go on alone. */
export function planRecovery(swarmId: string, nodeId: number, log: RestoredLog): RecoveryPlan {
  const { hardState } = log;
  requireWhole(log);
  const { control, confState } = replayed(nodeId, log, []);
  requireLostQuorum(nodeId, control, confState);
  const voters = new Set([...confState.voters, ...confState.votersOutgoing]);
  const inGroup = new Set([...voters, ...confState.learners, ...confState.learnersNext]);
  const ids = [...new Set([...control.members.keys(), ...inGroup])].sort((a, b) => a - b);
  const removed = ids.filter((id) => id !== nodeId);
  const lastIndex = log.entries.at(-1)?.index ?? log.snapshot?.meta.index ?? 0;
  const lastTerm = log.entries.at(-1)?.term ?? log.snapshot?.meta.term ?? 0;
  const term = Math.max(hardState.term, lastTerm) + 1;
  const entries = recoveryPayloads(nodeId, removed, control, confState).map(
    (payload, at): Entry => ({ ...payload, term, index: lastIndex + 1 + at }),
  );
  requireAlone(nodeId, replayed(nodeId, log, entries));
  const uncommitted = log.entries.filter(({ index }) => index > hardState.commit);
  const rollout = movingRollout(control)?.id ?? null;
  return {
    situation: {
      swarmId,
      nodeId,
      term: hardState.term,
      lastTerm,
      lastIndex,
      commitIndex: hardState.commit,
      uncommittedEntries: uncommitted.length,
      uncommittedWrites: uncommitted.filter(isWrite).length,
      members: ids.map((id) => memberOf(id, control, voters.has(id))),
      removed,
      rollout,
    },
    hardState: { term, vote: nodeId, commit: lastIndex + entries.length },
    entries,
  };
}

interface EndOfLog {
  readonly control: ControlState;
  readonly confState: ConfState;
}

/** The state that the whole log builds, with everything in it committed, and `more` after it. */
function replayed(nodeId: number, log: RestoredLog, more: readonly Entry[]): EndOfLog {
  const { snapshot } = log;
  // The replica changes the state that it is given.
  const control = snapshot === null ? emptyControlState() : decodeControlState(snapshot.data);
  if (snapshot === null) return { control, confState: emptyConfState };
  const entries = [...log.entries, ...more];
  const lastIndex = entries.at(-1)?.index ?? snapshot.meta.index;
  const replica = new Replica(
    defaultRaftConfig({ id: nodeId, random: () => 0 }),
    {
      ...joiningState(),
      hardState: {
        ...log.hardState,
        term: Math.max(log.hardState.term, entries.at(-1)?.term ?? 0),
        commit: lastIndex,
      },
      snapshot: snapshot.meta,
      entries,
      applied: snapshot.meta.index,
    },
    control,
    { encode: encodeCommand, decode: decodeCommand },
    { nowMs: () => 0, timeOfDayMs: () => 0, tickMs: TICK_MS },
  );
  while (replica.hasReady()) {
    const batch = replica.beginApply(replica.ready().committedEntries);
    // What the engines make of a write changes neither members nor rollout.
    replica.finishApply(batch.commands.map(() => 'ok' as const));
    replica.advance();
  }
  assert(replica.appliedIndex === lastIndex, 'the whole log was applied');
  return { control: replica.control, confState: replica.status().confState };
}

const emptyConfState: ConfState = {
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};

type Payload = Pick<Entry, 'type' | 'data'>;

function commandPayload(command: Command): Payload {
  return { type: 'normal', data: encodeCommand(command) };
}

/** Votes go one by one, as single changes: this node is in every majority that decides them. */
function recoveryPayloads(
  nodeId: number,
  removed: readonly number[],
  control: ControlState,
  confState: ConfState,
): Payload[] {
  const payloads: Payload[] = [];
  if (confState.votersOutgoing.length > 0) {
    payloads.push({ type: 'confChange', data: encodeConfChange(LEAVE_JOINT) });
  }
  const rollout = movingRollout(control);
  if (rollout !== undefined) {
    const { id: rolloutId, epoch } = rollout;
    const reason = `the quorum was lost; node ${nodeId} was recovered alone`;
    const isFinal = rollout.status === 'finalizing';
    payloads.push(
      commandPayload(
        isFinal
          ? { type: 'rollbackRollout', rolloutId, epoch, reason }
          : { type: 'abortRollout', rolloutId, reason },
      ),
    );
  }
  for (const id of removed) {
    const member = control.members.get(id);
    if (member !== undefined && member.status !== 'removing') {
      payloads.push(commandPayload({ type: 'removeMember', nodeId: id }));
    }
    const change = { transition: 'auto', changes: [{ type: 'remove', node: id }] } as const;
    payloads.push({ type: 'confChange', data: encodeConfChange(change) });
  }
  return payloads;
}

/** The rollout that would go forward without those who are gone; one that goes back may go on. */
function movingRollout({ rollout }: ControlState): Rollout | undefined {
  if (rollout === null || hasEnded(rollout)) return undefined;
  return rollout.status === 'finalized' || rollout.status === 'rollingBack' ? undefined : rollout;
}

function requireLostQuorum(nodeId: number, control: ControlState, confState: ConfState): void {
  const { voters, votersOutgoing, learners, learnersNext } = confState;
  const member = control.members.get(nodeId);
  if (member?.status === 'removing') {
    throw refused(`node ${nodeId} was being removed from its swarm; recover another member`);
  }
  if (!voters.includes(nodeId)) {
    const what = learners.includes(nodeId) ? 'is a learner only' : 'is no voter';
    throw refused(
      `node ${nodeId} ${what}: it may lack any number of acknowledged writes; recover a voter`,
    );
  }
  if (member === undefined) {
    throw refused(`node ${nodeId} is no member in its own log; recover another one`);
  }
  const others = [...voters, ...votersOutgoing].filter((id) => id !== nodeId);
  if (others.length > 0) return;
  const waiting = [...learners, ...learnersNext];
  const more =
    waiting.length === 0 ? '' : `, and needs no vote of its learners (${waiting.join()})`;
  throw refused(`node ${nodeId} is the only voter already${more}; just start it`);
}

/** What is written has been tried on the state that it is for. */
function requireAlone(nodeId: number, { control, confState }: EndOfLog): void {
  const { voters, votersOutgoing, learners } = confState;
  const ids = [...control.members.keys(), ...voters, ...votersOutgoing, ...learners];
  const isRunning = movingRollout(control) !== undefined;
  if (ids.length === 2 && ids.every((id) => id === nodeId) && !isRunning) return;
  throw refused(
    `the log of node ${nodeId} does not let it go on alone (members ${ids.join()} remain)`,
  );
}

function memberOf(id: number, control: ControlState, voter: boolean): RecoveryMember {
  const member = control.members.get(id);
  if (member === undefined) {
    return { nodeId: id, peerId: '', host: '', port: 0, status: 'unknown', voter };
  }
  const { nodeId, peerId, host, port, status } = member;
  return { nodeId, peerId, host, port, status, voter };
}

function isWrite({ type, data }: Entry): boolean {
  return type === 'normal' && data.length > 0 && decodeCommand(data).type === 'memory';
}

function refused(what: string): NodeError {
  return new NodeError('refused', `${what}. Nothing was done`);
}
