/** How each kind of fault is drawn: whom it hits, how strong it is, and what ends it. */
import type { Delay } from '../world/delay.js';
import type { Draft } from './draft.js';
import type { FaultAction } from './schedule.js';

/** Faults of the network: none of them harms a node. */
export const networkFaultKinds = [
  'partition',
  'isolate',
  'one-way',
  'bridge',
  'ring',
  'star',
  'swizzle',
  'loss',
  'duplication',
  'reordering',
  'delay',
  'bandwidth',
  'replay',
  'slow-link',
  'clog',
  'reset',
  'stateless-reset',
  'address-change',
  'slow-reader',
] as const;

/** Faults of processes. `upgrade` is drawn only when there are releases. */
export const processFaultKinds = ['crash', 'pause', 'upgrade'] as const;

/** Faults of disks that lose nothing that was acknowledged. */
export const diskFaultKinds = ['disk-stall', 'disk-full', 'sync-failure'] as const;

/** Faults that damage or lose what was acknowledged. */
export const damageFaultKinds = [
  'torn-writes',
  'lost-writes',
  'misdirected-writes',
  'lying-sync',
  'bit-rot',
  'wipe',
] as const;

export const clockFaultKinds = ['clock-drift', 'clock-jump', 'clock-offset'] as const;

/** All faults that `generateSchedule` knows. */
export const faultKinds = [
  ...networkFaultKinds,
  ...processFaultKinds,
  ...diskFaultKinds,
  ...damageFaultKinds,
  ...clockFaultKinds,
] as const;

/** The faults that a schedule can be made of. */
export type FaultKind = (typeof faultKinds)[number];

type Draw = (draft: Draft, now: number, end: number) => void;

/** Plans one fault of each kind, or nothing when another fault is in its way. */
export const drawFault: Readonly<Record<FaultKind, Draw>> = {
  partition: shape((draft) => {
    const [one, other] = halves(draft);
    return { kind: 'partition', groups: [one, other] };
  }),
  isolate: shape((draft) => ({ kind: 'isolate', node: draft.node() })),
  'one-way': shape((draft) => {
    const [from, to] = halves(draft);
    return { kind: 'one-way', from, to };
  }),
  bridge: shape((draft) => {
    const [middle, ...others] = draft.random.shuffle(draft.nodes) as [string, ...string[]];
    const half = Math.ceil(others.length / 2);
    return { kind: 'bridge', left: others.slice(0, half), middle, right: others.slice(half) };
  }),
  ring: shape((draft) => ({ kind: 'ring', order: draft.random.shuffle(draft.nodes) })),
  star: shape((draft) => {
    const [center, ...leaves] = draft.random.shuffle(draft.nodes) as [string, ...string[]];
    return { kind: 'star', center, leaves };
  }),
  swizzle: drawSwizzle,
  loss: burst((draft) => ({ kind: 'loss', probability: draft.percent(5, 60) }), 'loss-end'),
  duplication: burst(
    (draft) => ({ kind: 'duplication', probability: draft.percent(5, 50) }),
    'duplication-end',
  ),
  reordering: burst(
    (draft) => ({ kind: 'reordering', probability: draft.percent(10, 90) }),
    'reordering-end',
  ),
  delay: burst((draft) => ({ kind: 'delay', delay: drawNetworkDelay(draft) }), 'delay-end'),
  bandwidth: burst((draft) => {
    const bytesPerSecond = draft.random.pick([10_000, 100_000, 1_000_000]);
    // From 50 ms to half a second of what the link carries.
    const queueBytesMax = Math.floor((bytesPerSecond * draft.random.integer(50, 500)) / 1000);
    return { kind: 'bandwidth', bytesPerSecond, queueBytesMax };
  }, 'bandwidth-end'),
  replay: burst((draft) => ({ kind: 'replay', probability: draft.percent(1, 20) }), 'replay-end'),
  'slow-link': onPair((from, to, draft) => {
    const least = draft.random.integer(10_000, 300_000);
    const delay: Delay = {
      kind: 'uniform',
      minimumMicroseconds: least,
      maximumMicroseconds: least * 2,
    };
    return [
      { kind: 'slow-link', from, to, delay },
      { kind: 'slow-link-end', from, to },
    ];
  }),
  clog: onPair((from, to) => [
    { kind: 'clog', from, to },
    { kind: 'unclog', from, to },
  ]),
  reset: atOnce((draft) => betweenTwo(draft, 'reset')),
  'stateless-reset': atOnce((draft) => betweenTwo(draft, 'stateless-reset')),
  'address-change': atOnce((draft) => ({ kind: 'address-change', node: draft.node() })),
  'slow-reader': (draft, now, end) => {
    const node = draft.node();
    const microsecondsPerMessage = draft.random.pick([200, 1_000, 5_000, 20_000]);
    if (!draft.take(`reader ${node}`, now, end)) return;
    draft.plan(now, { kind: 'slow-reader', node, microsecondsPerMessage });
    draft.plan(end, { kind: 'slow-reader-end', node });
  },
  crash: outage((node) => ({ kind: 'crash', node }), ['restart']),
  pause: outage((node) => ({ kind: 'pause', node }), ['resume']),
  upgrade: (draft, now) => {
    const { releases } = draft.options;
    const node = draft.takeOut(now, now);
    if (node === undefined || releases.length === 0) return;
    draft.plan(now, { kind: 'upgrade', node, release: draft.random.pick(releases) });
  },
  'disk-stall': (draft, now, end) => {
    draft.plan(now, { kind: 'disk-stall', node: draft.node(), durationMicroseconds: end - now });
  },
  // A process that cannot go on without its disk crashes, and has to be started again.
  'disk-full': outage((node) => ({ kind: 'disk-full', node }), ['disk-heal', 'restart']),
  'sync-failure': outage(
    (node, draft) => ({ kind: 'sync-failure', node, probability: draft.percent(10, 100) }),
    ['disk-heal', 'restart'],
  ),
  'torn-writes': damage((node, draft) => ({
    kind: 'torn-writes',
    node,
    probability: draft.percent(20, 100),
  })),
  'lost-writes': damage((node, draft) => ({
    kind: 'lost-writes',
    node,
    probability: draft.percent(5, 50),
  })),
  'misdirected-writes': damage((node, draft) => ({
    kind: 'misdirected-writes',
    node,
    probability: draft.percent(5, 50),
  })),
  'lying-sync': damage((node) => ({ kind: 'lying-sync', node })),
  'bit-rot': atOnce((draft) => {
    const keysMax = draft.random.integer(1, 5);
    return { kind: 'bit-rot', node: draft.node(), keysMax, prefix: '' };
  }),
  wipe: outage((node) => ({ kind: 'wipe', node }), ['restart']),
  'clock-drift': (draft, now, end) => {
    const node = draft.node();
    const size = draft.random.pick([50, 500, 5_000, 50_000]);
    const partsPerMillion = draft.random.chance(0.5) ? size : -size;
    if (!draft.take(`clock ${node}`, now, end)) return;
    draft.plan(now, { kind: 'clock-drift', node, partsPerMillion });
    draft.plan(end, { kind: 'clock-drift', node, partsPerMillion: 0 });
  },
  'clock-jump': atOnce((draft) => ({
    kind: 'clock-jump',
    node: draft.node(),
    microseconds: drawClockError(draft),
  })),
  'clock-offset': atOnce((draft) => ({
    kind: 'clock-offset',
    node: draft.node(),
    microseconds: drawClockError(draft),
  })),
};

/** One shape at a time: the end of one would heal the other. */
function shape(drawn: (draft: Draft) => FaultAction): Draw {
  return (draft, now, end) => {
    const action = drawn(draft);
    if (!draft.take('shape', now, end)) return;
    draft.plan(now, action);
    draft.plan(end, { kind: 'heal' });
  };
}

/** Nodes are cut off one by one, and come back in another order. */
function drawSwizzle(draft: Draft, now: number, end: number): void {
  const leaving = draft.random.shuffle(draft.nodes);
  const returning = draft.random.shuffle(draft.nodes);
  if (!draft.take('shape', now, end)) return;
  const step = (end - now) / (2 * draft.nodes.length);
  for (const [place, node] of leaving.entries()) {
    draft.plan(now + Math.floor(place * step), { kind: 'cut-off', node });
  }
  for (const [place, node] of returning.entries()) {
    const steps = draft.nodes.length + place;
    draft.plan(now + Math.floor(steps * step), { kind: 'rejoin', node });
  }
}

/** One burst of a kind at a time. */
function burst(
  drawn: (draft: Draft) => FaultAction,
  ending: Extract<FaultAction['kind'], `${string}-end`>,
): Draw {
  return (draft, now, end) => {
    const action = drawn(draft);
    if (!draft.take(action.kind, now, end)) return;
    draft.plan(now, action);
    draft.plan(end, { kind: ending } as FaultAction);
  };
}

/** One fault of a kind at a time on a direction between two nodes. */
function onPair(
  drawn: (from: string, to: string, draft: Draft) => readonly [FaultAction, FaultAction],
): Draw {
  return (draft, now, end) => {
    const [from, to] = draft.pair();
    const [begin, finish] = drawn(from, to, draft);
    if (from === to || !draft.take(`${begin.kind} ${from} ${to}`, now, end)) return;
    draft.plan(now, begin);
    draft.plan(end, finish);
  };
}

function atOnce(drawn: (draft: Draft) => FaultAction | undefined): Draw {
  return (draft, now) => {
    const action = drawn(draft);
    if (action !== undefined) draft.plan(now, action);
  };
}

/** Faults after which a node may be down, as many at a time as the options allow. */
function outage(
  drawn: (node: string, draft: Draft) => FaultAction,
  endings: readonly ('restart' | 'resume' | 'disk-heal')[],
): Draw {
  return (draft, now, end) => {
    const node = draft.takeOut(now, end);
    if (node === undefined) return;
    if (endings.includes('disk-heal') && !draft.take(`disk ${node}`, now, end)) return;
    draft.plan(now, drawn(node, draft));
    for (const kind of endings) draft.plan(end, { kind, node });
  };
}

/** One fault at a time on a disk; what it has damaged stays when it ends. */
function damage(drawn: (node: string, draft: Draft) => FaultAction): Draw {
  return (draft, now, end) => {
    const node = draft.takeDisk(now, end);
    if (node === undefined) return;
    draft.plan(now, drawn(node, draft));
    draft.plan(end, { kind: 'disk-heal', node });
  };
}

/** Two groups that hold everybody, of sizes as they come. */
function halves(draft: Draft): readonly [string[], string[]] {
  const mixed = draft.random.shuffle(draft.nodes);
  const cut = draft.random.integer(Math.min(1, mixed.length - 1), mixed.length - 1);
  return [mixed.slice(0, cut), mixed.slice(cut)];
}

function betweenTwo(draft: Draft, kind: 'reset' | 'stateless-reset'): FaultAction | undefined {
  const [node, peer] = draft.pair();
  return node === peer ? undefined : { kind, node, peer };
}

function drawNetworkDelay(draft: Draft): Delay {
  const { random } = draft;
  const scale = random.pick([1_000, 5_000, 20_000, 50_000]);
  const minimumMicroseconds = Math.floor(scale / 10);
  const maximumMicroseconds = scale * 40;
  switch (random.pick(['exponential', 'lognormal', 'spiky'] as const)) {
    case 'exponential':
      return {
        kind: 'exponential',
        minimumMicroseconds,
        meanMicroseconds: scale,
        maximumMicroseconds,
      };
    case 'lognormal':
      return {
        kind: 'lognormal',
        minimumMicroseconds,
        medianMicroseconds: scale,
        sigma: random.integer(5, 20) / 10,
        maximumMicroseconds,
      };
    case 'spiky':
      return {
        kind: 'spiky',
        minimumMicroseconds,
        usualMaximumMicroseconds: scale,
        spikeProbability: random.integer(1, 10) / 100,
        spikeMinimumMicroseconds: scale * 10,
        maximumMicroseconds,
      };
  }
}

/** From a millisecond to a day, forward or back. */
function drawClockError(draft: Draft): number {
  const size = draft.random.pick([1_000, 100_000, 5_000_000, 3_600_000_000, 86_400_000_000]);
  return draft.random.chance(0.5) ? size : -size;
}
