/** A build that an operator sends to a swarm, and that members fetch from each other. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { beforeAll, expect, it, vi } from 'vitest';

import { readReleases, releaseFiles } from '../../nodes/release/files.js';
import { describeBuild } from '../../nodes/release/identity.js';
import { removeRelease } from '../../nodes/release/registry.js';
import { copyBuild } from '../releases/builds.js';
import { run, runJson } from './support/processes.js';
import { smallDisk } from './support/small-disk.js';
import { Swarm } from './support/swarm.js';

vi.setConfig({ testTimeout: 600_000, hookTimeout: 120_000 });

let swarm: Swarm;
const build = copyBuild('carried');

beforeAll(async () => {
  swarm = await Swarm.start({ nodes: 2 });
});

interface Report {
  readonly name: string;
  readonly digest: string;
  readonly members: readonly { nodeId: number; how: string | null; problem: string | null }[];
}

const filesOf = (nodeId: number) => releaseFiles(swarm.member(nodeId).directory);

async function pathOf(nodeId: number, digest: string): Promise<string | undefined> {
  return (await readReleases(filesOf(nodeId))).find((one) => one.digest === digest)?.path;
}

it('is taken from an operator only', async () => {
  const add = ['release', 'add', build, '--swarm'];
  const refused = await run([...add, ...swarm.through(1, swarm.created.clientToken)]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('this wants the operator token');
  const nobody = await run(['release', 'add', build]);
  expect(nobody.stderr).toContain('--data DIR, or all of them with --swarm');
  expect(existsSync(filesOf(1).builds)).toBe(false);
});

it('is sent to one member, which the others have it from; a member that lost it fetches it', async () => {
  const { name, digest, files } = await describeBuild(build);
  const add = ['release', 'add', build, '--swarm', ...swarm.through(1)];
  const report = await runJson<Report>(add);
  expect(report).toMatchObject({ name, digest });
  expect(report.members.map(({ how }) => how)).toEqual(['sent', 'fetched']);
  for (const nodeId of [1, 2]) {
    const path = (await pathOf(nodeId, digest)) ?? '';
    expect(path).toContain(join('builds', digest));
    expect((await describeBuild(path)).files).toEqual(files);
  }
  const again = await runJson<Report>(add);
  expect(again.members.map(({ how }) => how)).toEqual(['had it', 'fetched']);
  // Its files are gone, and the node knows the build by name only.
  rmSync((await pathOf(2, digest)) ?? '', { recursive: true });
  const fetch = ['release', 'fetch', digest, '--data', swarm.member(2).directory];
  const fetched = await run(fetch);
  expect(fetched.stdout).toContain(`${name} is here`);
  expect((await describeBuild((await pathOf(2, digest)) ?? '')).digest).toBe(digest);
  await removeRelease(filesOf(2), name);
  expect(readdirSync(filesOf(2).builds)).toEqual([]);
  const third = await swarm.join();
  const joined = await run(['release', 'fetch', digest, '--data', third.directory]);
  expect(joined, joined.stderr).toMatchObject({ code: 0 });
  expect((await pathOf(third.nodeId, digest)) ?? '').toContain(join(third.directory, 'builds'));
  const missing = 'f'.repeat(64);
  const none = await run(['release', 'fetch', missing, '--data', third.directory]);
  expect(none.code).toBe(1);
  expect(none.stderr).toContain('no member gives the build');
});

it('that finds a full disk is refused, leaves nothing, and the member serves on', async () => {
  // More than the disk has, also in one file where only that is limited.
  const text = `// ${'x'.repeat(48 * 1024 ** 2)}\n`;
  const large = copyBuild('large', { 'dist/nodes/assert.js': text });
  const { digest } = await describeBuild(large);
  const disk = smallDisk(40 * 1_024);
  const full = await Swarm.start({ nodes: 1, directory: disk.directory, spawn: disk.options() });
  const member = full.member(1);
  const refused = await run(['release', 'add', large, '--swarm', ...full.through(1)]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/bytes free, which is too little for a build|cannot grow/);
  const { builds } = releaseFiles(member.directory);
  expect(existsSync(join(builds, digest))).toBe(false);
  expect(existsSync(builds) ? readdirSync(builds) : []).toEqual([]);
  const client = await full.connect();
  await client.insert({ id: 'after', content: 'it serves' });
});
