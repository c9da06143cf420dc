/**
 * What a leader has to propose so that the world becomes what the control state says. Level
 * triggered: it is asked again on every tick, so that no step is lost with a leader. Pure.
 */
import type { ConfChange, RaftStatus } from '../../consensus/raft/index.js';
import type { Command } from '../control-plane/command.js';
import { isClockDue } from '../control-plane/sessions.js';
import { COMMAND_VERSION, type CommandVersion } from '../control-plane/state.js';
import type { ControlState } from '../control-plane/state.js';
import { hasEnded } from '../rollout/state.js';
import { rolloutUpkeep } from './rollout-upkeep.js';
import { leaderInstead, nextDeparture, nextMembershipChange } from './voters.js';
import type { SilentMs } from './voters.js';

export type Upkeep =
  | { readonly type: 'membership'; readonly change: ConfChange }
  | { readonly type: 'command'; readonly command: Command }
  /** Leadership goes to this member. */
  | { readonly type: 'transfer'; readonly to: number };

/**
 * `nowMs` is the time that this leader tells (`control-plane/leader-clock.ts`), `timeOfDayMs` what its
 * machine says of the time of day.
 */
export function nextUpkeep(
  control: ControlState,
  raft: RaftStatus,
  nowMs: number,
  timeOfDayMs: number,
  silentMs: SilentMs,
): Upkeep | undefined {
  if (raft.role !== 'leader' || raft.transferTarget !== 0) return undefined;
  const to = leaderInstead(control, raft);
  if (to !== undefined) return { type: 'transfer', to };
  const change = nextMembershipChange(control, raft, silentMs);
  if (change !== undefined) return { type: 'membership', change };
  const command =
    nextDeparture(control, raft, silentMs) ?? rolloutUpkeep(control, nowMs, timeOfDayMs);
  if (command !== undefined) return { type: 'command', command };
  const members = [...control.members.values()];
  const readByAll = Math.min(...members.map((member) => member.commandVersion), COMMAND_VERSION);
  // What is written while a rollout can be rolled back, the side that it came from has to read.
  const isAtRest = control.rollout === null || hasEnded(control.rollout);
  if (isAtRest && control.commandVersion < readByAll) {
    const version = readByAll as CommandVersion;
    return { type: 'command', command: { type: 'raiseCommandVersion', version, nowMs } };
  }
  if (isClockDue(control, nowMs)) {
    return { type: 'command', command: { type: 'advanceClock', nowMs } };
  }
  return undefined;
}
