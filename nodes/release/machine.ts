/**
 * What a supervisor does, as one pure step: an input and a time in, effects out. It has a main child,
 * which has the directory or is to get it, and during a hand-over a second one that is warm.
 *
 *            spawn          standby: go         ready
 *   (none) --------> warming --------> starting ------> ready
 *      ^                |                 |               |
 *      |   restart      v exited          v exited        v exited
 *      +------------- crashed <-----------+---------------+
 *
 *   hand-over, while the main child is ready:
 *
 *     spawn standby -> standby is warm -> record: trial -> main drains -> released, or exited
 *                          |                                   |
 *        died or late: the main child goes on         go to the standby, which is the main child now
 *                                                              |
 *                            ready: record: no trial <---------+--------> died or late: record: the one
 *                                                                         before, which is started again
 *
 *   One that somebody else kills is started again: on trial, or when its turn has come, three times at
 *   most; as a standby before that when it is asked for again.
 *
 * The record is durable before any effect that comes after its `write`. So a supervisor that starts
 * again reads from it alone what to run, and whether that is still a trial.
 */
import { assert } from '../assert.js';
import type { ReleaseRecord } from './files.js';
import {
  CRASHES_MAX,
  CRASH_MEMORY_MS,
  DRAIN_LIMIT_MS,
  READY_TIMEOUT_MS,
  REASON_CHARACTERS_MAX,
  RESTART_DELAY_MAX_MS,
  RESTART_DELAY_MIN_MS,
  WARM_TIMEOUT_MS,
} from './limits.js';
import { KILLED } from './supervision.js';
import type { Child, Effect, HandOver, Input, Step, Supervision } from './supervision.js';

/** `nowMs` must not go back. */
export function step(state: Supervision, input: Input, nowMs: number): Step {
  switch (input.type) {
    case 'start':
      assert(state.main === null, 'a supervisor starts once');
      return startMain(state, nowMs);
    case 'standby':
      return onStandby(state, input.id, input.release, nowMs);
    case 'ready':
      return onReady(state, input.id, nowMs);
    case 'failed':
      return { state: withFailure(state, input.id, input), effects: [] };
    case 'opened':
      return state.main?.id === input.id ? letLeave(state, []) : same(state);
    case 'released':
      return onReleased(state, input.id, nowMs);
    case 'exited':
      return onExited(state, input.id, input.how, nowMs);
    case 'handOver':
      return onHandOver(state, input, nowMs);
    case 'settle':
      return onSettle(state, input.id);
    case 'stop':
      return onStop(state, nowMs);
    case 'time':
      return state.due !== null && nowMs >= state.due.atMs ? onDue(state, nowMs) : same(state);
  }
}

function same(state: Supervision): Step {
  return { state, effects: [] };
}

/** The step, with effects that come before those it has. */
function after(before: readonly Effect[], { state, effects }: Step): Step {
  return { state, effects: [...before, ...effects] };
}

function newChild(id: number, release: string): Child {
  return { id, release, stage: 'warming', readyAtMs: 0, failure: null };
}

function startMain(state: Supervision, nowMs: number): Step {
  const id = state.lastId + 1;
  const release = state.record.current;
  // Whoever keeps the port for a child that died would keep it from this one.
  const left = letLeave(state, []);
  return {
    state: {
      ...left.state,
      main: newChild(id, release),
      lastId: id,
      due: { what: 'warm', atMs: nowMs + WARM_TIMEOUT_MS },
    },
    effects: [...left.effects, { type: 'spawn', id, release, isStandby: false }],
  };
}

function onStandby(state: Supervision, id: number, release: string, nowMs: number): Step {
  const { main, standby, handOver } = state;
  if (main?.id === id && main.stage === 'warming') {
    if (release !== main.release) return otherRelease(state, main, release, nowMs);
    return go(state, main, nowMs);
  }
  if (standby?.id !== id || standby.stage !== 'warming') return same(state);
  assert(main !== null && handOver !== null, 'a standby stands beside a main child');
  if (release !== standby.release) {
    const reason = changed(standby.release, release);
    return { state: withFailure(state, id, { reason, isFinal: false }), effects: [kill(standby)] };
  }
  // From here on the new release is what a supervisor that starts again would try.
  const record: ReleaseRecord = {
    ...state.record,
    current: release,
    fallback: main.release,
    isTrial: true,
    rollout: handOver.rollout,
  };
  return {
    state: {
      ...state,
      record,
      main: { ...main, stage: 'draining' },
      standby: { ...standby, stage: 'waiting' },
      due: { what: 'drain', atMs: nowMs + DRAIN_LIMIT_MS },
    },
    effects: [{ type: 'write', record }, drain(main, true)],
  };
}

/** The files of the current release were replaced in their place. */
function otherRelease(state: Supervision, main: Child, release: string, nowMs: number): Step {
  const { record } = state;
  if (record.fallback !== null) {
    const reason = changed(main.release, release);
    return {
      state: { ...withFailure(state, main.id, { reason, isFinal: false }), due: null },
      effects: [kill(main)],
    };
  }
  const adopted = { ...record, current: release };
  const message = `${changed(main.release, release)}; it runs now`;
  const before: Effect[] = [
    { type: 'log', message },
    { type: 'write', record: adopted },
  ];
  return after(before, go({ ...state, record: adopted }, { ...main, release }, nowMs));
}

function changed(wanted: string, found: string): string {
  return `the files of release ${wanted} have changed: they are ${found}`;
}

/** Only a trial has a time-out: a node that waits for its swarm must not be ended for that. */
function go(state: Supervision, child: Child, nowMs: number): Step {
  const due = { what: 'ready', atMs: nowMs + READY_TIMEOUT_MS } as const;
  return {
    state: {
      ...state,
      main: { ...child, stage: 'starting' },
      standby: null,
      due: state.record.isTrial ? due : null,
    },
    effects: [{ type: 'go', id: child.id }],
  };
}

function onReady(state: Supervision, id: number, nowMs: number): Step {
  const { main } = state;
  if (main?.id !== id || main.stage !== 'starting') return same(state);
  const ready: Supervision = {
    ...state,
    main: { ...main, stage: 'ready', readyAtMs: nowMs },
    due: null,
  };
  const serving: Effect = { type: 'serving', id };
  const { record, handOver } = state;
  if (!record.isTrial) return { state: ready, effects: [serving] };
  // An operator's change has no gates that keep what the old release can read.
  const keepsFallback = record.rollout !== null && handOver?.isBack !== true;
  const fallback = keepsFallback ? record.fallback : null;
  const settled: ReleaseRecord = { ...record, isTrial: false, fallback, failed: null };
  const answers = handOver === null ? [] : [answer(handOver, null)];
  return {
    state: { ...ready, record: settled, handOver: null, crashes: 0, faults: 0 },
    effects: [{ type: 'write', record: settled }, serving, ...answers],
  };
}

function withFailure(
  state: Supervision,
  id: number,
  said: { readonly reason: string; readonly isFinal: boolean; readonly isOfPlace?: boolean },
): Supervision {
  const { isFinal, isOfPlace = false } = said;
  const failure = { reason: said.reason.slice(0, REASON_CHARACTERS_MAX), isFinal, isOfPlace };
  const marked = (child: Child | null): Child | null =>
    child?.id === id ? { ...child, failure } : child;
  return { ...state, main: marked(state.main), standby: marked(state.standby) };
}

function onReleased(state: Supervision, id: number, nowMs: number): Step {
  const { main, standby } = state;
  if (main?.id !== id || main.stage !== 'draining') return same(state);
  if (standby !== null) return go({ ...state, leavingId: id }, standby, nowMs);
  // Nobody will open the directory for whom it would have to keep the port.
  return { state, effects: [{ type: 'leave', id }] };
}

function letLeave(state: Supervision, effects: readonly Effect[]): Step {
  const { leavingId } = state;
  if (leavingId === null) return { state, effects };
  const leave: Effect = { type: 'leave', id: leavingId };
  return { state: { ...state, leavingId: null }, effects: [...effects, leave] };
}

function onExited(state: Supervision, id: number, how: string, nowMs: number): Step {
  const { main, standby } = state;
  if (state.leavingId === id) return { state: { ...state, leavingId: null }, effects: [] };
  if (standby?.id === id) return onStandbyExited(state, standby, how);
  if (main?.id !== id) return same(state);
  const gone: Supervision = { ...state, main: null, due: null };
  if (state.isStopping) return { state: gone, effects: [{ type: 'exit', problem: null }] };
  if (main.stage === 'draining') {
    if (standby !== null) return go(gone, standby, nowMs);
    const why = 'the standby ended before it had its turn';
    return onTrialEnded({ ...gone, isStandbyKilled: false }, state.isStandbyKilled, why, nowMs);
  }
  const reason = main.failure?.reason ?? how;
  if (state.record.isTrial) {
    return onTrialEnded(gone, wasKilled(main, how), reason, nowMs);
  }
  const isFinal = main.failure?.isFinal === true;
  if (isFinal) return { state: gone, effects: [{ type: 'exit', problem: reason }] };
  return onCrash(gone, main, reason, nowMs);
}

/** `wasKilled`: somebody else did that, it may be for want of memory. It may succeed the next time. */
function onTrialEnded(state: Supervision, wasKilled: boolean, reason: string, nowMs: number): Step {
  if (!wasKilled || state.crashes + 1 >= CRASHES_MAX) return giveUp(state, reason, nowMs);
  const message = `${state.record.current} was killed on trial; it is started again`;
  const again = { ...state, crashes: state.crashes + 1, restarts: state.restarts + 1 };
  return after([{ type: 'log', message }], startMain(again, nowMs));
}

function wasKilled({ failure }: Child, how: string): boolean {
  return failure === null && how === KILLED;
}

function onStandbyExited(state: Supervision, standby: Child, how: string): Step {
  const { main, handOver } = state;
  assert(main !== null && handOver !== null, 'a standby stands beside a main child');
  const without: Supervision = { ...state, standby: null };
  // While the main child drains it is awaited; then it is decided which one is started.
  if (main.stage === 'draining') {
    return same({ ...without, isStandbyKilled: wasKilled(standby, how) });
  }
  const reason = standby.failure?.reason ?? how;
  if (wasKilled(standby, how)) {
    const problem = `${standby.release} was killed: ${reason}`;
    const next = { ...without, handOver: null, due: null };
    return { state: next, effects: [answer(handOver, problem, true)] };
  }
  const failed = failureOf(standby.release, reason, handOver.rollout);
  const record: ReleaseRecord = { ...state.record, failed };
  return {
    state: { ...without, record, handOver: null, due: null },
    effects: [{ type: 'write', record }, answer(handOver, `${standby.release}: ${reason}`)],
  };
}

/** A supervisor that starts again refuses a record with a longer reason. */
function failureOf(
  release: string,
  reason: string,
  rollout: ReleaseRecord['rollout'],
): ReleaseRecord['failed'] {
  return { release, reason: reason.slice(0, REASON_CHARACTERS_MAX), rollout };
}

/** Goes back to the release before, durably. */
function giveUp(state: Supervision, reason: string, nowMs: number): Step {
  const { record, handOver } = state;
  assert(record.fallback !== null, 'a release that is given up has a fallback');
  const failed = failureOf(record.current, reason, record.rollout);
  const back: ReleaseRecord = {
    ...record,
    current: record.fallback,
    fallback: null,
    isTrial: false,
    failed,
  };
  const message = `release ${record.current} is given up (${reason}); back to ${back.current}`;
  const before: Effect[] = [
    { type: 'log', message },
    { type: 'write', record: back },
    ...(handOver === null ? [] : [answer(handOver, `${record.current}: ${reason}`)]),
  ];
  const standby = state.standby === null ? [] : [kill(state.standby)];
  const next = { ...state, record: back, handOver: null, standby: null, crashes: 0, faults: 0 };
  return after([...before, ...standby], startMain(next, nowMs));
}

function onCrash(state: Supervision, main: Child, reason: string, nowMs: number): Step {
  const servedMs = main.readyAtMs === 0 ? 0 : nowMs - main.readyAtMs;
  const before = servedMs >= CRASH_MEMORY_MS ? { crashes: 0, faults: 0 } : state;
  const crashes = before.crashes + 1;
  // The release before would find the same port taken, and the same disk full.
  const faults = before.faults + (main.failure?.isOfPlace === true ? 0 : 1);
  const counted = { ...state, crashes, faults, restarts: state.restarts + 1 };
  const { handOver, standby } = state;
  const cancelled: Effect[] = [
    ...(standby === null ? [] : [kill(standby)]),
    ...(handOver === null ? [] : [answer(handOver, `the node died meanwhile: ${reason}`, true)]),
  ];
  const alone = { ...counted, handOver: null, standby: null };
  if (state.record.fallback !== null && faults >= CRASHES_MAX) {
    return after(cancelled, giveUp(alone, `died ${faults} times: ${reason}`, nowMs));
  }
  const delayMs =
    crashes === 1 ? 0 : Math.min(RESTART_DELAY_MIN_MS * 2 ** (crashes - 2), RESTART_DELAY_MAX_MS);
  const message = `the node ended (${reason}); it is started again in ${delayMs} ms`;
  const logged: Effect[] = [...cancelled, { type: 'log', message }];
  if (delayMs === 0) return after(logged, startMain(alone, nowMs));
  return { state: { ...alone, due: { what: 'restart', atMs: nowMs + delayMs } }, effects: logged };
}

function onHandOver(state: Supervision, input: HandOver, nowMs: number): Step {
  const { requestId, to, rollout } = input;
  const { main } = state;
  const handOver = { requestId, to, rollout, isBack: to === state.record.fallback };
  const refuse = (why: string): Step => ({ state, effects: [answer(handOver, why, true)] });
  if (state.isStopping) return refuse('the supervisor stops');
  if (state.handOver !== null) return refuse(`a hand-over to ${state.handOver.to} is under way`);
  if (main?.stage !== 'ready') return refuse('the node does not serve yet; wait until it does');
  if (to === main.release) return { state, effects: [answer(handOver, null)] };
  const id = state.lastId + 1;
  return {
    state: {
      ...state,
      handOver,
      standby: newChild(id, to),
      lastId: id,
      due: { what: 'warm', atMs: nowMs + WARM_TIMEOUT_MS },
    },
    effects: [{ type: 'spawn', id, release: to, isStandby: true }],
  };
}

function onSettle(state: Supervision, id: number): Step {
  const { main, record } = state;
  if (main?.id !== id || record.isTrial || record.fallback === null) return same(state);
  const settled: ReleaseRecord = { ...record, fallback: null };
  return { state: { ...state, record: settled }, effects: [{ type: 'write', record: settled }] };
}

function onStop(state: Supervision, nowMs: number): Step {
  if (state.isStopping) return same(state);
  const { main, standby, handOver } = state;
  const effects: Effect[] = [
    ...(standby === null ? [] : [kill(standby)]),
    ...(handOver === null ? [] : [answer(handOver, 'the supervisor stops', true)]),
  ];
  const stopping = { ...state, isStopping: true, standby: null, handOver: null };
  if (main === null) {
    return {
      state: { ...stopping, due: null },
      effects: [...effects, { type: 'exit', problem: null }],
    };
  }
  return {
    state: { ...stopping, due: { what: 'stop', atMs: nowMs + DRAIN_LIMIT_MS } },
    effects: main.stage === 'draining' ? effects : [...effects, drain(main, false)],
  };
}

function onDue(state: Supervision, nowMs: number): Step {
  const { main, standby, due } = state;
  const waited: Supervision = { ...state, due: null };
  if (due?.what === 'restart') return startMain(waited, nowMs);
  const late = standby !== null && due?.what === 'warm' ? standby : main;
  assert(late !== null, 'somebody is late');
  const reason = due?.what === 'ready' ? 'it did not serve in time' : 'it did not answer in time';
  const failed = withFailure(waited, late.id, { reason, isFinal: false });
  return { state: failed, effects: [kill(late)] };
}

function kill({ id }: Child): Effect {
  return { type: 'kill', id };
}

function drain({ id }: Child, isHandOver: boolean): Effect {
  return { type: 'drain', id, isHandOver };
}

function answer({ requestId }: HandOver, problem: string | null, isPassing = false): Effect {
  return { type: 'answer', requestId, problem, isPassing };
}
