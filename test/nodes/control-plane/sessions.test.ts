import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { applyControl } from '../../../nodes/control-plane/apply.js';
import {
  SESSIONS_MAX,
  SESSIONS_PER_OWNER_MAX,
  SESSION_WINDOW,
} from '../../../nodes/control-plane/limits.js';
import { admitWrite, isClockDue, withTime } from '../../../nodes/control-plane/sessions.js';
import type { Admission, SessionWrite } from '../../../nodes/control-plane/sessions.js';
import { newControlState } from '../../../nodes/control-plane/state.js';
import { decodeControlState, encodeControlState } from '../../../nodes/wire/state-codec.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
console.log(`sessions: SEED=${seed}`);

const TIMEOUT_MS = 8_000;

/** A state with the log that builds it. Times are those that a leader tells. */
class Log {
  readonly state = newControlState({
    swarmId: 'swarm',
    joinTokenHash: 'j',
    clientTokenHash: 'c',
    swarmVersion: 2,
    peerId: 'peer-1',
    host: '127.0.0.1',
    port: 1,
    sessionTimeoutMs: TIMEOUT_MS,
  });
  index = 1;

  open(nowMs?: number, owner = 'client') {
    this.index += 1;
    const command = { type: 'openSession', owner } as const;
    return applyControl(
      this.state,
      this.index,
      nowMs === undefined ? command : { ...command, nowMs },
    );
  }

  tell(nowMs: number): void {
    this.index += 1;
    applyControl(this.state, this.index, { type: 'advanceClock', nowMs });
  }

  /** Time passes as a leader tells it: in steps that are small beside the time-out. */
  pass(toMs: number): void {
    while (this.state.clockMs < toMs) this.tell(Math.min(toMs, this.state.clockMs + 1_000));
  }

  named(type: 'keepSession' | 'closeSession', session: number, nowMs: number, owner = 'client') {
    this.index += 1;
    return applyControl(this.state, this.index, { type, session, owner, nowMs });
  }

  write(session: number, sequence: number, fields: Partial<SessionWrite> = {}): Admission {
    this.index += 1;
    return admitWrite(this.state, this.index, { ...edge(session, sequence), ...fields });
  }

  get ids(): number[] {
    return [...this.state.sessions.keys()];
  }
}

const edge = (session: number, sequence: number): SessionWrite => ({
  type: 'memory',
  session,
  owner: 'client',
  sequence,
  command: { type: 'addEdge', from: 'a', to: 'b', relation: 'r', weight: 1, timestampMs: 1 },
});

describe('a session', () => {
  it('takes writes of its window in any order, and repeats each answer', () => {
    const log = new Log();
    const session = log.open(0).index;
    const from = { awaitedFrom: 1, nowMs: 1 };
    for (const sequence of [3, 1, SESSION_WINDOW]) {
      expect(log.write(session, sequence, from).kind).toBe('new');
    }
    expect(log.write(session, 1, from)).toMatchObject({ kind: 'retry', answer: { index: 4 } });
    expect(log.write(session, 3, from)).toMatchObject({ kind: 'retry', answer: { index: 3 } });
    expect(log.write(session, SESSION_WINDOW + 1, from)).toMatchObject({ refusal: 'sequence-gap' });
    expect(log.write(session, 0, from)).toMatchObject({ refusal: 'sequence-stale' });
  });

  it('drops the answers that its client has, and refuses what comes late', () => {
    const log = new Log();
    const session = log.open(0).index;
    for (const sequence of [1, 2, 3]) log.write(session, sequence, { awaitedFrom: 1, nowMs: 1 });
    expect(log.write(session, 4, { awaitedFrom: 3, nowMs: 1 }).kind).toBe('new');
    expect([...(log.state.sessions.get(session)?.answers.keys() ?? [])]).toEqual([3, 4]);
    const late = { awaitedFrom: 1, nowMs: 1 };
    expect(log.write(session, 2, late)).toMatchObject({ refusal: 'sequence-stale' });
    expect(log.write(session, 3, late).kind).toBe('retry');
    // A write that was given up does not come back after the next one.
    expect(log.write(session, 6, { awaitedFrom: 6, nowMs: 1 }).kind).toBe('new');
    expect(log.write(session, 5, late)).toMatchObject({ refusal: 'sequence-stale' });
  });

  it('belongs to the client that opened it', () => {
    const log = new Log();
    const session = log.open(0).index;
    const stranger = { awaitedFrom: 1, nowMs: 1, owner: 'stranger' };
    expect(log.write(session, 1, stranger)).toMatchObject({ refusal: 'session-unknown' });
    expect(log.named('keepSession', session, 1, 'stranger').ok).toBe(false);
    log.named('closeSession', session, 1, 'stranger');
    expect(log.write(session, 1, { awaitedFrom: 1, nowMs: 1 }).kind).toBe('new');
    log.named('closeSession', session, 1);
    expect(log.write(session, 2)).toMatchObject({ refusal: 'session-unknown' });
    expect(log.named('closeSession', session, 1).ok).toBe(true);
  });

  it('expires after its time-out without use, counted from the last write or keep-alive', () => {
    const log = new Log();
    const [idle, written, kept] = [log.open(0).index, log.open(0).index, log.open(0).index];
    log.pass(5_000);
    log.write(written, 1, { awaitedFrom: 1, nowMs: 5_000 });
    log.named('keepSession', kept, 5_000);
    log.pass(TIMEOUT_MS - 1);
    expect(log.ids).toEqual([idle, written, kept]);
    log.tell(TIMEOUT_MS);
    expect(log.ids).toEqual([written, kept]);
    log.pass(5_000 + TIMEOUT_MS);
    expect(log.ids).toEqual([]);
    expect(log.write(written, 1, { awaitedFrom: 1, nowMs: 13_000 })).toMatchObject({
      refusal: 'session-unknown',
    });
    expect(log.named('keepSession', kept, 13_000)).toMatchObject({ refusal: 'session-unknown' });
  });

  it('is refused when its client or the swarm has enough, and costs nobody theirs', () => {
    const log = new Log();
    const first = log.open(0, 'greedy').index;
    for (let i = 1; i < SESSIONS_PER_OWNER_MAX; i += 1) log.open(0, 'greedy');
    expect(log.open(0, 'greedy')).toMatchObject({ refusal: 'owner-sessions-full' });
    for (let i = SESSIONS_PER_OWNER_MAX; i < SESSIONS_MAX; i += 1) log.open(0, `client ${i}`);
    expect(log.open(0, 'late')).toMatchObject({ refusal: 'sessions-full' });
    expect(log.ids).toHaveLength(SESSIONS_MAX);
    expect(log.ids[0]).toBe(first);
    log.pass(TIMEOUT_MS);
    expect(log.open(TIMEOUT_MS, 'greedy').ok).toBe(true);
    expect(log.ids).toHaveLength(1);
  });
});

describe('the replicated clock', () => {
  it('never goes back, whatever a leader tells', () => {
    const log = new Log();
    log.tell(500);
    log.tell(100);
    expect(log.state.clockMs).toBe(500);
    log.open(100);
    expect([...log.state.sessions.values()][0]?.usedAtMs).toBe(500);
  });

  it('moves by a quarter of the time-out an entry while there are sessions, and freely without', () => {
    const log = new Log();
    const dayMs = 24 * 3_600_000;
    log.tell(dayMs);
    expect(log.state.clockMs).toBe(dayMs);
    log.open(dayMs);
    log.tell(2 * dayMs);
    expect(log.state.clockMs).toBe(dayMs + TIMEOUT_MS / 4);
    expect(log.ids).toHaveLength(1);
  });

  it('is told only while there are sessions, eight times a time-out', () => {
    const { state } = new Log();
    expect(isClockDue(state, 1e9)).toBe(false);
    const log = new Log();
    log.open(0);
    expect(isClockDue(log.state, 999)).toBe(false);
    expect(isClockDue(log.state, 1_000)).toBe(true);
    log.tell(1_000);
    expect(isClockDue(log.state, 1_000)).toBe(false);
  });
});

describe('sessions of command version 1', () => {
  function opened() {
    const log = new Log();
    log.state.commandVersion = 1;
    return { log, session: log.open().index };
  }

  it('let a write through once, and repeat its answer afterwards', () => {
    const { log, session } = opened();
    const first = log.write(session, 1);
    expect(first.kind).toBe('new');
    if (first.kind === 'new') first.answer.outcome = 'missing-endpoint';
    expect(log.write(session, 1)).toMatchObject({
      kind: 'retry',
      answer: { index: 3, outcome: 'missing-endpoint' },
    });
    expect(log.write(session, 2).kind).toBe('new');
    expect(log.write(session, 1)).toMatchObject({ refusal: 'sequence-gap' });
  });

  it.each([[0], [2], [5]])('refuse sequence %i as the first write', (sequence) => {
    const { log, session } = opened();
    expect(log.write(session, sequence)).toEqual({ kind: 'refused', refusal: 'sequence-gap' });
  });

  it('make room by the least recently used one, and never expire', () => {
    const { log, session: first } = opened();
    const second = log.open().index;
    for (let i = 2; i < SESSIONS_MAX; i += 1) log.open();
    expect(log.write(first, 1).kind).toBe('new');
    log.open();
    expect(log.state.sessions.size).toBe(SESSIONS_MAX);
    expect(log.write(second, 1)).toMatchObject({ refusal: 'session-unknown' });
    expect(log.write(first, 2).kind).toBe('new');
    expect(isClockDue(log.state, 1e12)).toBe(false);
  });

  it('go on as version 2 when the version is raised, their time beginning then', () => {
    const { log, session } = opened();
    log.write(session, 1);
    log.index += 1;
    const raise = { type: 'raiseCommandVersion', version: 2, nowMs: 90_000 } as const;
    expect(applyControl(log.state, log.index, raise).ok).toBe(true);
    expect(log.write(session, 1, { awaitedFrom: 1, nowMs: 91_000 }).kind).toBe('retry');
    // A proposal of the version before may still be on its way.
    expect(log.write(session, 2).kind).toBe('new');
    log.pass(91_000 + TIMEOUT_MS);
    expect(log.ids).toEqual([]);
  });

  it('are written as version 1 until then: the leader adds no time', () => {
    const { log, session } = opened();
    expect(withTime(edge(session, 1), log.state, 5)).toEqual(edge(session, 1));
    log.state.commandVersion = 2;
    expect(withTime(edge(session, 1), log.state, 5)).toEqual({
      ...edge(session, 1),
      awaitedFrom: 1,
      nowMs: 5,
    });
  });
});

describe('any log', () => {
  /** A client that numbers its writes, repeats them at will, and gives some up. */
  const step = fc.record({
    kind: fc.constantFrom(
      'write',
      'write',
      'write',
      'acknowledge',
      'tell',
      'keep',
      'open',
      'close',
    ),
    which: fc.nat({ max: 3 }),
    ahead: fc.nat({ max: SESSION_WINDOW + 2 }),
    jumpMs: fc.integer({ min: -10_000, max: 10_000 }),
  });

  it('applies each write of a session at most once, and survives its snapshot', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), fc.nat({ max: 119 }), (steps, snapshotAt) => {
        const log = new Log();
        let copy = decodeControlState(encodeControlState(log.state));
        const awaited = new Map<number, number>();
        const appliedOnce = new Set<string>();
        let nowMs = 0;
        for (const [at, { kind, which, ahead, jumpMs }] of steps.entries()) {
          if (at === snapshotAt) copy = decodeControlState(encodeControlState(log.state));
          const session = log.ids[which] ?? 0;
          nowMs = Math.max(0, nowMs + jumpMs);
          const from = awaited.get(session) ?? 1;
          const sequence = from + ahead;
          const write = { awaitedFrom: from, nowMs };
          if (kind === 'write') {
            const admission = log.write(session, sequence, write);
            const key = `${session}/${sequence}`;
            if (admission.kind === 'new') {
              expect(appliedOnce.has(key)).toBe(false);
              appliedOnce.add(key);
            }
            if (admission.kind === 'retry') expect(appliedOnce.has(key)).toBe(true);
            // The copy, made from a snapshot, judges as the original does.
            if (at >= snapshotAt) {
              const again = { ...edge(session, sequence), ...write };
              expect(admitWrite(copy, log.index, again)).toEqual(admission);
            }
            continue;
          }
          const before = log.index;
          if (kind === 'acknowledge') awaited.set(session, from + ahead);
          else if (kind === 'tell') log.tell(nowMs);
          else if (kind === 'open') log.open(nowMs);
          else log.named(kind === 'keep' ? 'keepSession' : 'closeSession', session, nowMs);
          if (at < snapshotAt || log.index === before) continue;
          const command = {
            tell: { type: 'advanceClock', nowMs } as const,
            open: { type: 'openSession', owner: 'client', nowMs } as const,
            keep: { type: 'keepSession', session, owner: 'client', nowMs } as const,
            close: { type: 'closeSession', session, owner: 'client', nowMs } as const,
          }[kind as 'tell' | 'open' | 'keep' | 'close'];
          applyControl(copy, log.index, command);
        }
        if (steps.length > snapshotAt) {
          expect(encodeControlState(copy)).toEqual(encodeControlState(log.state));
        }
      }),
      { seed, numRuns: 300 },
    );
  });
});
