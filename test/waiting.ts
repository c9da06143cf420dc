/** How tests wait: for a condition, and so long that only what never comes about fails. */
import { setTimeout as sleepFor } from 'node:timers/promises';

/** Only a failure waits so long. Below the limit of a test, so that what was waited for is told. */
export const PATIENCE_MS = 180_000;
/** For calls and dials that are to succeed: none fails because the machine is slow. */
export const WITHIN = { timeoutMs: 60_000 } as const;
const BEAT_MS = 50;
const LOOK_EVERY_MS = 10;
const UNDISTURBED_RUNS_MAX = 30;

/** Lets time pass that is itself the point: for a condition there is `until`. */
export const sleep = async (ms: number): Promise<void> => {
  await sleepFor(ms);
};

type Look<Found> = () => Found | Promise<Found>;
type Nothing = undefined | null | false;

/**
 * Looks until something is found that is not nothing, and returns it; fails with what was waited
 * for. Time counts by beats of this process: one that stood still, or hardly ran, has not waited.
 */
export async function until<Found>(
  what: string | Look<Found>,
  look: Look<Found> = what as Look<Found>,
  patienceMs = PATIENCE_MS,
): Promise<Exclude<Found, Nothing>> {
  let leftMs = patienceMs;
  let giveUp = (): void => undefined;
  const isLate = new Promise<never>((_, reject) => {
    giveUp = () => reject(new Error(`in vain waited for ${patienceMs} ms until ${what}`));
  });
  isLate.catch(() => undefined);
  const beat = setInterval(() => {
    leftMs -= BEAT_MS;
    if (leftMs <= 0) giveUp();
  }, BEAT_MS);
  try {
    for (;;) {
      const found = await Promise.race([look(), isLate]);
      if (found !== undefined && found !== null && found !== false) {
        return found as Exclude<Found, Nothing>;
      }
      await Promise.race([sleep(LOOK_EVERY_MS), isLate]);
    }
  } finally {
    clearInterval(beat);
  }
}

/**
 * Runs what is about real time, and again when it failed while the machine stood still for longer
 * than `stillMsMax` in between: then the failure says nothing. Each run begins from nothing.
 */
export async function undisturbed(run: () => Promise<void>, stillMsMax = 50): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    let beatMs = performance.now();
    let stillMs = 0;
    const beat = setInterval(() => {
      const nowMs = performance.now();
      stillMs = Math.max(stillMs, nowMs - beatMs);
      beatMs = nowMs;
    }, 5);
    try {
      await run();
      return;
    } catch (error) {
      if (Math.max(stillMs, performance.now() - beatMs) < stillMsMax) throw error;
      if (attempt === UNDISTURBED_RUNS_MAX) throw error;
    } finally {
      clearInterval(beat);
    }
  }
}

/** Processor time of this process in milliseconds: the clock shows the work of others as well. */
export function usedMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
