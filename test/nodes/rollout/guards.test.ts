import { describe, expect, it } from 'vitest';

import {
  MEMORY_GROWTH_BYTES_MIN,
  countWindows,
  evaluateGuards,
  haltOf,
  tailQuantile,
} from '../../../nodes/rollout/guards.js';
import type {
  AlarmKind,
  HealthStatus,
  MemberFigures,
  MemberSample,
  References,
  RequestFigures,
  Streaks,
  Verdict,
} from '../../../nodes/rollout/guards.js';
import { GUARDS_DEFAULT } from '../../../nodes/rollout/limits.js';
import type { Guards } from '../../../nodes/rollout/state.js';
import { decodeCommand, encodeCommand } from '../../../nodes/wire/command-codec.js';

const MEBIBYTE = 1_048_576;
const NONE: RequestFigures = { requests: 0, faults: 0, tailMs: null };
const guards: Guards = { ...GUARDS_DEFAULT, diskFreeBytesMin: 100 * MEBIBYTE };

const wellFigures: MemberFigures = {
  serving: true,
  runs: ['v2'],
  clients: { requests: 100, faults: 0, tailMs: 10 },
  applyLagEntries: 3,
  rssBytes: 300 * MEBIBYTE,
  rssAtSwitchBytes: 280 * MEBIBYTE,
  diskFreeBytes: 10_000 * MEBIBYTE,
  restarts: 0,
};
const well: MemberSample = {
  nodeId: 1,
  isSwitching: false,
  figures: wellFigures,
  missing: '',
  probes: { requests: 40, faults: 0, tailMs: 12 },
  probeError: '',
  differences: [],
};
const wellReferences: References = {
  clients: { requests: 200, faults: 0, tailMs: 8 },
  probes: { requests: 80, faults: 0, tailMs: 9 },
  applyLagEntries: 2,
};

interface Row {
  readonly what: string;
  readonly sample?: Partial<MemberSample>;
  readonly figures?: Partial<MemberFigures>;
  readonly references?: References | null;
  readonly guards?: Partial<Guards>;
  readonly status: HealthStatus;
  readonly alarms?: readonly AlarmKind[];
}

function requests(count: number, faults: number, tailMs: number | null): RequestFigures {
  return { requests: count, faults, tailMs };
}

const rows: readonly Row[] = [
  { what: 'a member that does what the others do', status: 'healthy' },
  {
    what: 'a member that tells nothing, though its probes are answered',
    sample: { figures: null, missing: 'it cannot be reached' },
    status: 'unhealthy',
    alarms: ['missing'],
  },
  {
    what: 'an idle member that answers probes',
    figures: { clients: requests(40, 0, 9) },
    status: 'healthy',
  },
  {
    what: 'a member about which too little is known',
    sample: { probes: requests(3, 0, null) },
    figures: { clients: requests(4, 0, null) },
    status: 'unknown',
  },
  {
    what: 'a member of which nothing at all was measured',
    sample: { probes: NONE },
    figures: { clients: NONE },
    status: 'unknown',
  },
  {
    what: 'two failed requests, which is chance',
    figures: { clients: requests(20, 2, 10) },
    status: 'healthy',
  },
  {
    what: 'errors within the bound',
    figures: { clients: requests(1_000, 20, 10) },
    status: 'healthy',
  },
  {
    what: 'errors beyond the bound',
    figures: { clients: requests(1_000, 21, 10) },
    status: 'unhealthy',
    alarms: ['errors'],
  },
  {
    what: 'errors that the members that have not switched have too',
    figures: { clients: requests(1_000, 100, 10) },
    references: { ...wellReferences, clients: requests(1_000, 90, 8) },
    status: 'healthy',
  },
  {
    what: 'more errors than those members have',
    figures: { clients: requests(1_000, 200, 10) },
    references: { ...wellReferences, clients: requests(1_000, 90, 8) },
    status: 'unhealthy',
    alarms: ['errors'],
  },
  {
    what: 'probes that fail while the member counts no fault',
    sample: { probes: requests(40, 8, 12), probeError: 'no answer' },
    status: 'unhealthy',
    alarms: ['errors'],
  },
  {
    what: 'errors, with nobody to compare with',
    figures: { clients: requests(100, 10, 10) },
    references: null,
    status: 'unhealthy',
    alarms: ['errors'],
  },
  {
    what: 'a member three times slower, below the floor',
    figures: { clients: requests(100, 0, 49) },
    status: 'healthy',
  },
  {
    what: 'a member beyond the floor and beyond three times the others',
    figures: { clients: requests(100, 0, 90) },
    status: 'unhealthy',
    alarms: ['slow'],
  },
  {
    what: 'a member whose probes alone are slow',
    sample: { probes: requests(40, 0, 300) },
    status: 'unhealthy',
    alarms: ['slow'],
  },
  {
    what: 'a swarm that is slow as a whole',
    sample: { probes: requests(40, 0, 900) },
    figures: { clients: requests(100, 0, 1_000) },
    references: {
      ...wellReferences,
      clients: requests(100, 0, 800),
      probes: requests(40, 0, 700),
    },
    status: 'healthy',
  },
  {
    what: 'a slow member, with nobody to compare with',
    figures: { clients: requests(100, 0, 1_000) },
    references: null,
    status: 'healthy',
  },
  {
    what: 'a slow member, while those to compare with had too few requests',
    figures: { clients: requests(100, 0, 1_000) },
    references: { ...wellReferences, clients: requests(2, 0, null) },
    status: 'healthy',
  },
  {
    what: 'a member that lags',
    figures: { applyLagEntries: 5_003 },
    status: 'unhealthy',
    alarms: ['apply-lag'],
  },
  {
    what: 'a member that lags as the others do',
    figures: { applyLagEntries: 9_000 },
    references: { ...wellReferences, applyLagEntries: 8_000 },
    status: 'healthy',
  },
  {
    what: 'memory that has doubled',
    figures: { rssBytes: 561 * MEBIBYTE },
    status: 'unhealthy',
    alarms: ['memory'],
  },
  {
    what: 'a small process that has doubled by warming up',
    figures: { rssAtSwitchBytes: 60 * MEBIBYTE, rssBytes: 60 * MEBIBYTE + MEMORY_GROWTH_BYTES_MIN },
    status: 'healthy',
  },
  {
    what: 'memory that nobody saw at the switch, below the greatest that it may have',
    figures: { rssAtSwitchBytes: null, rssBytes: 999 * MEBIBYTE },
    guards: { memoryBytesMax: 1_000 * MEBIBYTE },
    status: 'healthy',
  },
  {
    what: 'more memory than a member may have',
    figures: { rssAtSwitchBytes: null, rssBytes: 1_001 * MEBIBYTE },
    guards: { memoryBytesMax: 1_000 * MEBIBYTE },
    status: 'unhealthy',
    alarms: ['memory'],
  },
  {
    what: 'a disk that is nearly full',
    figures: { diskFreeBytes: 99 * MEBIBYTE },
    status: 'unhealthy',
    alarms: ['disk'],
  },
  {
    what: 'a disk that does not say what is free',
    figures: { diskFreeBytes: null },
    status: 'unhealthy',
    alarms: ['disk'],
  },
  {
    what: 'a disk of which nothing is asked',
    figures: { diskFreeBytes: null },
    guards: { diskFreeBytesMin: 0 },
    status: 'healthy',
  },
  { what: 'one restart', figures: { restarts: 1 }, status: 'healthy' },
  { what: 'two restarts', figures: { restarts: 2 }, status: 'unhealthy', alarms: ['restarts'] },
  {
    what: 'a member that takes no requests',
    figures: { serving: false },
    status: 'unhealthy',
    alarms: ['not-serving'],
  },
  {
    what: 'a member that went back by itself',
    figures: { runs: ['v1'] },
    status: 'unhealthy',
    alarms: ['reverted'],
  },
  {
    what: 'an answer that differs',
    sample: { differences: ['get a: node 1 says x, node 2 says y', 'and another one'] },
    status: 'unhealthy',
    alarms: ['answers'],
  },
  {
    what: 'a member whose process is being exchanged, and that answers',
    sample: { isSwitching: true },
    figures: { runs: ['v1'], serving: false },
    status: 'healthy',
  },
  {
    what: 'a member that does not come back from the exchange of its process',
    sample: { isSwitching: true, figures: null, missing: 'it is gone', probes: NONE },
    status: 'unhealthy',
    alarms: ['missing'],
  },
  {
    what: 'several things at once',
    sample: { probes: requests(40, 40, null), probeError: 'no answer' },
    figures: { restarts: 5, applyLagEntries: 99_999 },
    status: 'unhealthy',
    alarms: ['apply-lag', 'restarts', 'errors'],
  },
];

function judge(row: Row): Verdict {
  const figures = row.sample?.figures === null ? null : { ...wellFigures, ...row.figures };
  const window = {
    to: 'v2',
    judged: [{ ...well, figures, ...row.sample }],
    references: row.references === undefined ? wellReferences : row.references,
  };
  const [verdict] = evaluateGuards({ ...guards, ...row.guards }, window);
  if (verdict === undefined) throw new Error('each judged member gets a verdict');
  return verdict;
}

describe('guards judge a window', () => {
  it.each(rows)('$what: $status', (row) => {
    const { status, alarms } = judge(row);
    expect({ status, alarms: alarms.map(({ kind }) => kind) }).toEqual({
      status: row.status,
      alarms: row.alarms ?? [],
    });
  });

  it('says what is wrong with its figures', () => {
    const [error] = judge(rows[0]!).alarms;
    expect(error).toBeUndefined();
    const failing = judge({
      what: '',
      sample: { probes: requests(40, 8, 12), probeError: 'no answer' },
      status: 'unhealthy',
    });
    expect(failing.alarms[0]?.text).toBe('8 of 40 probes failed, the last one with: no answer');
    const slow = judge({
      what: '',
      figures: { clients: requests(100, 0, 90) },
      status: 'unhealthy',
    });
    expect(slow.alarms[0]?.text).toBe(
      'requests of clients take 90 ms, those of members that have not switched 8 ms',
    );
  });

  it('takes a tail that at least eight latencies are beyond', () => {
    expect(tailQuantile(15)).toBeNull();
    expect(tailQuantile(16)).toBeCloseTo(0.5);
    expect(tailQuantile(40)).toBeCloseTo(0.8);
    expect(tailQuantile(800)).toBeCloseTo(0.99);
    expect(tailQuantile(1_000_000)).toBe(0.99);
  });
});

describe('windows in a row', () => {
  const verdict = (nodeId: number, status: HealthStatus): Verdict => {
    const alarms = status === 'unhealthy' ? [{ kind: 'slow' as const, text: 'it is slow' }] : [];
    return { nodeId, status, alarms };
  };
  const after = (...windows: readonly HealthStatus[]): Streaks => {
    let streaks: Streaks = new Map();
    for (const status of windows) streaks = countWindows(streaks, [verdict(1, status)]);
    return streaks;
  };

  it.each<[readonly HealthStatus[], number]>([
    [['unhealthy'], 1],
    [['unhealthy', 'unhealthy'], 2],
    [['unhealthy', 'healthy'], 0],
    [['unhealthy', 'healthy', 'unhealthy'], 1],
    // What says nothing is no recovery.
    [['unhealthy', 'unknown', 'unhealthy'], 2],
    [['unknown', 'unknown'], 0],
  ])('%j make a streak of %i', (windows, length) => {
    expect(after(...windows).get(1) ?? 0).toBe(length);
  });

  it('halts with the second unhealthy window, and names the member and why', () => {
    const verdicts = [verdict(2, 'healthy'), verdict(1, 'unhealthy')];
    expect(haltOf(guards, after('unhealthy'), verdicts)).toBeUndefined();
    expect(haltOf(guards, after('unhealthy', 'unhealthy'), verdicts)).toEqual({
      nodeId: 1,
      reason: 'node 1 is unhealthy since 2 windows: slow: it is slow',
    });
  });

  it('halts for a reason that a log entry takes, however long the errors are', () => {
    const alarms = [{ kind: 'missing' as const, text: 'x'.repeat(10_000) }];
    const verdicts = [{ nodeId: 1, status: 'unhealthy' as const, alarms }];
    const halt = haltOf(guards, after('unhealthy', 'unhealthy'), verdicts);
    const command = { rolloutId: 1, nodeId: 1, nodeEpoch: 1, reason: halt?.reason ?? '' };
    const bytes = encodeCommand({ type: 'haltRollout', ...command });
    expect(decodeCommand(bytes)).toMatchObject(command);
    expect(command.reason).toContain('windows: missing: xxx');
  });

  it('does not halt in a window that is not unhealthy itself', () => {
    const streaks = after('unhealthy', 'unhealthy', 'unknown');
    expect(haltOf(guards, streaks, [verdict(1, 'unknown')])).toBeUndefined();
  });

  it('forgets members that are not judged any more', () => {
    const streaks = countWindows(after('unhealthy'), [verdict(2, 'unhealthy')]);
    expect([...streaks]).toEqual([[2, 1]]);
  });
});
