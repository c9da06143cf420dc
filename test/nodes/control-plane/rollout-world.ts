/**
 * A control state under random entries: nodes that do their steps, operators, guards, leaders that come
 * late, members that go. What must hold is looked at after every entry.
 */
import { expect } from 'vitest';

import { areMembersOnTarget } from '../../../nodes/control-plane/apply-rollout.js';
import { applyControl, dropMember } from '../../../nodes/control-plane/apply.js';
import type { ControlCommand } from '../../../nodes/control-plane/apply.js';
import { newControlState } from '../../../nodes/control-plane/state.js';
import type { ControlState } from '../../../nodes/control-plane/state.js';
import { rolloutUpkeep } from '../../../nodes/replica/rollout-upkeep.js';
import { unfencedNodes } from '../../../nodes/rollout/finalizing.js';
import { nodesWithSteps } from '../../../nodes/rollout/machine.js';
import { hasEnded } from '../../../nodes/rollout/state.js';
import type { ReleaseName, Rollout, RolloutNode } from '../../../nodes/rollout/state.js';
import { isCordoned, isUnavailable } from '../../../nodes/rollout/turns.js';
import { decodeControlState, encodeControlState } from '../../../nodes/wire/state-codec.js';

export const FROM: ReleaseName = { name: '1.0.0+aaaa', digest: 'a', commandVersion: 5 };
export const TO: ReleaseName = { name: '1.1.0+bbbb', digest: 'b', commandVersion: 6 };

/** A swarm of version 1 whose members run `FROM` under a supervisor. */
export function swarmOf(nodes: number): ControlState {
  const state = newControlState({
    swarmId: 's',
    joinTokenHash: 'j',
    clientTokenHash: 'c',
    swarmVersion: 1,
    peerId: 'peer-1',
    host: 'h',
    port: 1,
  });
  const founder = state.members.get(1);
  if (founder === undefined) throw new Error('a new swarm has its founder');
  for (let nodeId = 1; nodeId <= nodes; nodeId += 1) {
    state.members.set(nodeId, {
      ...founder,
      nodeId,
      peerId: `peer-${nodeId}`,
      status: 'up',
      release: FROM.name,
      supervised: true,
    });
  }
  state.nextNodeId = nodes + 1;
  return state;
}

const text = (state: ControlState): string =>
  Buffer.from(encodeControlState(state)).toString('latin1');

/** Mondays after one o'clock, and a time of day in it. */
export const WINDOW = { days: [1], fromMinute: 60, lengthMinutes: 60, offsetMinutes: 0 };
export const IN_WINDOW_MS = 4 * 86_400_000 + 90 * 60_000;

/** Entries that must have no effect when they come a second time. */
const ONCE: ReadonlySet<ControlCommand['type']> = new Set([
  'startRollout',
  'beginRollout',
  'openRollout',
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
  'raiseVersion',
  'closeWindow',
]);

export class RolloutWorld {
  readonly state: ControlState;
  /** The same entries on a node that gets the state in snapshots again and again. */
  #copy: ControlState;
  #index = 1;
  /** What each node runs, or feeds clients from, as its machine knows it. */
  readonly runs = new Map<number, string>();
  readonly #applied: ControlCommand[] = [];
  /** Statuses that were reached, for the test to see that it tests something. */
  readonly seen = new Set<string>();

  constructor(nodes: number) {
    this.state = swarmOf(nodes);
    this.#copy = swarmOf(nodes);
    for (const nodeId of this.state.members.keys()) this.runs.set(nodeId, FROM.name);
  }

  get rollout(): Rollout {
    const { rollout } = this.state;
    if (rollout === null) throw new Error('a rollout was started');
    return rollout;
  }

  /** Applies an entry, and looks at everything that must hold. Returns whether it had its effect. */
  apply(command: ControlCommand): boolean {
    const before = structuredClone(this.state);
    this.#index += 1;
    const result = applyControl(this.state, this.#index, command);
    expect(applyControl(this.#copy, this.#index, command)).toEqual(result);
    expect(text(this.#copy)).toBe(text(this.state));
    if (this.#index % 8 === 0) this.#copy = decodeControlState(encodeControlState(this.state));
    if (result.ok) this.#applied.push(command);
    else this.#checkRefused(before, command, result.refusal);
    this.#checkRollout(before);
    return result.ok;
  }

  /** The same entry once more, as a proposer sends it that had no answer. */
  repeat(position: number): void {
    const command = this.#applied[position % Math.max(1, this.#applied.length)];
    if (command === undefined) return;
    const isTaken = this.apply(command);
    if (ONCE.has(command.type)) expect(isTaken, `${command.type} is taken once`).toBe(false);
  }

  /** A node does its step, which takes effect on it whether its report arrives or not. */
  act(node: RolloutNode): void {
    const { kind, from, to } = this.rollout.plan;
    if (node.step !== 'switch' || kind === 'engine') return;
    this.runs.set(node.nodeId, node.direction === 'forward' ? to : from);
  }

  finish(node: RolloutNode): void {
    this.act(node);
    const { nodeId, step, epoch } = node;
    const taken = this.apply({
      type: 'finishStep',
      rolloutId: this.rollout.id,
      nodeId,
      step,
      epoch,
      detail: { n: epoch },
    });
    expect(taken, `the step ${step} of node ${nodeId} is taken`).toBe(true);
  }

  acknowledge(nodeId: number): void {
    const member = this.state.members.get(nodeId);
    const { id: rolloutId, epoch } = this.rollout;
    if (member === undefined) return;
    const { engine, release, commandVersion } = member;
    this.apply({ type: 'ackFence', rolloutId, nodeId, epoch, engine, release, commandVersion });
  }

  /** A process says what it is, as at its start. */
  say(nodeId: number, release = this.runs.get(nodeId) ?? ''): void {
    const { commandVersion } = release === TO.name ? TO : FROM;
    this.apply({
      type: 'setMember',
      nodeId,
      status: 'up',
      host: 'h',
      port: 1,
      commandVersion,
      release,
      supervised: true,
      zone: '',
    });
  }

  remove(nodeId: number, drops: boolean): void {
    this.apply({ type: 'removeMember', nodeId });
    if (!drops) return;
    dropMember(this.state, nodeId);
    dropMember(this.#copy, nodeId);
  }

  upkeep(timeOfDayMs: number): boolean {
    const command = rolloutUpkeep(this.state, this.state.clockMs, timeOfDayMs);
    if (command === undefined) return false;
    expect(this.apply(command as ControlCommand), `${command.type} of the leader is taken`).toBe(
      true,
    );
    return true;
  }

  /** All nodes work, time passes, nothing else happens: the rollout ends, in a bounded number of entries. */
  runToEnd(): void {
    for (let turn = 0; turn < 2_000; turn += 1) {
      if (hasEnded(this.rollout)) return;
      const [node] = nodesWithSteps(this.rollout);
      if (node !== undefined) this.finish(node);
      else if (this.rollout.status === 'finalizing') this.#acknowledgeAll();
      else this.apply({ type: 'advanceClock', nowMs: this.state.clockMs + 1_000_000 });
      this.sayWhatRuns();
      this.upkeep(IN_WINDOW_MS);
      const { id: rolloutId, epoch, status } = this.rollout;
      if (status === 'switched') this.apply({ type: 'finalizeRollout', rolloutId, epoch });
    }
    throw new Error(`the rollout does not end: ${JSON.stringify(this.rollout)}`);
  }

  /** Every process of which the state says something else says what it is. */
  sayWhatRuns(): void {
    for (const { nodeId, status } of this.state.members.values()) {
      if (status !== 'removing' && this.#speaksOldWords(nodeId)) this.say(nodeId);
    }
  }

  #speaksOldWords(nodeId: number): boolean {
    const member = this.state.members.get(nodeId);
    return member !== undefined && member.release !== this.runs.get(nodeId);
  }

  #acknowledgeAll(): void {
    for (const { nodeId } of unfencedNodes(this.rollout)) this.acknowledge(nodeId);
  }

  #checkRefused(before: ControlState, command: ControlCommand, refusal: string): void {
    const after = structuredClone(this.state);
    // An operator's time is told, and a node that is fenced out loses what it said before.
    if (command.type === 'closeWindow') after.clockMs = before.clockMs;
    if (refusal === 'fenced' && after.rollout !== null && before.rollout !== null) {
      after.rollout.fenced = before.rollout.fenced;
      after.rollout.epoch = before.rollout.epoch;
    }
    expect(text(after), `${command.type} was refused (${refusal})`).toBe(text(before));
  }

  #checkRollout(before: ControlState): void {
    const { rollout } = this.state;
    if (rollout === null) return;
    this.seen.add(rollout.status);
    const former = before.rollout?.id === rollout.id ? before.rollout : undefined;
    if (former !== undefined) checkEpochs(former, rollout);
    checkTurns(rollout, former);
    if (former !== undefined) checkWindow(rollout, former, this.state.clockMs);
    for (const member of this.state.members.values()) {
      const node = rollout.nodes.find(({ nodeId }) => nodeId === member.nodeId);
      const expected = node !== undefined && !hasEnded(rollout) && isCordoned(node);
      expect(member.cordoned, `node ${member.nodeId} is cordoned by its step`).toBe(expected);
    }
    const isFinal = rollout.status === 'finalized' || rollout.status === 'completed';
    if (rollout.plan.kind === 'engine') expect(this.state.swarmVersion).toBe(isFinal ? 2 : 1);
    else expect(this.state.swarmVersion).toBe(1);
    expect(this.state.commandVersion).toBe(5);
    if (isFinal && former?.status === 'finalizing') {
      // Validated before the fence, and nothing older was let in since.
      expect(areMembersOnTarget(this.state, rollout)).toBe(true);
    }
    if (hasEnded(rollout)) this.#checkEnd(rollout);
  }

  /** A run ends wholly in one version. */
  #checkEnd(rollout: Rollout): void {
    const { kind, from, to } = rollout.plan;
    const version = rollout.status === 'completed' ? to : from;
    for (const { nodeId, status, engine } of this.state.members.values()) {
      if (status === 'removing') continue;
      const runs = kind === 'engine' ? engine : this.runs.get(nodeId);
      expect(runs, `node ${nodeId} at the end (${rollout.status})`).toBe(version);
    }
  }
}

/** Epochs never fall, and rise with every transition. */
function checkEpochs(before: Rollout, after: Rollout): void {
  expect(after.epoch).toBeGreaterThanOrEqual(before.epoch);
  if (after.status !== before.status) expect(after.epoch).toBeGreaterThan(before.epoch);
  for (const [i, node] of before.nodes.entries()) {
    const now = after.nodes[i];
    if (now === undefined) throw new Error('no node is forgotten');
    expect(now.epoch).toBeGreaterThanOrEqual(node.epoch);
    const moved = now.step !== node.step || now.direction !== node.direction;
    if (moved) expect(now.epoch).toBeGreaterThan(node.epoch);
    if (node.step === 'removed') expect(now.step).toBe('removed');
  }
}

/** With windows a node begins only while one is open by the replicated clock; with none at any time. */
function checkWindow(rollout: Rollout, before: Rollout, clockMs: number): void {
  if (rollout.plan.windows.length === 0) return;
  const begun = rollout.nodes.some(
    ({ step, direction }, i) =>
      direction === 'forward' && step === 'cordon' && before.nodes[i]?.step === 'pending',
  );
  if (begun) expect(clockMs, 'a node begins within a window').toBeLessThan(rollout.openUntilMs);
}

/** One batch at a time, and never more unavailable nodes than may be when one begins. */
function checkTurns(rollout: Rollout, before: Rollout | undefined): void {
  const { nodes, plan, limits, status } = rollout;
  const unavailable = nodes.filter(isUnavailable).length;
  const former = before?.nodes.filter(isUnavailable).length ?? 0;
  if (unavailable > former) expect(unavailable).toBeLessThanOrEqual(limits.maxUnavailable);
  if (status === 'rollingBack' || hasEnded(rollout)) return;
  const stepOf = new Map(nodes.map(({ nodeId, step }) => [nodeId, step]));
  const isOver = (nodeId: number): boolean =>
    ['done', 'removed'].includes(stepOf.get(nodeId) ?? '');
  const begun = plan.batches.findLastIndex((batch) =>
    batch.some((nodeId) => !['pending', 'removed'].includes(stepOf.get(nodeId) ?? '')),
  );
  const areOver = plan.batches.slice(0, Math.max(0, begun)).flat().every(isOver);
  expect(areOver, 'a batch begins when the one before it is over').toBe(true);
}
