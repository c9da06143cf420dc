/** A disk that turns bits in the log of a member: what it held comes back from the others. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { v1Installation } from './support/directories.js';
import { Swarm } from './support/swarm.js';
import { Writers, expectEverywhere } from './support/writers.js';
import { sleep } from '../waiting.js';

/** Turns a bit in the entry of the log that holds `text`; returns how many copies it met. */
function damage(directory: string, text: string): number {
  let damaged = 0;
  for (const name of readdirSync(directory).filter((each) => each.endsWith('.wal'))) {
    const bytes = readFileSync(join(directory, name));
    const at = bytes.indexOf(text);
    if (at < 0) continue;
    bytes[at] = bytes[at]! ^ 1;
    writeFileSync(join(directory, name), bytes);
    damaged += 1;
  }
  return damaged;
}

it('a node whose log has lost entries gets them from the others, and serves all of them', async () => {
  const swarm = await Swarm.start({ nodes: 3, from: v1Installation(5) });
  const client = await swarm.connect();
  const writers = new Writers(swarm, client, 'kept');
  await sleep(1_500);
  await writers.stop();
  const written = [...writers.acknowledged];
  expect(written.length).toBeGreaterThan(5);
  const { leader } = await client.status();
  const [victim] = swarm.members.filter(({ nodeId }) => nodeId !== leader);
  await victim!.process.kill();
  const raft = join(victim!.directory, 'raft');
  // Entries after the last snapshot, of which the last may not have been known to be committed.
  const copies = [written.at(-1)!, written.at(-3)!].map(([id]) => damage(raft, id));
  expect(copies).toEqual([1, 1]);
  await swarm.restart(victim!.nodeId);
  await expectEverywhere(swarm, client, new Map(written));
});
