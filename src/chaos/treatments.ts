/** What carries out each action of a schedule on real processes. */
import { faultKinds, type FaultAction, type FaultKind } from '../../sim/nemesis/index.js';

interface Treatment {
  readonly by: 'relay' | 'processes';
  /** Whether it begins a fault, ends one, or ends all. */
  readonly does: 'begin' | 'end';
}

const relayBegins: Treatment = { by: 'relay', does: 'begin' };
const relayEnds: Treatment = { by: 'relay', does: 'end' };

/** Undefined for what needs a world: disks, clocks, and the inside of a transport. */
export const treatments: Readonly<Record<FaultAction['kind'], Treatment | undefined>> = {
  partition: relayBegins,
  isolate: relayBegins,
  'one-way': relayBegins,
  bridge: relayBegins,
  ring: relayBegins,
  star: relayBegins,
  heal: relayEnds,
  'cut-off': relayBegins,
  rejoin: relayEnds,
  loss: relayBegins,
  'loss-end': relayEnds,
  duplication: relayBegins,
  'duplication-end': relayEnds,
  reordering: relayBegins,
  'reordering-end': relayEnds,
  delay: relayBegins,
  'delay-end': relayEnds,
  bandwidth: relayBegins,
  'bandwidth-end': relayEnds,
  'slow-link': relayBegins,
  'slow-link-end': relayEnds,
  clog: relayBegins,
  unclog: relayEnds,
  'heal-all': relayEnds,
  crash: { by: 'processes', does: 'begin' },
  restart: { by: 'processes', does: 'end' },
  pause: { by: 'processes', does: 'begin' },
  resume: { by: 'processes', does: 'end' },
  replay: undefined,
  'replay-end': undefined,
  reset: undefined,
  'stateless-reset': undefined,
  'address-change': undefined,
  'slow-reader': undefined,
  'slow-reader-end': undefined,
  wipe: undefined,
  upgrade: undefined,
  'disk-stall': undefined,
  'disk-full': undefined,
  'sync-failure': undefined,
  'torn-writes': undefined,
  'lost-writes': undefined,
  'misdirected-writes': undefined,
  'lying-sync': undefined,
  'disk-heal': undefined,
  'bit-rot': undefined,
  'clock-drift': undefined,
  'clock-jump': undefined,
  'clock-offset': undefined,
};

/** The faults that real processes can be given; a swizzle cuts nodes off and lets them rejoin. */
export const chaosKinds: readonly FaultKind[] = faultKinds.filter((kind) => {
  return kind === 'swizzle' || treatments[kind] !== undefined;
});
