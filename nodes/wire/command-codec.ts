/**
 * Bytes of a log entry: a msgpack array `[version, kind, ...fields]`. Golden bytes of each released
 * version are in `test/nodes/wire`. A reader understands the current version.
 */
import type { ModelVector } from '../../src/memory/engine.js';
import type { Command } from '../control-plane/command.js';
import { ROLLOUT_STEPS } from '../rollout/state.js';
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
} from './limits.js';

const COMMAND_VERSION = 1;

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

export function encodeCommand(command: Command): Uint8Array {
  return encode([COMMAND_VERSION, ...commandFields(command)]);
}

function commandFields(command: Command): unknown[] {
  switch (command.type) {
    case 'addMember':
      return ['addMember', command.peerId, command.host, command.port];
    case 'setMember':
      return ['setMember', command.nodeId, command.status, command.host, command.port];
    case 'removeMember':
      return ['removeMember', command.nodeId];
    case 'openSession':
      return ['openSession', command.owner];
    case 'memory':
      return memoryFields(command);
    case 'startRollout': {
      const { from, to, order } = command.plan;
      return ['startRollout', from, to, order, command.digest, command.startedAtMs];
    }
    case 'finishStep': {
      const { rolloutId, nodeId, step, epoch, detail } = command;
      return ['finishStep', rolloutId, nodeId, step, epoch, JSON.stringify(detail)];
    }
    case 'abortRollout':
      return ['abortRollout', command.rolloutId, command.reason];
    case 'raiseVersion':
      return ['raiseVersion', command.rolloutId];
  }
}

function memoryFields({
  session,
  owner,
  sequence,
  command,
}: Extract<Command, { type: 'memory' }>): unknown[] {
  if (command.type === 'addEdge') {
    const { from, to, relation, weight, timestampMs } = command;
    return ['addEdge', session, owner, sequence, from, to, relation, weight, timestampMs];
  }
  const { id, content, metadata, vector, timestampMs } = command;
  return [
    'insertMemory',
    session,
    owner,
    sequence,
    id,
    content,
    JSON.stringify(metadata),
    vector === null ? null : [vector.model, floatsToBytes(vector.values)],
    timestampMs,
  ];
}

export function decodeCommand(bytes: Uint8Array): Command {
  const fields = new Fields(decode(bytes, 'command'), 'command');
  const version = fields.count('version');
  if (version !== COMMAND_VERSION) {
    fields.fail('version', `${COMMAND_VERSION}; it is ${version}, of another release`);
  }
  const kind = fields.oneOf('kind', KINDS);
  switch (kind) {
    case 'addMember':
      return {
        type: kind,
        peerId: fields.string('peerId', PEER_ID_LENGTH_MAX),
        host: fields.string('host', HOST_LENGTH_MAX),
        port: fields.count('port'),
      };
    case 'setMember':
      return {
        type: kind,
        nodeId: fields.count('nodeId'),
        status: fields.oneOf('status', ['joining', 'up', 'left']),
        host: fields.string('host', HOST_LENGTH_MAX),
        port: fields.count('port'),
      };
    case 'removeMember':
      return { type: kind, nodeId: fields.count('nodeId') };
    case 'openSession':
      return { type: kind, owner: fields.string('owner', PEER_ID_LENGTH_MAX) };
    case 'insertMemory':
    case 'addEdge':
      return decodeMemory(kind, fields);
    case 'startRollout':
      return {
        type: kind,
        plan: {
          from: fields.oneOf('from', ['v1', 'v2']),
          to: fields.oneOf('to', ['v1', 'v2']),
          order: fields.list('order', NODES_MAX, (list) => list.count('nodeId')),
        },
        digest: fields.string('digest', 128),
        startedAtMs: fields.count('startedAtMs'),
      };
    case 'finishStep':
      return {
        type: kind,
        rolloutId: fields.count('rolloutId'),
        nodeId: fields.count('nodeId'),
        step: fields.oneOf('step', ROLLOUT_STEPS),
        epoch: fields.count('epoch'),
        detail: fields.json('detail', DETAIL_LENGTH_MAX),
      };
    case 'abortRollout':
      return {
        type: kind,
        rolloutId: fields.count('rolloutId'),
        reason: fields.string('reason', REASON_LENGTH_MAX),
      };
    case 'raiseVersion':
      return { type: kind, rolloutId: fields.count('rolloutId') };
  }
}

function decodeMemory(kind: 'insertMemory' | 'addEdge', fields: Fields): Command {
  const session = fields.count('session');
  const owner = fields.string('owner', PEER_ID_LENGTH_MAX);
  const sequence = fields.count('sequence');
  if (kind === 'addEdge') {
    const command = {
      type: kind,
      from: fields.string('from', ID_LENGTH_MAX),
      to: fields.string('to', ID_LENGTH_MAX),
      relation: fields.string('relation', RELATION_LENGTH_MAX),
      weight: fields.number('weight'),
      timestampMs: fields.count('timestampMs'),
    };
    return { type: 'memory', session, owner, sequence, command };
  }
  const command = {
    type: kind,
    id: fields.string('id', ID_LENGTH_MAX),
    content: fields.string('content', CONTENT_LENGTH_MAX),
    metadata: fields.json('metadata', METADATA_LENGTH_MAX),
    vector: fields.nullable((outer) => readVector(outer.fields('vector'))),
    timestampMs: fields.count('timestampMs'),
  };
  return { type: 'memory', session, owner, sequence, command };
}

function readVector(fields: Fields): ModelVector {
  return {
    model: fields.string('model', MODEL_LENGTH_MAX),
    values: bytesToFloats(fields.bytes('values')),
  };
}
