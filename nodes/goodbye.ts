import { setTimeout as sleep } from 'node:timers/promises';

import { messageOf } from './errors.js';
import { GOODBYE_TIMEOUT_MS } from './limits.js';

/** The new leader may not be known yet; without one at all the others see a node that is gone. */
export async function sayGoodbye(
  say: () => Promise<void>,
  log: (message: string) => void,
): Promise<void> {
  const deadlineMs = performance.now() + GOODBYE_TIMEOUT_MS;
  for (;;) {
    try {
      await say();
      return;
    } catch (error) {
      if (performance.now() < deadlineMs) {
        await sleep(50);
        continue;
      }
      log(`could not say goodbye: ${messageOf(error)}`);
      return;
    }
  }
}
