/** Snapshots of tens of megabytes between processes that are stopped, killed and replaced meanwhile. */
import { kill } from 'node:process';

import { beforeAll, describe, expect, it } from 'vitest';

import { BLOCK_BYTES_MAX } from '../../nodes/snapshots/limits.js';
import { freePort, scratch, v1Installation } from './support/directories.js';
import { NodeProcess, run } from './support/processes.js';
import { Swarm } from './support/swarm.js';
import { sleep, until } from '../waiting.js';

const MEMORIES = 9_000;
/** The whole takes some seconds, so that there is a middle in which something can happen. */
const SLOWLY = ['--snapshot-bytes-per-second', '5000000'];

let swarm: Swarm;
let counts: unknown;

beforeAll(async () => {
  swarm = await Swarm.start({ nodes: 3, from: v1Installation(MEMORIES) });
  const client = await swarm.connect();
  ({ counts } = await client.counts());
  expect(counts).toMatchObject({ memories: MEMORIES });
});

interface Reading {
  readonly index: number;
  readonly source: number;
  readonly here: number;
  readonly total: number;
}

/** The lines in which a node says that it begins to read, or goes on. */
function readings(log: string): Reading[] {
  const pattern =
    /reading the snapshot at index (\d+) from node (\d+): (\d+) of (\d+) bytes are here/g;
  return [...log.matchAll(pattern)].map((match) => {
    const [index, source, here, total] = match.slice(1).map(Number);
    return { index: index ?? 0, source: source ?? 0, here: here ?? 0, total: total ?? 0 };
  });
}

interface Received {
  readonly total: number;
  readonly read: number;
  readonly found: number;
  readonly adopted: number;
}

function received(log: string): Received {
  const pattern =
    /received .*: (\d+) bytes \(since the start (\d+) read, (\d+) found, (\d+) adopted/;
  const [total, read, found, adopted] = (pattern.exec(log) ?? []).slice(1).map(Number);
  return { total: total ?? 0, read: read ?? 0, found: found ?? 0, adopted: adopted ?? 0 };
}

/** Starts one more node, which reads slowly; resolves when it is in the middle of the snapshot. */
async function joining(): Promise<{ process: NodeProcess; directory: string; first: Reading }> {
  const directory = scratch('node');
  const { address, joinToken } = swarm.created;
  const listen = `127.0.0.1:${await freePort()}`;
  const args = ['--data', directory, '--listen', listen, '--join', address, '--token', joinToken];
  const process = new NodeProcess([...args, ...SLOWLY]);
  await until('it reads a snapshot', async () => readings(process.log).length > 0);
  await sleep(1_500);
  const [first] = readings(process.log);
  if (first === undefined) throw new Error('the node reads');
  expect(first.here).toBe(0);
  expect(first.total).toBeGreaterThan(20_000_000);
  expect(process.log).not.toContain('received the snapshot');
  return { process, directory, first };
}

/** The node serves, and has every row. */
async function expectWhole(process: NodeProcess): Promise<void> {
  const { peerId, address } = await process.ready();
  const client = await swarm.connect();
  await client.insert({ id: `after-${address}`, content: 'written after the snapshot' });
  const local = { consistency: 'local', only: peerId } as const;
  await until('the last write is there', async () => {
    const { memory } = await client.get(`after-${address}`, local);
    return memory !== null && memory !== undefined;
  });
  const there = await client.counts({ only: peerId });
  const everywhere = await client.counts();
  expect(there.counts).toEqual(everywhere.counts);
  expect(there.counts.memories).toBeGreaterThan(MEMORIES);
}

/** So that a quorum is as small as before. */
async function leave(process: NodeProcess): Promise<void> {
  const { nodeId } = await process.ready();
  const data = ['--data', swarm.member(1).directory];
  expect(await run(['swarm', 'remove', String(nodeId), ...data])).toMatchObject({ code: 0 });
  await process.exited;
}

describe('a node that joins', () => {
  it('reads from a follower, and goes on after that was stopped for longer than a timeout', async () => {
    const { process, first } = await joining();
    const source = swarm.member(first.source);
    const { leader } = await (await swarm.connect()).status();
    expect(first.source).not.toBe(leader);
    kill(source.process.pid, 'SIGSTOP');
    // The connection is lost after 5 s without a sign of life.
    await sleep(7_000);
    kill(source.process.pid, 'SIGCONT');
    await expectWhole(process);
    expect(readings(process.log).length).toBe(1);
    const { total, read, adopted } = received(process.log);
    expect([read, adopted]).toEqual([total, 0]);
    await leave(process);
  });

  it('goes on after it was killed, with what it had read', async () => {
    const { process, directory, first } = await joining();
    await process.kill();
    const again = await NodeProcess.start(['--data', directory, ...SLOWLY]);
    const [second] = readings(again.log);
    expect(second?.index).toBe(first.index);
    expect(second?.here).toBeGreaterThan(1_000_000);
    const { total, read, found, adopted } = received(again.log);
    expect(found).toBe(second?.here);
    expect([read + found, adopted]).toEqual([total, 0]);
    await expectWhole(again);
    await leave(again);
  });

  it('goes on with another source when the first is killed', async () => {
    const { process, first } = await joining();
    await swarm.member(first.source).process.kill();
    await until('another source', async () => readings(process.log).length > 1);
    const last = readings(process.log).at(-1);
    expect(last?.source).not.toBe(first.source);
    // Another replica at a later index, and yet nearly all that was read is of use.
    const left = Number(/not read on \(source-lost\): (\d+) of/.exec(process.log)?.[1]);
    expect(left).toBeGreaterThan(1_000_000);
    expect(last?.here).toBeGreaterThan(left - 3 * BLOCK_BYTES_MAX);
    expect(last?.here).toBeGreaterThan(0);
    await expectWhole(process);
    const { total, read, adopted } = received(process.log);
    expect(adopted).toBe(last?.here);
    expect(read).toBeLessThan(1.1 * total + 3 * BLOCK_BYTES_MAX);
    await swarm.restart(first.source);
  });
});
