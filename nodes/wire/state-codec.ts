/** Bytes of the control state in a snapshot: a msgpack array, versioned, read without trust. */
import type { PendingAnswer } from '../control-plane/command.js';
import {
  SESSION_TIMEOUT_MS_DEFAULT,
  SESSION_TIMEOUT_MS_MAX,
  SESSION_TIMEOUT_MS_MIN,
  SESSION_WINDOW,
} from '../control-plane/limits.js';
import { noPlacement } from '../control-plane/membership.js';
import { engineOf } from '../control-plane/state.js';
import type { ControlState, Member, Session } from '../control-plane/state.js';
import { RELEASE_NAME_LENGTH_MAX } from '../rollout/limits.js';
import { formerPlan } from '../rollout/plan.js';
import { stepsOf } from '../rollout/state.js';
import type { Rollout, RolloutNode } from '../rollout/state.js';
import { Fields, decode, encode } from './fields.js';
import {
  DETAIL_LENGTH_MAX,
  HOST_LENGTH_MAX,
  NODES_MAX,
  PEER_ID_LENGTH_MAX,
  REASON_LENGTH_MAX,
  SESSIONS_IN_STATE_MAX,
  ZONE_LENGTH_MAX,
} from './limits.js';
import { placementFields, readPlacement } from './membership-codec.js';
import { readRollout, rolloutFields } from './rollout-codec.js';

/** The newest version that this release reads and writes. */
const STATE_VERSION = 5;
/** In the order of their numbers on the wire; versions 1 and 2 have the first three. */
const OUTCOMES = ['ok', 'missing-endpoint', 'invalid', 'not-found'] as const;

/**
 * Writes the version that all members read, which is that of the commands. Version 1 has one answer a
 * session and no time, which is all that there is to say until it is raised; version 3 is 2 with the
 * answer that there was nothing to delete, version 4 is 3 with another number, and version 5 has more of
 * members and of rollouts.
 */
export function encodeControlState(state: ControlState): Uint8Array {
  const { swarmId, joinTokenHash, clientTokenHash, swarmVersion, nextNodeId } = state;
  const head = [swarmId, joinTokenHash, clientTokenHash, swarmVersion, nextNodeId];
  const isOfFive = state.commandVersion >= 5;
  const members = [...state.members.values()].map(isOfFive ? memberFields : encodeMember);
  const encodeRollout = isOfFive ? rolloutFields : encodeFormerRollout;
  const rollout = state.rollout === null ? null : encodeRollout(state.rollout);
  if (state.commandVersion === 1) {
    return encode([1, ...head, members, [...state.sessions].map(encodeSession1), rollout]);
  }
  const { clockMs, sessionTimeoutMs } = state;
  const sessions = [...state.sessions].map(encodeSession);
  return encode([
    state.commandVersion,
    ...head,
    members,
    sessions,
    rollout,
    clockMs,
    sessionTimeoutMs,
    ...(isOfFive ? [placementFields(state.placement), ...operatorFields(state)] : []),
  ]);
}

/** Nothing while there is none, as in swarms of version 4 and less. */
function operatorFields({ operatorTokenHash }: ControlState): unknown[] {
  return operatorTokenHash === '' ? [] : [operatorTokenHash];
}

function encodeMember(member: Member): unknown[] {
  const { nodeId, peerId, host, port, status, engine, cordoned, commandVersion } = member;
  const reads = commandVersion === 1 ? [] : [commandVersion];
  return [nodeId, peerId, host, port, status, engine, cordoned, ...reads];
}

function memberFields(member: Member): unknown[] {
  const { nodeId, peerId, host, port, status, engine, cordoned, commandVersion } = member;
  const { release, supervised, zone } = member;
  return [
    nodeId,
    peerId,
    host,
    port,
    status,
    engine,
    cordoned,
    commandVersion,
    release,
    supervised,
    zone,
  ];
}

function encodeSession1([id, session]: [number, Session]): unknown[] {
  const { owner, lastSequence, answers } = session;
  const { index, outcome } = answers.get(lastSequence) ?? { index: id, outcome: 'ok' };
  return [id, owner, lastSequence, index, outcome];
}

/** Sequences as their distance from `awaitedFrom`, so that a window of answers stays small. */
function encodeSession([id, session]: [number, Session]): unknown[] {
  const { owner, usedAtMs, lastSequence, awaitedFrom, answers } = session;
  const answerFields = [...answers].map(([sequence, { index, outcome }]) => [
    sequence - awaitedFrom,
    index,
    OUTCOMES.indexOf(outcome),
  ]);
  return [id, owner, usedAtMs, lastSequence, awaitedFrom, answerFields];
}

/** Of the first form, which is all that there is before version 5. */
function encodeFormerRollout(rollout: Rollout): unknown[] {
  return [
    rollout.id,
    rollout.digest,
    rollout.plan.from,
    rollout.plan.to,
    rollout.status,
    rollout.nodes.map(({ nodeId, step, epoch, detail }) => [
      nodeId,
      step,
      epoch,
      detail === null ? null : JSON.stringify(detail),
    ]),
    rollout.startedAtMs,
    rollout.reason,
  ];
}

/** Throws a `NodeError` of code `malformed` that names the field. */
export function decodeControlState(bytes: Uint8Array): ControlState {
  const fields = new Fields(decode(bytes, 'control state'), 'control state');
  const version = fields.count('version');
  if (
    version !== 1 &&
    version !== 2 &&
    version !== 3 &&
    version !== 4 &&
    version !== STATE_VERSION
  ) {
    return fields.fail('version', `1 to ${STATE_VERSION}; it is ${version}, of another release`);
  }
  const readSession = version === 1 ? readSession1 : readSession2;
  return {
    swarmId: fields.string('swarmId', 128),
    joinTokenHash: fields.string('joinTokenHash', 128),
    clientTokenHash: fields.string('clientTokenHash', 128),
    swarmVersion: fields.count('swarmVersion') === 2 ? 2 : 1,
    commandVersion: version,
    nextNodeId: fields.count('nextNodeId'),
    members: byId(fields.list('members', NODES_MAX, (list) => readMember(list.fields('member')))),
    sessions: new Map(
      fields.list('sessions', SESSIONS_IN_STATE_MAX, (list) => readSession(list.fields('session'))),
    ),
    rollout: fields.nullable((outer) => {
      const rollout = outer.fields('rollout');
      return version >= 5 ? readRollout(rollout) : readFormerRollout(rollout);
    }),
    clockMs: version === 1 ? 0 : fields.count('clockMs'),
    sessionTimeoutMs: version === 1 ? SESSION_TIMEOUT_MS_DEFAULT : readTimeout(fields),
    placement: fields.isAtEnd ? noPlacement() : readPlacement(fields.fields('placement')),
    operatorTokenHash: fields.isAtEnd ? '' : fields.string('operatorTokenHash', 128),
  };
}

/** Shorter than that and the clock would stand still, told in parts of it. */
function readTimeout(fields: Fields): number {
  const timeoutMs = fields.count('sessionTimeoutMs');
  if (timeoutMs >= SESSION_TIMEOUT_MS_MIN && timeoutMs <= SESSION_TIMEOUT_MS_MAX) return timeoutMs;
  return fields.fail(
    'sessionTimeoutMs',
    `${SESSION_TIMEOUT_MS_MIN} to ${SESSION_TIMEOUT_MS_MAX} milliseconds`,
  );
}

function byId(members: readonly Member[]): Map<number, Member> {
  return new Map(members.map((member) => [member.nodeId, member]));
}

function readMember(fields: Fields): Member {
  return {
    nodeId: fields.count('nodeId'),
    peerId: fields.string('peerId', PEER_ID_LENGTH_MAX),
    host: fields.string('host', HOST_LENGTH_MAX),
    port: fields.count('port'),
    status: fields.oneOf('status', ['joining', 'up', 'left', 'removing']),
    engine: fields.oneOf('engine', [engineOf(1), engineOf(2)]),
    cordoned: fields.boolean('cordoned'),
    commandVersion: fields.isAtEnd ? 1 : fields.count('commandVersion'),
    release: fields.isAtEnd ? '' : fields.string('release', RELEASE_NAME_LENGTH_MAX),
    supervised: fields.isAtEnd ? false : fields.boolean('supervised'),
    zone: fields.isAtEnd ? '' : fields.string('zone', ZONE_LENGTH_MAX),
  };
}

function readSession1(fields: Fields): [number, Session] {
  const id = fields.count('id');
  const owner = fields.string('owner', PEER_ID_LENGTH_MAX);
  const lastSequence = fields.count('lastSequence');
  const index = fields.count('index');
  const outcome = fields.oneOf('outcome', OUTCOMES);
  const answers: Session['answers'] = new Map();
  if (lastSequence > 0) answers.set(lastSequence, { index, outcome });
  const awaitedFrom = Math.max(lastSequence, 1);
  return [id, { owner, usedAtMs: 0, lastSequence, awaitedFrom, answers }];
}

function readSession2(fields: Fields): [number, Session] {
  const id = fields.count('id');
  const owner = fields.string('owner', PEER_ID_LENGTH_MAX);
  const usedAtMs = fields.count('usedAtMs');
  const lastSequence = fields.count('lastSequence');
  const awaitedFrom = fields.count('awaitedFrom');
  const answers = fields.list('answers', SESSION_WINDOW, (list) =>
    readAnswer(list.fields('answer'), awaitedFrom),
  );
  return [id, { owner, usedAtMs, lastSequence, awaitedFrom, answers: new Map(answers) }];
}

function readAnswer(fields: Fields, awaitedFrom: number): [number, PendingAnswer] {
  const distance = fields.count('distance');
  if (distance >= SESSION_WINDOW) fields.fail('distance', `below ${SESSION_WINDOW}`);
  const index = fields.count('index');
  const outcome = OUTCOMES[fields.count('outcome')];
  if (outcome === undefined) return fields.fail('outcome', `below ${OUTCOMES.length}`);
  return [awaitedFrom + distance, { index, outcome }];
}

/** Versions before 5 know rollouts of the first form only. */
function readFormerRollout(fields: Fields): Rollout {
  const id = fields.count('id');
  const digest = fields.string('digest', 128);
  fields.oneOf('from', ['v1']);
  fields.oneOf('to', ['v2']);
  const status = fields.oneOf('status', ['running', 'completed', 'aborted']);
  const nodes = fields.list('nodes', NODES_MAX, (list) => readFormerNode(list.fields('node')));
  return {
    id,
    digest,
    plan: formerPlan(nodes.map(({ nodeId }) => nodeId)),
    status,
    epoch: 1,
    nodes,
    startedAtMs: fields.count('startedAtMs'),
    finalizedAtMs: 0,
    windowEndsMs: 0,
    limits: { maxUnavailable: 1, soakMs: 0 },
    notBeforeMs: 0,
    openUntilMs: 0,
    fenced: [],
    reason: fields.string('reason', REASON_LENGTH_MAX),
    goal: status === 'aborted' ? 'aborted' : 'forward',
  };
}

function readFormerNode(fields: Fields): RolloutNode {
  return {
    nodeId: fields.count('nodeId'),
    step: fields.oneOf('step', ['pending', ...stepsOf('engine', 'forward'), 'done']),
    direction: 'forward',
    epoch: fields.count('epoch'),
    sinceMs: 0,
    detail: fields.nullable((outer) => outer.json('detail', DETAIL_LENGTH_MAX)),
  };
}
