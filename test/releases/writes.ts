/** A client that writes all the time, and what became of it. */

import type { SwarmClient } from '../../src/client/index.js';
import { sleep } from '../waiting.js';

const INTERVAL_MS = 50;
const DEADLINE_MS = 120_000;

export class Writes {
  readonly acknowledged: string[] = [];
  readonly failures: unknown[] = [];
  readonly #client: SwarmClient;
  readonly #done: Promise<void>;
  #isOver = false;

  constructor(client: SwarmClient) {
    this.#client = client;
    this.#done = this.#run();
  }

  /** Ends it; resolves with the acknowledged memories that are not there. */
  async lost(): Promise<string[]> {
    this.#isOver = true;
    await this.#done;
    const lost: string[] = [];
    for (const id of this.acknowledged) {
      const { memory } = await this.#client.get(id, { deadlineMs: DEADLINE_MS });
      if (memory === null) lost.push(id);
    }
    return lost;
  }

  async #run(): Promise<void> {
    for (let i = 0; !this.#isOver; i += 1) {
      const memory = { id: `written-${i}`, content: `text ${i}` };
      try {
        await this.#client.insert(memory, { deadlineMs: DEADLINE_MS });
        this.acknowledged.push(memory.id);
      } catch (error) {
        this.failures.push(error);
      }
      await sleep(INTERVAL_MS);
    }
  }
}
