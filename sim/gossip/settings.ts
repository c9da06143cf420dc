/** What a plan of the scenario `gossip` sets besides faults. */
import type { Plan } from '../explore/plan.js';
import { SettingsReader } from '../explore/settings.js';

export interface GossipSettings {
  /** Members, named `node-1` and so on. */
  readonly nodes: number;
  /** Of each datagram and each message on a stream, whatever the faults are. */
  readonly lossPercent: number;
  readonly duplicationPercent: number;
  readonly delayMeanMicroseconds: number;
  /**
   * The faults of the plan leave the network and the clocks by which timers run alone, so that every
   * verdict on a node that is up is wrong.
   */
  readonly isCalm: boolean;
}

const NODES_MAX = 1_000;

/** Throws `SimulationError` with code `invalid-plan`. */
export function readSettings(given: Plan['settings']): GossipSettings {
  const reader = new SettingsReader(given);
  const settings = {
    nodes: reader.integer('nodes', 3, NODES_MAX),
    lossPercent: reader.integer('lossPercent', 0, 60),
    duplicationPercent: reader.integer('duplicationPercent', 0, 60),
    delayMeanMicroseconds: reader.integer('delayMeanMicroseconds', 100, 100_000),
    isCalm: reader.boolean('isCalm'),
  };
  reader.end();
  return settings;
}
