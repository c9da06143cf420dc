/** Bytes of rollouts and their entries from version 5 on, as parts of a command and of the state. */
import type { Command, RolloutCommand } from '../control-plane/command.js';
import { PLAN_NODES_MAX, RELEASE_NAME_LENGTH_MAX } from '../rollout/limits.js';
import { MAINTENANCE_WINDOWS_MAX, SENTENCES_MAX, SENTENCE_LENGTH_MAX } from '../rollout/limits.js';
import { guardValues, releaseValues } from '../rollout/plan.js';
import { stepsOf } from '../rollout/state.js';
import type {
  Guards,
  MaintenanceWindow,
  ReleaseName,
  Rollout,
  RolloutNode,
  RolloutPlan,
} from '../rollout/state.js';
import { windowValues } from '../rollout/windows.js';
import type { Fields } from './fields.js';
import { APPROVAL_BYTES_MAX, DETAIL_LENGTH_MAX, NODES_MAX, REASON_LENGTH_MAX } from './limits.js';

const DIGEST_LENGTH_MAX = 128;
/** A node more than the plan has may have joined while the window was open. */
const ROLLOUT_NODES_MAX = NODES_MAX + PLAN_NODES_MAX;

export const KINDS_5 = [
  'startRollout',
  'beginRollout',
  'openRollout',
  'pauseRollout',
  'rollbackRollout',
  'resumeRollout',
  'throttleRollout',
  'postponeRollout',
  'haltRollout',
  'giveUpRollout',
  'finalizeRollout',
  'ackFence',
  'closeWindow',
] as const;

type StartRollout = Extract<Command, { type: 'startRollout' }>;

/** The fields after version and kind. */
export function rolloutCommandFields(command: RolloutCommand | StartRollout): unknown[] {
  switch (command.type) {
    case 'startRollout':
      return [
        planFields(command.plan),
        command.digest,
        command.startedAtMs,
        command.after ?? 0,
        ...(command.approval === undefined ? [] : [command.approval]),
      ];
    case 'beginRollout':
    case 'resumeRollout':
      return [command.rolloutId, command.epoch, ...timeFields(command)];
    case 'openRollout':
      return [command.rolloutId, command.epoch, command.openUntilMs, ...timeFields(command)];
    case 'finalizeRollout':
      return [command.rolloutId, command.epoch];
    case 'pauseRollout':
    case 'rollbackRollout':
      return [command.rolloutId, command.epoch, command.reason];
    case 'throttleRollout':
      return [command.rolloutId, command.epoch, command.maxUnavailable, command.soakMs];
    case 'postponeRollout':
      return [command.rolloutId, command.epoch, command.notBeforeMs];
    case 'haltRollout':
    case 'giveUpRollout':
      return [command.rolloutId, command.nodeId, command.nodeEpoch, command.reason];
    case 'ackFence': {
      const { rolloutId, nodeId, epoch, engine, release, commandVersion } = command;
      return [rolloutId, nodeId, epoch, engine, release, commandVersion];
    }
    case 'closeWindow':
      return [command.rolloutId, command.epoch, command.nowMs, command.early];
  }
}

/** The time of the leader, at the end of what it proposes; nothing before the leader has it. */
export function timeFields({ nowMs }: { readonly nowMs?: number }): number[] {
  return nowMs === undefined ? [] : [nowMs];
}

export function readTime(fields: Fields): { readonly nowMs?: number } {
  return fields.isAtEnd ? {} : { nowMs: fields.count('nowMs') };
}

/** Reads them; each kind with its fields in the order of `rolloutCommandFields`. */
export function readRolloutCommand(
  kind: (typeof KINDS_5)[number],
  fields: Fields,
): RolloutCommand | StartRollout {
  if (kind === 'startRollout') {
    return {
      type: kind,
      plan: readPlan(fields.fields('plan')),
      digest: fields.string('digest', DIGEST_LENGTH_MAX),
      startedAtMs: fields.count('startedAtMs'),
      after: fields.count('after'),
      ...(fields.isAtEnd ? {} : { approval: readCertificate(fields) }),
    };
  }
  const rolloutId = fields.count('rolloutId');
  if (kind === 'haltRollout' || kind === 'giveUpRollout') {
    return {
      type: kind,
      rolloutId,
      nodeId: fields.count('nodeId'),
      nodeEpoch: fields.count('nodeEpoch'),
      reason: fields.string('reason', REASON_LENGTH_MAX),
    };
  }
  if (kind === 'ackFence') {
    return {
      type: kind,
      rolloutId,
      nodeId: fields.count('nodeId'),
      epoch: fields.count('epoch'),
      engine: fields.oneOf('engine', ['v1', 'v2']),
      release: fields.string('release', RELEASE_NAME_LENGTH_MAX),
      commandVersion: fields.count('commandVersion'),
    };
  }
  const epoch = fields.count('epoch');
  switch (kind) {
    case 'beginRollout':
    case 'resumeRollout':
      return { type: kind, rolloutId, epoch, ...readTime(fields) };
    case 'openRollout': {
      const openUntilMs = fields.count('openUntilMs');
      return { type: kind, rolloutId, epoch, openUntilMs, ...readTime(fields) };
    }
    case 'finalizeRollout':
      return { type: kind, rolloutId, epoch };
    case 'pauseRollout':
    case 'rollbackRollout':
      return { type: kind, rolloutId, epoch, reason: fields.string('reason', REASON_LENGTH_MAX) };
    case 'throttleRollout':
      return { type: kind, rolloutId, epoch, ...readLimits(fields) };
    case 'postponeRollout':
      return { type: kind, rolloutId, epoch, notBeforeMs: fields.count('notBeforeMs') };
    case 'closeWindow':
      return {
        type: kind,
        rolloutId,
        epoch,
        nowMs: fields.count('nowMs'),
        early: fields.boolean('early'),
      };
  }
}

function readLimits(fields: Fields): Rollout['limits'] {
  return { maxUnavailable: fields.count('maxUnavailable'), soakMs: fields.count('soakMs') };
}

/** The fields of a plan in their one order. */
export function planFields(plan: RolloutPlan): unknown[] {
  const { release, guards } = plan;
  return [
    plan.form,
    plan.kind,
    plan.from,
    plan.to,
    release === null ? null : [releaseValues(release.from), releaseValues(release.to)],
    plan.batches,
    plan.canaries,
    plan.maxUnavailable,
    plan.soakMs,
    plan.notBeforeMs,
    plan.autoFinalize,
    plan.rollbackWindowMs,
    guards === null ? null : guardValues(guards),
    plan.irreversible,
    plan.inexpressible,
    // At the end, and only where there are some, so that other plans keep their bytes.
    ...(plan.windows.length === 0 ? [] : [plan.windows.map(windowValues)]),
  ];
}

/** Reads them. Throws a `NodeError` of code `malformed`. */
export function readPlan(fields: Fields): RolloutPlan {
  return {
    form: fields.count('form') === 1 ? 1 : 2,
    kind: fields.oneOf('kind', ['engine', 'release']),
    from: fields.string('from', RELEASE_NAME_LENGTH_MAX),
    to: fields.string('to', RELEASE_NAME_LENGTH_MAX),
    release: fields.nullable((outer) => {
      const both = outer.fields('release');
      return { from: readRelease(both.fields('from')), to: readRelease(both.fields('to')) };
    }),
    batches: fields.list('batches', PLAN_NODES_MAX, (list) =>
      list.list('batch', PLAN_NODES_MAX, (batch) => batch.count('nodeId')),
    ),
    canaries: fields.count('canaries'),
    maxUnavailable: fields.count('maxUnavailable'),
    soakMs: fields.count('soakMs'),
    notBeforeMs: fields.count('notBeforeMs'),
    autoFinalize: fields.boolean('autoFinalize'),
    rollbackWindowMs: fields.count('rollbackWindowMs'),
    guards: fields.nullable((outer) => readGuards(outer.fields('guards'))),
    irreversible: readSentences('irreversible', fields),
    inexpressible: readSentences('inexpressible', fields),
    windows: fields.isAtEnd
      ? []
      : fields.list('windows', MAINTENANCE_WINDOWS_MAX, (list) =>
          readWindow(list.fields('window')),
        ),
  };
}

function readWindow(fields: Fields): MaintenanceWindow {
  return {
    days: fields.list('days', 7, (list) => list.count('day')),
    fromMinute: fields.count('fromMinute'),
    lengthMinutes: fields.count('lengthMinutes'),
    offsetMinutes: fields.integer('offsetMinutes'),
  };
}

function readRelease(fields: Fields): ReleaseName {
  return {
    name: fields.string('name', RELEASE_NAME_LENGTH_MAX),
    digest: fields.string('digest', DIGEST_LENGTH_MAX),
    commandVersion: fields.count('commandVersion'),
  };
}

function readGuards(fields: Fields): Guards {
  return {
    windowMs: fields.number('windowMs'),
    windows: fields.number('windows'),
    errorRateMax: fields.number('errorRateMax'),
    p99Factor: fields.number('p99Factor'),
    p99FloorMs: fields.number('p99FloorMs'),
    applyLagMax: fields.number('applyLagMax'),
    memoryFactor: fields.number('memoryFactor'),
    memoryBytesMax: fields.number('memoryBytesMax'),
    diskFreeBytesMin: fields.number('diskFreeBytesMin'),
    restartsMax: fields.number('restartsMax'),
    action: fields.oneOf('action', ['rollback', 'pause']),
  };
}

function readSentences(name: string, fields: Fields): string[] {
  return fields.list(name, SENTENCES_MAX, (list) => list.string('sentence', SENTENCE_LENGTH_MAX));
}

/** A rollout in a state of version 5. */
export function rolloutFields(rollout: Rollout): unknown[] {
  const { id, digest, plan, status, epoch, nodes, startedAtMs, limits } = rollout;
  return [
    id,
    digest,
    planFields(plan),
    status,
    epoch,
    nodes.map((node) => [
      node.nodeId,
      node.step,
      node.direction,
      node.epoch,
      node.sinceMs,
      node.detail === null ? null : JSON.stringify(node.detail),
    ]),
    startedAtMs,
    rollout.finalizedAtMs,
    rollout.windowEndsMs,
    limits.maxUnavailable,
    limits.soakMs,
    rollout.notBeforeMs,
    rollout.fenced,
    rollout.reason,
    rollout.goal,
    ...lastFields(rollout),
  ];
}

/** At the end, and only where there is something to say, so that other rollouts keep their bytes. */
function lastFields({ plan, openUntilMs, approval }: Rollout): unknown[] {
  if (approval !== undefined) return [openUntilMs, approval.after, approval.certificate];
  return plan.windows.length === 0 ? [] : [openUntilMs];
}

function readCertificate(fields: Fields): Uint8Array {
  const certificate = fields.bytes('approval');
  // A copy: the entry that it came in need not stay in memory.
  if (certificate.length <= APPROVAL_BYTES_MAX) return new Uint8Array(certificate);
  return fields.fail('approval', `at most ${APPROVAL_BYTES_MAX} bytes`);
}

export function readRollout(fields: Fields): Rollout {
  return {
    id: fields.count('id'),
    digest: fields.string('digest', DIGEST_LENGTH_MAX),
    plan: readPlan(fields.fields('plan')),
    status: fields.oneOf('status', [
      'scheduled',
      'running',
      'paused',
      'switched',
      'finalizing',
      'finalized',
      'completed',
      'rollingBack',
      'rolledBack',
      'aborted',
    ]),
    epoch: fields.count('epoch'),
    nodes: fields.list('nodes', ROLLOUT_NODES_MAX, (list) => readNode(list.fields('node'))),
    startedAtMs: fields.count('startedAtMs'),
    finalizedAtMs: fields.count('finalizedAtMs'),
    windowEndsMs: fields.count('windowEndsMs'),
    limits: readLimits(fields),
    notBeforeMs: fields.count('notBeforeMs'),
    fenced: fields.list('fenced', ROLLOUT_NODES_MAX, (list) => list.count('nodeId')),
    reason: fields.string('reason', REASON_LENGTH_MAX),
    goal: fields.oneOf('goal', ['forward', 'rolledBack', 'aborted']),
    openUntilMs: fields.isAtEnd ? 0 : fields.count('openUntilMs'),
    ...(fields.isAtEnd
      ? {}
      : { approval: { after: fields.count('after'), certificate: readCertificate(fields) } }),
  };
}

function readNode(fields: Fields): RolloutNode {
  return {
    nodeId: fields.count('nodeId'),
    step: fields.oneOf('step', ['pending', ...stepsOf('engine', 'forward'), 'done', 'removed']),
    direction: fields.oneOf('direction', ['forward', 'back']),
    epoch: fields.count('epoch'),
    sinceMs: fields.count('sinceMs'),
    detail: fields.nullable((outer) => outer.json('detail', DETAIL_LENGTH_MAX)),
  };
}
