/**
 * Bytes of a log entry: a msgpack array `[version, kind, ...fields]`. Golden bytes of each released
 * version are in `test/nodes/wire`. A reader understands versions 1 to 5.
 *
 * Version 2 has what concerns sessions, with the time of the leader, version 3 deletes, version 4
 * memories that expire, and version 5 rollouts (`rollout-codec.ts`); everything else stays in version 1, whose bytes the releases before read. What a command holds says which
 * version it is written in; `withTime` and `service/services.ts` see to it that a swarm gets no version
 * before all of its members read it.
 * A field added at the end of a kind is passed over by readers that do not know it.
 */
import type { AddEdge, InsertMemory, ModelVector } from '../../src/memory/engine.js';
import type { Command, RolloutCommand } from '../control-plane/command.js';
import { MEMBERSHIP_COMMANDS, isMembershipCommand } from '../control-plane/membership.js';
import type { MembershipCommand } from '../control-plane/membership.js';
import type { SessionWrite } from '../control-plane/sessions.js';
import { COMMAND_VERSION, type CommandVersion } from '../control-plane/state.js';
import { RELEASE_NAME_LENGTH_MAX } from '../rollout/limits.js';
import { formerPlan } from '../rollout/plan.js';
import { stepsOf } from '../rollout/state.js';
import type { RolloutPlan } from '../rollout/state.js';
import { Fields, bytesToFloats, decode, encode, floatsToBytes } from './fields.js';
import {
  CONTENT_LENGTH_MAX,
  DETAIL_LENGTH_MAX,
  HOST_LENGTH_MAX,
  ID_LENGTH_MAX,
  METADATA_LENGTH_MAX,
  MODEL_LENGTH_MAX,
  NODES_MAX,
  PEER_ID_LENGTH_MAX,
  REASON_LENGTH_MAX,
  RELATION_LENGTH_MAX,
  ZONE_LENGTH_MAX,
} from './limits.js';
import { membershipFields, readMembershipCommand } from './membership-codec.js';
import {
  KINDS_5,
  readRolloutCommand,
  readTime,
  rolloutCommandFields,
  timeFields,
} from './rollout-codec.js';

const KINDS = [
  'addMember',
  'setMember',
  'removeMember',
  'openSession',
  'insertMemory',
  'addEdge',
  'startRollout',
  'finishStep',
  'abortRollout',
  'raiseVersion',
] as const;

const KINDS_2 = [
  'openSession',
  'keepSession',
  'closeSession',
  'insertMemory',
  'addEdge',
  'advanceClock',
  'raiseCommandVersion',
] as const;

const KINDS_3 = ['deleteMemory', 'deleteEdge'] as const;

const KINDS_4 = ['insertMemory', 'expireMemory'] as const;

export function encodeCommand(command: Command): Uint8Array {
  if (isMembershipCommand(command)) {
    return encode([5, command.type, ...membershipFields(command)]);
  }
  switch (command.type) {
    case 'openSession': {
      const { owner, nowMs } = command;
      return encode(
        nowMs === undefined ? [1, 'openSession', owner] : [2, 'openSession', owner, nowMs],
      );
    }
    case 'keepSession':
    case 'closeSession':
      return encode([2, command.type, command.session, command.owner, command.nowMs]);
    case 'advanceClock':
      return encode([2, command.type, command.nowMs]);
    case 'raiseCommandVersion':
      return encode([2, command.type, command.version, command.nowMs]);
    case 'expireMemory':
      return encode([4, command.type, command.id, command.timestampMs]);
    case 'memory':
      return encode(memoryFields(command));
    case 'startRollout':
      if (command.plan.form === 1) return encode([1, ...commandFields(command)]);
      return encode([5, command.type, ...rolloutCommandFields(command)]);
    case 'beginRollout':
    case 'openRollout':
    case 'pauseRollout':
    case 'rollbackRollout':
    case 'resumeRollout':
    case 'throttleRollout':
    case 'postponeRollout':
    case 'haltRollout':
    case 'giveUpRollout':
    case 'finalizeRollout':
    case 'ackFence':
    case 'closeWindow':
      return encode([5, command.type, ...rolloutCommandFields(command)]);
    default:
      return encode([1, ...commandFields(command)]);
  }
}

type SessionCommand =
  | 'openSession'
  | 'keepSession'
  | 'closeSession'
  | 'advanceClock'
  | 'raiseCommandVersion'
  | 'expireMemory'
  | 'memory';

function commandFields(
  command: Exclude<Command, { type: SessionCommand } | RolloutCommand | MembershipCommand>,
): unknown[] {
  switch (command.type) {
    case 'addMember': {
      const { peerId, host, port, zone, replaces } = command;
      const place = zone === undefined && replaces === undefined ? [] : [zone ?? '', replaces ?? 0];
      return ['addMember', peerId, host, port, ...place];
    }
    case 'setMember': {
      const { nodeId, status, host, port, commandVersion, release } = command;
      const reads = commandVersion === undefined ? [] : [commandVersion];
      if (release === undefined) return ['setMember', nodeId, status, host, port, ...reads];
      const { supervised = false, zone = '' } = command;
      return [
        'setMember',
        nodeId,
        status,
        host,
        port,
        commandVersion ?? 1,
        release,
        supervised,
        zone,
      ];
    }
    case 'removeMember':
      return ['removeMember', command.nodeId];
    case 'startRollout': {
      const { from, to, batches } = command.plan;
      return ['startRollout', from, to, batches.flat(), command.digest, command.startedAtMs];
    }
    case 'finishStep': {
      const { rolloutId, nodeId, step, epoch, detail } = command;
      const report = ['finishStep', rolloutId, nodeId, step, epoch, JSON.stringify(detail)];
      return [...report, ...timeFields(command)];
    }
    case 'abortRollout':
      return ['abortRollout', command.rolloutId, command.reason];
    case 'raiseVersion':
      return ['raiseVersion', command.rolloutId, ...timeFields(command)];
  }
}

function memoryFields(write: SessionWrite): unknown[] {
  const { session, owner, sequence, awaitedFrom, nowMs = 0, command } = write;
  const kind = command.type;
  const version = writeVersion(command);
  const head =
    awaitedFrom === undefined && version === 2
      ? [1, kind, session, owner, sequence]
      : [version, kind, session, owner, sequence, awaitedFrom ?? sequence, nowMs];
  if (command.type === 'deleteMemory') return [...head, command.id, command.timestampMs];
  if (command.type === 'deleteEdge') {
    const { from, to, relation, timestampMs } = command;
    return [...head, from, to, relation, timestampMs];
  }
  if (command.type === 'addEdge') {
    const { from, to, relation, weight, timestampMs } = command;
    return [...head, from, to, relation, weight, timestampMs];
  }
  const { id, content, metadata, vector, timestampMs, expiresAtMs } = command;
  const vectorFields = vector === null ? null : [vector.model, floatsToBytes(vector.values)];
  const expiry = expiresAtMs === undefined ? [] : [expiresAtMs];
  return [...head, id, content, JSON.stringify(metadata), vectorFields, timestampMs, ...expiry];
}

function writeVersion(command: SessionWrite['command']): 2 | 3 | 4 {
  if (command.type === 'deleteMemory' || command.type === 'deleteEdge') return 3;
  return command.type === 'insertMemory' && command.expiresAtMs !== undefined ? 4 : 2;
}

/** Throws a `NodeError` of code `malformed` that names the field. */
export function decodeCommand(bytes: Uint8Array): Command {
  const fields = new Fields(decode(bytes, 'command'), 'command');
  const version = fields.count('version');
  if (version === 2) return decodeVersion2(fields);
  if (version === 3) return decodeVersion3(fields);
  if (version === 4) return decodeVersion4(fields);
  if (version === 5) return decodeVersion5(fields);
  if (version !== 1) {
    fields.fail('version', `1 to ${COMMAND_VERSION}; it is ${version}, of another release`);
  }
  const kind = fields.oneOf('kind', KINDS);
  switch (kind) {
    case 'addMember':
      return {
        type: kind,
        peerId: fields.string('peerId', PEER_ID_LENGTH_MAX),
        host: fields.string('host', HOST_LENGTH_MAX),
        port: fields.count('port'),
        ...(fields.isAtEnd
          ? {}
          : { zone: fields.string('zone', ZONE_LENGTH_MAX), replaces: fields.count('replaces') }),
      };
    case 'setMember':
      return {
        type: kind,
        nodeId: fields.count('nodeId'),
        status: fields.oneOf('status', ['joining', 'up', 'left']),
        host: fields.string('host', HOST_LENGTH_MAX),
        port: fields.count('port'),
        ...(fields.isAtEnd ? {} : { commandVersion: fields.count('commandVersion') }),
        ...(fields.isAtEnd ? {} : readSelf(fields)),
      };
    case 'removeMember':
      return { type: kind, nodeId: fields.count('nodeId') };
    case 'openSession':
      return { type: kind, owner: fields.string('owner', PEER_ID_LENGTH_MAX) };
    case 'insertMemory':
    case 'addEdge':
      return { ...decodeWriteHead(fields), command: decodeMemory(kind, fields) };
    case 'startRollout':
      return {
        type: kind,
        plan: readFormerPlan(fields),
        digest: fields.string('digest', 128),
        startedAtMs: fields.count('startedAtMs'),
      };
    case 'finishStep':
      return {
        type: kind,
        rolloutId: fields.count('rolloutId'),
        nodeId: fields.count('nodeId'),
        step: fields.oneOf('step', stepsOf('engine', 'forward')),
        epoch: fields.count('epoch'),
        detail: fields.json('detail', DETAIL_LENGTH_MAX),
        ...readTime(fields),
      };
    case 'abortRollout':
      return {
        type: kind,
        rolloutId: fields.count('rolloutId'),
        reason: fields.string('reason', REASON_LENGTH_MAX),
      };
    case 'raiseVersion':
      return { type: kind, rolloutId: fields.count('rolloutId'), ...readTime(fields) };
  }
}

/** What a node of a release from command version 5 on says of itself. */
function readSelf(fields: Fields) {
  return {
    release: fields.string('release', RELEASE_NAME_LENGTH_MAX),
    supervised: fields.boolean('supervised'),
    zone: fields.string('zone', ZONE_LENGTH_MAX),
  };
}

/** It was never written with other engines than these. */
function readFormerPlan(fields: Fields): RolloutPlan {
  fields.oneOf('from', ['v1']);
  fields.oneOf('to', ['v2']);
  return formerPlan(fields.list('order', NODES_MAX, (list) => list.count('nodeId')));
}

function decodeVersion5(fields: Fields): Command {
  const kind = fields.oneOf('kind', [...KINDS_5, ...MEMBERSHIP_COMMANDS]);
  const membership = MEMBERSHIP_COMMANDS.find((one) => one === kind);
  if (membership !== undefined) return readMembershipCommand(membership, fields);
  return readRolloutCommand(kind as (typeof KINDS_5)[number], fields);
}

function decodeVersion2(fields: Fields): Command {
  const kind = fields.oneOf('kind', KINDS_2);
  switch (kind) {
    case 'openSession':
      return {
        type: kind,
        owner: fields.string('owner', PEER_ID_LENGTH_MAX),
        nowMs: fields.count('nowMs'),
      };
    case 'keepSession':
    case 'closeSession':
      return {
        type: kind,
        session: fields.count('session'),
        owner: fields.string('owner', PEER_ID_LENGTH_MAX),
        nowMs: fields.count('nowMs'),
      };
    case 'insertMemory':
    case 'addEdge':
      return { ...decodeWindowedHead(fields), command: decodeMemory(kind, fields) };
    case 'advanceClock':
      return { type: kind, nowMs: fields.count('nowMs') };
    case 'raiseCommandVersion':
      return { type: kind, version: readVersion(fields), nowMs: fields.count('nowMs') };
  }
}

function readVersion(fields: Fields): CommandVersion {
  const version = fields.count('version');
  if (version === 2 || version === 3 || version === 4 || version === 5) return version;
  return fields.fail('version', `2 to ${COMMAND_VERSION}; it is ${version}, of another release`);
}

function decodeVersion3(fields: Fields): Command {
  const kind = fields.oneOf('kind', KINDS_3);
  const head = decodeWindowedHead(fields);
  if (kind === 'deleteMemory') {
    const id = fields.string('id', ID_LENGTH_MAX);
    return { ...head, command: { type: kind, id, timestampMs: fields.count('timestampMs') } };
  }
  const command: SessionWrite['command'] = {
    type: kind,
    from: fields.string('from', ID_LENGTH_MAX),
    to: fields.string('to', ID_LENGTH_MAX),
    relation: fields.string('relation', RELATION_LENGTH_MAX),
    timestampMs: fields.count('timestampMs'),
  };
  return { ...head, command };
}

function decodeVersion4(fields: Fields): Command {
  const kind = fields.oneOf('kind', KINDS_4);
  if (kind === 'expireMemory') {
    const id = fields.string('id', ID_LENGTH_MAX);
    return { type: kind, id, timestampMs: fields.count('timestampMs') };
  }
  const head = decodeWindowedHead(fields);
  const command = decodeMemory(kind, fields);
  return { ...head, command: { ...command, expiresAtMs: fields.count('expiresAtMs') } };
}

function decodeWindowedHead(fields: Fields) {
  return {
    ...decodeWriteHead(fields),
    awaitedFrom: fields.count('awaitedFrom'),
    nowMs: fields.count('nowMs'),
  };
}

function decodeWriteHead(fields: Fields) {
  return {
    type: 'memory',
    session: fields.count('session'),
    owner: fields.string('owner', PEER_ID_LENGTH_MAX),
    sequence: fields.count('sequence'),
  } as const;
}

function decodeMemory(kind: 'insertMemory', fields: Fields): InsertMemory;
function decodeMemory(kind: 'insertMemory' | 'addEdge', fields: Fields): InsertMemory | AddEdge;
function decodeMemory(kind: 'insertMemory' | 'addEdge', fields: Fields): InsertMemory | AddEdge {
  if (kind === 'addEdge') {
    return {
      type: kind,
      from: fields.string('from', ID_LENGTH_MAX),
      to: fields.string('to', ID_LENGTH_MAX),
      relation: fields.string('relation', RELATION_LENGTH_MAX),
      weight: fields.number('weight'),
      timestampMs: fields.count('timestampMs'),
    };
  }
  return {
    type: kind,
    id: fields.string('id', ID_LENGTH_MAX),
    content: fields.string('content', CONTENT_LENGTH_MAX),
    metadata: fields.json('metadata', METADATA_LENGTH_MAX),
    vector: fields.nullable((outer) => readVector(outer.fields('vector'))),
    timestampMs: fields.count('timestampMs'),
  };
}

function readVector(fields: Fields): ModelVector {
  return {
    model: fields.string('model', MODEL_LENGTH_MAX),
    values: bytesToFloats(fields.bytes('values')),
  };
}
