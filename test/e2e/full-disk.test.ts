/** Disks that fill up: nothing half made, a clear end, and everything there when there is room. */
import { existsSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';

import { describe, expect, it } from 'vitest';

import type { SwarmClient } from '../../src/client/index.js';
import { contentsOf, freePort, v1Installation } from './support/directories.js';
import { NodeProcess, run } from './support/processes.js';
import { smallDisk } from './support/small-disk.js';
import type { SmallDisk } from './support/small-disk.js';
import type { Created } from './support/swarm.js';
import { connectTo } from './support/swarm.js';

async function initOn(disk: SmallDisk, from: readonly string[] = []): Promise<Created> {
  const listen = `127.0.0.1:${await freePort()}`;
  const args = ['swarm', 'init', '--data', disk.directory, '--listen', listen, '--json', ...from];
  const { code, stdout, stderr } = await run(args, disk.options());
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Created;
}

/** Inserts large memories until one is not acknowledged; the ids of those that were. */
async function fill(client: SwarmClient, node: NodeProcess): Promise<string[]> {
  const metadata = { filler: 'x'.repeat(60_000) };
  const acknowledged: string[] = [];
  while (node.isRunning && acknowledged.length < 1_000) {
    const id = `memory-${acknowledged.length}`;
    try {
      await client.insert({ id, content: 'a text', metadata }, { deadlineMs: 5_000 });
      acknowledged.push(id);
    } catch {
      break;
    }
  }
  return acknowledged;
}

describe('a full disk', () => {
  it('holds nothing after an init that did not fit', async () => {
    const source = v1Installation(400);
    const before = contentsOf(source);
    for (const sizeKib of [4, 64, 512]) {
      const disk = smallDisk(sizeKib);
      const listen = `127.0.0.1:${await freePort()}`;
      const args = ['swarm', 'init', '--data', disk.directory, '--listen', listen];
      const failed = await run([...args, '--from', source], disk.options());
      expect({ code: failed.code, stdout: failed.stdout }).toEqual({ code: 1, stdout: '' });
      expect(failed.stderr).toMatch(disk.complaint);
      expect(failed.stderr).toContain(disk.directory);
      expect(failed.stderr).toMatch(/free|limit/i);
      expect(existsSync(disk.directory)).toBe(false);
      expect(readdirSync(dirname(disk.directory))).toEqual([]);
    }
    expect(contentsOf(source)).toEqual(before);
  });

  it('ends a node that serves, which has every acknowledged write when there is room', async () => {
    const disk = smallDisk(3_000);
    const created = await initOn(disk);
    const node = await NodeProcess.start(['--data', disk.directory], disk.options());
    const client = await connectTo(created);
    const acknowledged = await fill(client, node);
    const ended = await node.exited;
    expect(acknowledged.length).toBeGreaterThan(3);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/error: the node stops/);
    expect(ended.stderr).toMatch(disk.complaint);
    expect(ended.stderr).toContain(disk.directory);
    expect(ended.stderr).toMatch(/No acknowledged write is lost/);

    // Without more room it may start, where what it lacks is not needed yet, or say the same again.
    const again = new NodeProcess(['--data', disk.directory], disk.options());
    const outcome = await Promise.race([again.exited, again.ready().catch(() => again.exited)]);
    if ('code' in outcome) {
      expect(outcome.code, outcome.stderr).toBe(1);
      expect(outcome.stderr).toMatch(disk.complaint);
    }
    await again.kill();

    disk.grow();
    await NodeProcess.start(['--data', disk.directory], disk.options());
    const lost: string[] = [];
    for (const id of acknowledged) {
      const { memory } = await client.get(id, { deadlineMs: 20_000 });
      if (memory?.content !== 'a text') lost.push(id);
    }
    expect(lost).toEqual([]);
    await client.insert({ id: 'after', content: 'there is room again' });
    expect((await client.get('after')).memory?.content).toBe('there is room again');
  });
});
