/** What each action of a schedule consists of: for reading hostile files, and for printing. */
import type { FaultAction } from './schedule.js';

/** What can stand in a field. */
export type FieldKind =
  /** The name of a node, or a target that begins with `@`. */
  | 'target'
  | 'nodes'
  | 'groups'
  | 'probability'
  | 'duration'
  | 'signed-duration'
  | 'parts-per-million'
  | 'bytes'
  | 'bytes-per-second'
  | 'delay'
  | 'count'
  | 'text';

type FieldsOf<Kind> = Exclude<keyof Extract<FaultAction, { readonly kind: Kind }>, 'kind'>;

/** The fields of each kind of action, in the order in which they are printed. */
export const fieldsOf: {
  readonly [Kind in FaultAction['kind']]: { readonly [Field in FieldsOf<Kind>]: FieldKind };
} = {
  partition: { groups: 'groups' },
  isolate: { node: 'target' },
  'one-way': { from: 'nodes', to: 'nodes' },
  bridge: { left: 'nodes', middle: 'target', right: 'nodes' },
  ring: { order: 'nodes' },
  star: { center: 'target', leaves: 'nodes' },
  heal: {},
  'cut-off': { node: 'target' },
  rejoin: { node: 'target' },
  loss: { probability: 'probability' },
  'loss-end': {},
  duplication: { probability: 'probability' },
  'duplication-end': {},
  reordering: { probability: 'probability' },
  'reordering-end': {},
  delay: { delay: 'delay' },
  'delay-end': {},
  bandwidth: { bytesPerSecond: 'bytes-per-second', queueBytesMax: 'bytes' },
  'bandwidth-end': {},
  replay: { probability: 'probability' },
  'replay-end': {},
  'slow-link': { from: 'target', to: 'target', delay: 'delay' },
  'slow-link-end': { from: 'target', to: 'target' },
  clog: { from: 'target', to: 'target' },
  unclog: { from: 'target', to: 'target' },
  reset: { node: 'target', peer: 'target' },
  'stateless-reset': { node: 'target', peer: 'target' },
  'address-change': { node: 'target' },
  'slow-reader': { node: 'target', microsecondsPerMessage: 'duration' },
  'slow-reader-end': { node: 'target' },
  crash: { node: 'target' },
  restart: { node: 'target' },
  pause: { node: 'target' },
  resume: { node: 'target' },
  wipe: { node: 'target' },
  upgrade: { node: 'target', release: 'text' },
  'disk-stall': { node: 'target', durationMicroseconds: 'duration' },
  'disk-full': { node: 'target' },
  'sync-failure': { node: 'target', probability: 'probability' },
  'torn-writes': { node: 'target', probability: 'probability' },
  'lost-writes': { node: 'target', probability: 'probability' },
  'misdirected-writes': { node: 'target', probability: 'probability' },
  'lying-sync': { node: 'target' },
  'disk-heal': { node: 'target' },
  'bit-rot': { node: 'target', keysMax: 'count', prefix: 'text' },
  'clock-drift': { node: 'target', partsPerMillion: 'parts-per-million' },
  'clock-jump': { node: 'target', microseconds: 'signed-duration' },
  'clock-offset': { node: 'target', microseconds: 'signed-duration' },
  'heal-all': {},
};
