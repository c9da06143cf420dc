/** Writers that go on through failures, and the check that nothing they were promised is lost. */

import { expect } from 'vitest';

import type { SwarmClient } from '../../../src/client/index.js';
import { settled } from './swarm.js';
import type { Swarm } from './swarm.js';
import { sleep } from '../../waiting.js';

/** Inserts memories, several at a time, each through the next member, until it is told to stop. */
export class Writers {
  /** Content by id, of every insert that was acknowledged. */
  readonly acknowledged = new Map<string, string>();
  readonly failures: unknown[] = [];
  #stopped = false;
  #count = 0;
  readonly #finished: Promise<unknown>;

  constructor(
    private readonly swarm: Swarm,
    private readonly client: SwarmClient,
    private readonly prefix: string,
    concurrency = 3,
  ) {
    this.#finished = Promise.all(Array.from({ length: concurrency }, () => this.#run()));
  }

  /** Resolves when what is under way has been answered. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#finished;
  }

  async #run(): Promise<void> {
    const { members } = this.swarm;
    while (!this.#stopped) {
      this.#count += 1;
      const id = `${this.prefix}-${this.#count}`;
      const content = `text ${this.#count}`;
      const through = members[this.#count % members.length]?.peerId ?? '';
      try {
        await this.client.insert({ id, content }, { through, deadlineMs: 30_000 });
        this.acknowledged.set(id, content);
      } catch (error) {
        this.failures.push(error);
      }
      // The nodes share few processors, and each of these texts is embedded.
      await sleep(90);
    }
  }
}

/** Every acknowledged memory is on every member, as that member itself has it. */
export async function expectEverywhere(
  swarm: Swarm,
  client: SwarmClient,
  acknowledged: ReadonlyMap<string, string>,
): Promise<void> {
  await settled(swarm, client);
  for (const { nodeId, peerId } of swarm.members) {
    const lost: string[] = [];
    for (const [id, content] of acknowledged) {
      const { memory } = await client.get(id, { consistency: 'local', only: peerId });
      if (memory?.content !== content) lost.push(id);
    }
    expect(lost, `acknowledged writes that node ${nodeId} does not hold`).toEqual([]);
  }
}
