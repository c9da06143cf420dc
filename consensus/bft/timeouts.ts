import type { Round, TimeoutKind } from './types.js';

/** How long the timeouts of round 0 are, and by how much each later round's are longer. */
export interface TimeoutConfig {
  readonly propose: number;
  readonly prevote: number;
  readonly precommit: number;
  readonly growth: number;
}

/** The timeout of a round (Tendermint section 3.3): it grows, so that in the end it is long enough. */
export function timeoutOf(config: TimeoutConfig, kind: TimeoutKind, round: Round): number {
  return config[kind] + config.growth * round;
}
