import type { Context } from '../world/index.js';

/** The time of day of a node in microseconds, whose error something bounds. */
export function boundedMicroseconds(
  {
    clockMicroseconds,
    wallMicroseconds,
  }: Pick<Context<never, never>, 'clockMicroseconds' | 'wallMicroseconds'>,
  errorMsMax: number,
): number {
  const most = errorMsMax * 1_000;
  return clockMicroseconds + Math.max(-most, Math.min(most, wallMicroseconds - clockMicroseconds));
}
