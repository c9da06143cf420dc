/**
 * Client sessions (Raft dissertation 6.3): a write that is sent again is answered and not applied again.
 *
 *   openSession --> open --write, keepSession: used now--> open --unused for the time-out--> forgotten
 *                     '----------------- closeSession ------------------------------------> forgotten
 *
 * A session keeps the answers that its client still waits for: with every write the client names the
 * lowest sequence that it has no answer to, and what is below it is dropped. Within a window above it
 * writes arrive in any order, since they go through different nodes.
 *
 * Sessions stand in the map in the order of their last use, so that the expired ones come first. All
 * of it is decided by log entries alone: equal logs give equal sessions.
 */
import { assert } from '../assert.js';
import { clockIntervalMs } from '../rollout/waiting.js';
import type { Command, CommandRefusal, CommandResult, PendingAnswer } from './command.js';
import {
  CLOCK_ENTRIES_PER_TIMEOUT,
  CLOCK_STEPS_PER_TIMEOUT,
  SESSIONS_MAX,
  SESSIONS_PER_OWNER_MAX,
  SESSION_WINDOW,
} from './limits.js';
import { done, refused } from './results.js';
import { ROLLOUT_COMMAND_VERSION, type ControlState, type Session } from './state.js';

export type SessionWrite = Extract<Command, { type: 'memory' }>;
type OpenSession = Extract<Command, { type: 'openSession' }>;
type NamedSession = Extract<Command, { type: 'keepSession' | 'closeSession' }>;

/** What to do with a write of a session. `answer` is filled by the engines when it is new. */
export type Admission =
  | { readonly kind: 'new'; readonly answer: PendingAnswer }
  | { readonly kind: 'retry'; readonly answer: PendingAnswer }
  | { readonly kind: 'refused'; readonly refusal: CommandRefusal };

/**
 * Takes the time that a leader told: the clock never goes back, and while there are sessions one
 * entry moves it by a part of the time-out only, so that no single entry expires what is in use.
 * Forgets the sessions that have expired by it.
 */
export function tellTime(state: ControlState, nowMs: number): void {
  const { sessions, sessionTimeoutMs } = state;
  const stepMsMax =
    sessions.size === 0 ? Infinity : Math.floor(sessionTimeoutMs / CLOCK_STEPS_PER_TIMEOUT);
  const stepMs = Math.max(0, nowMs - state.clockMs);
  state.clockMs += Math.min(stepMs, stepMsMax);
  for (const [id, { usedAtMs }] of sessions) {
    if (state.clockMs - usedAtMs < sessionTimeoutMs) break;
    sessions.delete(id);
  }
}

/** Whether a leader whose time is `nowMs` has to tell it. Never while nothing waits for it. */
export function isClockDue(state: ControlState, nowMs: number): boolean {
  const { commandVersion, sessions, sessionTimeoutMs, rollout, clockMs } = state;
  if (commandVersion < 2) return false;
  const sessionsMs =
    sessions.size === 0 ? Infinity : Math.floor(sessionTimeoutMs / CLOCK_ENTRIES_PER_TIMEOUT);
  const rolloutMs = rollout === null ? Infinity : clockIntervalMs(rollout, clockMs);
  return nowMs - clockMs >= Math.min(sessionsMs, rolloutMs);
}

/** The command as a leader proposes it: what concerns sessions carries the time. */
export function withTime(command: Command, state: ControlState, nowMs: number): Command {
  if (state.commandVersion < 2) return command;
  switch (command.type) {
    case 'openSession':
    case 'keepSession':
    case 'closeSession':
      return { ...command, nowMs };
    case 'memory':
      // A client of the previous release has one write on its way at a time.
      return { ...command, awaitedFrom: command.awaitedFrom ?? command.sequence, nowMs };
    case 'finishStep':
    case 'beginRollout':
    case 'openRollout':
    case 'resumeRollout':
    case 'raiseVersion':
      return state.commandVersion < ROLLOUT_COMMAND_VERSION ? command : { ...command, nowMs };
    default:
      return command;
  }
}

/** Opens a session; its id is the index. A full table is a refusal and never costs others theirs. */
export function openSession(
  state: ControlState,
  index: number,
  { owner, nowMs }: OpenSession,
): CommandResult {
  if (nowMs === undefined) {
    if (state.sessions.size >= SESSIONS_MAX) evictOldest(state);
  } else {
    tellTime(state, nowMs);
    if (ownedBy(state, owner) >= SESSIONS_PER_OWNER_MAX) {
      return refused(index, 'owner-sessions-full');
    }
    if (state.sessions.size >= SESSIONS_MAX) return refused(index, 'sessions-full');
  }
  const usedAtMs = state.clockMs;
  const answers = new Map<number, PendingAnswer>();
  state.sessions.set(index, { owner, usedAtMs, lastSequence: 0, awaitedFrom: 1, answers });
  return done(index, index);
}

/** A client that writes nothing says that it wants its session all the same. */
export function keepSession(
  state: ControlState,
  index: number,
  { session: id, owner, nowMs }: NamedSession,
): CommandResult {
  tellTime(state, nowMs);
  const session = state.sessions.get(id);
  if (session?.owner !== owner) return refused(index, 'session-unknown');
  use(state, id, session);
  return done(index, id);
}

/** Forgets a session that its client needs no more. Closing one that is not there is no error. */
export function closeSession(
  state: ControlState,
  index: number,
  { session: id, owner, nowMs }: NamedSession,
): CommandResult {
  tellTime(state, nowMs);
  if (state.sessions.get(id)?.owner === owner) state.sessions.delete(id);
  return done(index, id);
}

/** Judges a write of a session: new, a retry, or one that can no longer be judged. */
export function admitWrite(state: ControlState, index: number, write: SessionWrite): Admission {
  if (write.nowMs !== undefined) tellTime(state, write.nowMs);
  const session = state.sessions.get(write.session);
  if (session?.owner !== write.owner) return { kind: 'refused', refusal: 'session-unknown' };
  use(state, write.session, session);
  const { sequence, awaitedFrom } = write;
  if (awaitedFrom === undefined) return admitInOrder(session, index, sequence);
  acknowledge(session, awaitedFrom);
  const known = session.answers.get(sequence);
  if (known !== undefined) return { kind: 'retry', answer: known };
  // Its answer was dropped: the client had it, or had given the write up.
  if (sequence < session.awaitedFrom) return { kind: 'refused', refusal: 'sequence-stale' };
  if (sequence >= session.awaitedFrom + SESSION_WINDOW) {
    return { kind: 'refused', refusal: 'sequence-gap' };
  }
  return { kind: 'new', answer: remember(session, index, sequence) };
}

/** Writes of command version 1: one on its way at a time, so the last answer is enough. */
function admitInOrder(session: Session, index: number, sequence: number): Admission {
  const last = session.answers.get(session.lastSequence);
  if (last !== undefined && sequence === session.lastSequence) {
    return { kind: 'retry', answer: last };
  }
  if (sequence !== session.lastSequence + 1) return { kind: 'refused', refusal: 'sequence-gap' };
  acknowledge(session, sequence);
  return { kind: 'new', answer: remember(session, index, sequence) };
}

function acknowledge(session: Session, awaitedFrom: number): void {
  if (awaitedFrom <= session.awaitedFrom) return;
  session.awaitedFrom = awaitedFrom;
  for (const sequence of session.answers.keys()) {
    if (sequence < awaitedFrom) session.answers.delete(sequence);
  }
}

function remember(session: Session, index: number, sequence: number): PendingAnswer {
  const answer: PendingAnswer = { index, outcome: 'ok' };
  session.answers.set(sequence, answer);
  session.lastSequence = Math.max(session.lastSequence, sequence);
  assert(session.answers.size <= SESSION_WINDOW, 'a session keeps a window of answers');
  return answer;
}

/** Moves a session to the end of the map, which orders it as the most recently used. */
function use(state: ControlState, id: number, session: Session): void {
  session.usedAtMs = state.clockMs;
  state.sessions.delete(id);
  state.sessions.set(id, session);
}

function ownedBy(state: ControlState, owner: string): number {
  let count = 0;
  for (const session of state.sessions.values()) if (session.owner === owner) count += 1;
  return count;
}

/** Command version 1 knew no time: the least recently used session made room. */
function evictOldest(state: ControlState): void {
  const oldest = state.sessions.keys().next();
  assert(oldest.done === false, 'a full session table has an oldest session');
  state.sessions.delete(oldest.value);
}
