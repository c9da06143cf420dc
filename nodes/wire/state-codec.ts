/** Bytes of the control state in a snapshot: a msgpack array, versioned, read without trust. */
import { engineOf } from '../control-plane/state.js';
import type { ControlState, Member, Session } from '../control-plane/state.js';
import { ROLLOUT_STEPS } from '../rollout/state.js';
import type { Rollout, RolloutNode } from '../rollout/state.js';
import { Fields, decode, encode } from './fields.js';
import {
  DETAIL_LENGTH_MAX,
  HOST_LENGTH_MAX,
  NODES_MAX,
  PEER_ID_LENGTH_MAX,
  REASON_LENGTH_MAX,
  SESSIONS_IN_STATE_MAX,
} from './limits.js';

const STATE_VERSION = 1;

export function encodeControlState(state: ControlState): Uint8Array {
  const { swarmId, joinTokenHash, clientTokenHash, swarmVersion, nextNodeId, rollout } = state;
  return encode([
    STATE_VERSION,
    swarmId,
    joinTokenHash,
    clientTokenHash,
    swarmVersion,
    nextNodeId,
    [...state.members.values()].map((member) => [
      member.nodeId,
      member.peerId,
      member.host,
      member.port,
      member.status,
      member.engine,
      member.cordoned,
    ]),
    [...state.sessions].map(([id, { owner, lastSequence, answer }]) => [
      id,
      owner,
      lastSequence,
      answer.index,
      answer.outcome,
    ]),
    rollout === null ? null : encodeRollout(rollout),
  ]);
}

function encodeRollout(rollout: Rollout): unknown[] {
  return [
    rollout.id,
    rollout.digest,
    rollout.from,
    rollout.to,
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

export function decodeControlState(bytes: Uint8Array): ControlState {
  const fields = new Fields(decode(bytes, 'control state'), 'control state');
  const version = fields.count('version');
  if (version !== STATE_VERSION) {
    fields.fail('version', `${STATE_VERSION}; it is ${version}, of another release`);
  }
  return {
    swarmId: fields.string('swarmId', 128),
    joinTokenHash: fields.string('joinTokenHash', 128),
    clientTokenHash: fields.string('clientTokenHash', 128),
    swarmVersion: fields.count('swarmVersion') === 2 ? 2 : 1,
    nextNodeId: fields.count('nextNodeId'),
    members: byId(fields.list('members', NODES_MAX, (list) => readMember(list.fields('member')))),
    sessions: new Map(
      fields.list('sessions', SESSIONS_IN_STATE_MAX, (list) => readSession(list.fields('session'))),
    ),
    rollout: fields.nullable((outer) => readRollout(outer.fields('rollout'))),
  };
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
  };
}

function readSession(fields: Fields): [number, Session] {
  const id = fields.count('id');
  const owner = fields.string('owner', PEER_ID_LENGTH_MAX);
  const lastSequence = fields.count('lastSequence');
  const index = fields.count('index');
  const outcome = fields.oneOf('outcome', ['ok', 'missing-endpoint', 'invalid']);
  return [id, { owner, lastSequence, answer: { index, outcome } }];
}

function readRollout(fields: Fields): Rollout {
  return {
    id: fields.count('id'),
    digest: fields.string('digest', 128),
    from: fields.oneOf('from', ['v1', 'v2']),
    to: fields.oneOf('to', ['v1', 'v2']),
    status: fields.oneOf('status', ['running', 'completed', 'aborted']),
    nodes: fields.list('nodes', NODES_MAX, (list) => readRolloutNode(list.fields('node'))),
    startedAtMs: fields.count('startedAtMs'),
    reason: fields.string('reason', REASON_LENGTH_MAX),
  };
}

function readRolloutNode(fields: Fields): RolloutNode {
  return {
    nodeId: fields.count('nodeId'),
    step: fields.oneOf('step', ['pending', ...ROLLOUT_STEPS, 'done']),
    epoch: fields.count('epoch'),
    detail: fields.nullable((outer) => outer.json('detail', DETAIL_LENGTH_MAX)),
  };
}
