import { SimulationError } from './errors.js';
import type { RandomStream } from './random.js';

/**
 * How long something takes, in whole microseconds. All kinds stay between minimum and maximum.
 *
 * - uniform: every length as likely as another.
 * - exponential: at least the minimum, with an exponential tail.
 * - lognormal: half of the draws below the median; the tail grows with `sigma`, as measured on
 *   networks and disks.
 * - spiky: uniform, but in a share of the draws uniform over the range of a spike instead.
 */
export type Delay =
  | {
      readonly kind: 'uniform';
      readonly minimumMicroseconds: number;
      readonly maximumMicroseconds: number;
    }
  | {
      readonly kind: 'exponential';
      readonly minimumMicroseconds: number;
      readonly meanMicroseconds: number;
      readonly maximumMicroseconds: number;
    }
  | {
      readonly kind: 'lognormal';
      readonly minimumMicroseconds: number;
      readonly medianMicroseconds: number;
      /** Standard deviation of the logarithm; more than 0, at most 4. */
      readonly sigma: number;
      readonly maximumMicroseconds: number;
    }
  | {
      readonly kind: 'spiky';
      readonly minimumMicroseconds: number;
      /** The longest without a spike. */
      readonly usualMaximumMicroseconds: number;
      readonly spikeProbability: number;
      /** The shortest of a spike; the longest is the maximum. */
      readonly spikeMinimumMicroseconds: number;
      readonly maximumMicroseconds: number;
    };

/** Draws one delay in whole microseconds. */
export function drawDelay(delay: Delay, random: RandomStream): number {
  const { minimumMicroseconds: least, maximumMicroseconds: most } = delay;
  switch (delay.kind) {
    case 'uniform':
      return random.integer(least, most);
    case 'exponential': {
      const drawn = -Math.log(1 - random.fraction()) * (delay.meanMicroseconds - least);
      return Math.min(most, Math.floor(least + drawn));
    }
    case 'lognormal': {
      // Box and Muller; only one of the pair is used, so that each delay takes the same draws.
      const radius = Math.sqrt(-2 * Math.log(1 - random.fraction()));
      const normal = radius * Math.cos(2 * Math.PI * random.fraction());
      const drawn = Math.floor(delay.medianMicroseconds * Math.exp(delay.sigma * normal));
      return Math.min(most, Math.max(least, drawn));
    }
    case 'spiky': {
      const isSpike = random.chance(delay.spikeProbability);
      return isSpike
        ? random.integer(delay.spikeMinimumMicroseconds, most)
        : random.integer(least, delay.usualMaximumMicroseconds);
    }
  }
}

/** Refuses a delay that is negative, not whole, or upside down. */
export function checkDelay(delay: Delay): void {
  const { minimumMicroseconds: least, maximumMicroseconds: most } = delay;
  const whole = Number.isSafeInteger(least) && Number.isSafeInteger(most);
  // A draw has 32 bits.
  const isRange = whole && least >= 0 && most >= least && most - least < 0x1_0000_0000;
  if (!isRange || !middleFits(delay, least, most)) {
    throw new SimulationError('invalid-option', `no delay can be ${JSON.stringify(delay)}`);
  }
}

function middleFits(delay: Delay, least: number, most: number): boolean {
  switch (delay.kind) {
    case 'uniform':
      return true;
    case 'exponential':
      return delay.meanMicroseconds >= least && delay.meanMicroseconds <= most;
    case 'lognormal': {
      const { medianMicroseconds: median, sigma } = delay;
      return median >= Math.max(1, least) && median <= most && sigma > 0 && sigma <= 4;
    }
    case 'spiky': {
      const { usualMaximumMicroseconds: usual, spikeMinimumMicroseconds: spike } = delay;
      const isWhole = Number.isSafeInteger(usual) && Number.isSafeInteger(spike);
      const isChance = delay.spikeProbability >= 0 && delay.spikeProbability <= 1;
      return (
        isWhole && isChance && usual >= least && usual <= most && spike <= most && spike >= least
      );
    }
    default:
      return false;
  }
}
