import { setTimeout as pause } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import { createMessage } from '../../../consensus/raft/index.js';
import type { ProgressStatus, RaftStatus } from '../../../consensus/raft/index.js';
import {
  FOLLOW_TIMEOUT_MS,
  OFFER_FAILING_MS_MAX,
  PINNED_ENTRIES_MAX,
  PINNED_LOG_BYTES_MAX,
} from '../../../nodes/snapshots/limits.js';
import { packProgress, parseOffer } from '../../../nodes/snapshots/messages.js';
import type { Offer } from '../../../nodes/snapshots/messages.js';
import { SnapshotOffers, offerOf } from '../../../nodes/snapshots/offers.js';
import { RpcError } from '../../../transport/rpc/rpc.js';

function member(change: Partial<ProgressStatus> = {}): ProgressStatus {
  return {
    match: 500,
    next: 501,
    state: 'replicate',
    isLearner: false,
    recentActive: true,
    paused: false,
    pendingSnapshot: 0,
    inflightMessages: 0,
    windowFull: false,
    ...change,
  };
}

/** A leader of term 7 whose log begins at 401, and member 9 that needs a snapshot. */
class Leader {
  role: RaftStatus['role'] = 'leader';
  term = 7;
  applied = 500;
  firstIndex = 401;
  readonly progress = new Map([
    [1, member()],
    [2, member()],
    [3, member()],
    [9, member({ state: 'snapshot', match: 0 })],
  ]);
  readonly offered: Offer[] = [];
  readonly reports: [number, boolean][] = [];
  readonly logged: string[] = [];
  pins = 0;
  pushed = 0;
  logBytes = 0;
  nowMs = 0;
  /** What member 9 answers. */
  answer: () => unknown = () =>
    packProgress({ phase: 'reading', index: 500, bytes: 1, bytesTotal: 2 });

  readonly offers = new SnapshotOffers({
    status: () => this.status(),
    call: async (_nodeId, _method, payload) => {
      this.offered.push(parseOffer(payload));
      await pause(0);
      return this.answer();
    },
    pinLog: () => {
      this.pins += 1;
      return () => {
        this.pins -= 1;
      };
    },
    report: (nodeId, ok) => {
      this.reports.push([nodeId, ok]);
      // As the core does: it probes next, and waits for the answer of the member itself.
      this.set({ state: 'probe' });
    },
    logBytes: () => Promise.resolve(this.logBytes),
    push: () => {
      this.pushed += 1;
      return Promise.resolve(true);
    },
    log: (message) => this.logged.push(message),
    now: () => this.nowMs,
    sleep: async (milliseconds) => {
      this.nowMs += milliseconds;
      await pause(0);
    },
  });

  status(): RaftStatus {
    const { role, term, applied, firstIndex, progress } = this;
    return { id: 1, role, term, applied, firstIndex, progress } as unknown as RaftStatus;
  }

  set(change: Partial<ProgressStatus>): void {
    const before = this.progress.get(9);
    if (before !== undefined) this.progress.set(9, { ...before, ...change });
  }

  begin(): void {
    this.offers.begin(createMessage({ type: 'snapshot', from: 1, to: 9, term: this.term }));
  }

  async until(what: string, condition: () => boolean): Promise<void> {
    for (let turn = 0; turn < 2_000; turn += 1) {
      if (condition()) return;
      await pause(0);
    }
    throw new Error(`not so: ${what}`);
  }
}

const installed = packProgress({ phase: 'installed', index: 510, bytes: 0, bytesTotal: 0 });

describe('an offer', () => {
  it('names followers that keep up, another first for each member, and the leader last', () => {
    const leader = new Leader();
    leader.progress.set(4, member({ state: 'probe' }));
    leader.progress.set(5, member({ recentActive: false }));
    leader.progress.set(6, member({ match: 300 }));
    const sources = (to: number): readonly number[] => offerOf(leader.status(), to).sources;
    expect(offerOf(leader.status(), 9)).toEqual({
      term: 7,
      leader: 1,
      leastIndex: 400,
      sources: [3, 2, 1],
    });
    expect([sources(10), sources(11)]).toEqual([
      [2, 3, 1],
      [3, 2, 1],
    ]);
    leader.progress.delete(2);
    leader.progress.delete(3);
    expect(sources(9)).toEqual([1]);
  });
});

describe('offers', () => {
  it('are repeated until the member has installed, and the log is kept until it follows', async () => {
    const leader = new Leader();
    leader.begin();
    leader.begin();
    await leader.until('offered again', () => leader.offered.length > 5);
    expect(leader.pins).toBe(1);
    expect(leader.offers.progress().get(9)?.bytes).toBe(1);
    leader.answer = () => installed;
    await leader.until('reported', () => leader.reports.length === 1);
    expect(leader.reports).toEqual([[9, true]]);
    expect(leader.pins).toBe(1);
    leader.set({ state: 'replicate' });
    await leader.until('let go', () => leader.pins === 0);
    expect(leader.offers.progress().size).toBe(0);
    await leader.offers.close();
  });

  it('let the log go when the member does not follow after all', async () => {
    const leader = new Leader();
    leader.answer = () => installed;
    leader.begin();
    await leader.until('let go', () => leader.reports.length === 1 && leader.pins === 0);
    expect(leader.nowMs).toBeGreaterThanOrEqual(FOLLOW_TIMEOUT_MS);
  });

  it('are lost one by one without harm; a member that stays silent is reported', async () => {
    const leader = new Leader();
    let call = 0;
    leader.answer = () => {
      call += 1;
      if (call % 5 !== 0) throw new RpcError('unavailable', 'lost');
      return packProgress({ phase: 'seeking', index: 0, bytes: 0, bytesTotal: 0 });
    };
    leader.begin();
    await leader.until('offered', () => call > 100);
    expect(leader.reports).toEqual([]);
    const silentSinceMs = leader.nowMs;
    leader.answer = () => {
      throw new RpcError('unavailable', 'gone');
    };
    await leader.until('reported', () => leader.reports.length === 1);
    expect(leader.reports).toEqual([[9, false]]);
    expect(leader.nowMs - silentSinceMs).toBeGreaterThanOrEqual(OFFER_FAILING_MS_MAX - 2_500);
    await leader.offers.close();
  });

  it('go on when the core sends another snapshot message before the first has ended', async () => {
    const leader = new Leader();
    leader.answer = () => installed;
    leader.begin();
    await leader.until('reported', () => leader.reports.length === 1);
    // The member was reset in between: the core needs it brought up again.
    leader.set({ state: 'snapshot' });
    leader.begin();
    await leader.until('reported again', () => leader.reports.length === 2);
    leader.set({ state: 'replicate' });
    await leader.until('let go', () => leader.pins === 0);
    leader.set({ state: 'snapshot' });
    leader.begin();
    await leader.until('reported a third time', () => leader.reports.length === 3);
    await leader.offers.close();
    expect(leader.pins).toBe(0);
  });

  it.each([
    ['does not lead any more', (leader: Leader) => (leader.role = 'follower')],
    ['has no such member any more', (leader: Leader) => leader.progress.delete(9)],
  ])('end with a leader that %s', async (_, change) => {
    const leader = new Leader();
    leader.begin();
    await leader.until('offered', () => leader.offered.length > 2);
    change(leader);
    await leader.until('let go', () => leader.pins === 0);
    const { length } = leader.offered;
    await pause(5);
    expect(leader.offered.length).toBe(length);
    expect(leader.reports).toEqual([]);
  });

  it('go on with a leader that lost and won an election meanwhile, in the new term', async () => {
    const leader = new Leader();
    leader.begin();
    await leader.until('offered', () => leader.offered.length > 2);
    leader.term = 9;
    leader.begin();
    await leader.until('offered in its term', () => leader.offered.at(-1)?.term === 9);
    leader.answer = () => installed;
    await leader.until('reported', () => leader.reports.length === 1);
    await leader.offers.close();
  });

  it.each([
    ['entries', (leader: Leader) => (leader.applied += PINNED_ENTRIES_MAX)],
    [
      'bytes',
      (leader: Leader) => {
        leader.applied += 5_000;
        leader.logBytes = PINNED_LOG_BYTES_MAX;
      },
    ],
  ])(
    'keep the log within a number of %s: it is compacted once and kept from there',
    async (_, grow) => {
      const leader = new Leader();
      leader.begin();
      await leader.until('pinned', () => leader.pins === 1);
      grow(leader);
      await leader.until('let go', () => leader.pins === 0);
      const { length } = leader.offered;
      await leader.until('offered still', () => leader.offered.length > length + 3);
      expect(leader.pins).toBe(0);
      leader.firstIndex = leader.applied - 1_000;
      leader.logBytes = 0;
      await leader.until('kept again', () => leader.pins === 1);
      await leader.until(
        'offered anew',
        () => leader.offered.at(-1)?.leastIndex === leader.firstIndex - 1,
      );
      await leader.offers.close();
      expect(leader.pins).toBe(0);
    },
  );

  it('that a member of the release before does not know become a push', async () => {
    const leader = new Leader();
    leader.answer = () => {
      throw new RpcError('unknown-method', 'no such method');
    };
    leader.begin();
    await leader.until('reported', () => leader.reports.length === 1);
    expect([leader.pushed, leader.reports]).toEqual([1, [[9, true]]]);
    await leader.offers.close();
  });
});
