import type { Command } from 'commander';

import { dataPaths, readNodeFile } from '../../nodes/data-directory.js';
import { askSupervisor } from '../../nodes/release/control-socket.js';
import { readRecord, readReleases, releaseFiles } from '../../nodes/release/files.js';
import type { ReleaseFiles, ReleaseRecord } from '../../nodes/release/files.js';
import { addRelease, probe, removeRelease } from '../../nodes/release/registry.js';
import { rehearse } from '../../nodes/release/rehearsal.js';
import { createMiniLmEmbedder } from '../memory/index.js';
import { print, targetOf, withOperator } from './connection.js';
import type { ConnectionFlags } from './connection.js';
import { ExitError } from './failure.js';
import { interruptible } from './interruptible.js';
import { progressLine } from './progress-line.js';
import { carry, fetchOne } from './release-carry.js';

interface Flags {
  readonly data: string;
  readonly json?: boolean;
}

interface AddFlags extends ConnectionFlags {
  readonly swarm?: boolean;
  readonly json?: boolean;
}

/** `release add | fetch | list | remove | use | status | probe`. */
export function addReleaseCommands(program: Command): void {
  const release = program
    .command('release')
    .description('Builds of this package that a supervised node may run')
    .addHelpText(
      'after',
      '\nA supervised node is one of `node start --supervise`; see docs/releases.md.',
    );
  withOperator(release.command('add'))
    .description('Let the node run the release in a folder; it is asked what it is, not started')
    .argument('<path>', 'folder of an installed or built package')
    .option('--swarm', 'send the build to every member of the swarm; wants the operator token')
    .option('--json', 'print one JSON object')
    .action(add);
  withData(release.command('fetch'))
    .description('Get a build that another member has; for a node that joined later or lost it')
    .argument('<digest>', 'SHA-256 of the release, as `release list --json` and plans show it')
    .action(fetchBuild);
  withData(release.command('list'))
    .description('Show the releases of the node, and which one runs')
    .action(list);
  withData(release.command('remove'))
    .description('Forget a release; its files stay, unless they came from another machine')
    .argument('<name>', 'as `release list` shows it')
    .action(remove);
  withData(release.command('use'))
    .description(
      'Hand this node alone over to another release, or leave it as it is when that fails',
    )
    .argument('<name>', 'as `release list` shows it')
    .action(use);
  withData(release.command('status'))
    .description('Show what the supervisor of the node does')
    .action(status);
  release
    .command('probe')
    .description('Say which release this is')
    .option('--rehearse', 'run a node of it first, in a directory that vanishes')
    .option('--json', 'print one JSON object')
    .action(async (flags: { json?: boolean; rehearse?: boolean }) => {
      if (flags.rehearse === true) await rehearseOnce();
      const said = await probe();
      tell(flags.json, said, [said.name]);
    });
}

async function rehearseOnce(): Promise<void> {
  const embedder = createMiniLmEmbedder();
  try {
    await rehearse(embedder);
  } finally {
    await embedder.close();
  }
}

function withData(command: Command): Command {
  return command
    .requiredOption('--data <dir>', 'data directory of the node')
    .option('--json', 'print one JSON object');
}

/** The files of a directory that holds a node. */
async function filesOf(data: string): Promise<ReleaseFiles> {
  const paths = dataPaths(data);
  await readNodeFile(paths);
  return releaseFiles(paths.root);
}

async function add(path: string, flags: AddFlags): Promise<void> {
  if (flags.swarm === true) return addToSwarm(path, flags);
  if (flags.data === undefined) {
    throw new ExitError(1, 'error: name the node with --data DIR, or all of them with --swarm');
  }
  const added = await addRelease(await filesOf(flags.data), path);
  tell(flags.json, added, [`${added.name} added from ${added.path}`]);
}

async function addToSwarm(path: string, flags: AddFlags): Promise<void> {
  const target = await targetOf(flags);
  const report = await interruptible((signal) =>
    carry(path, target, progressLine('bytes'), signal),
  );
  const failed = report.members.filter(({ how }) => how === null);
  tell(flags.json, report, [
    `${report.name} (${report.bytes} bytes, sha256 ${report.digest})`,
    ...report.members.map(({ nodeId, how, problem }) => `node ${nodeId}: ${how ?? problem ?? ''}`),
  ]);
  if (failed.length === 0) return;
  const ids = failed.map(({ nodeId }) => nodeId).join(', ');
  throw new ExitError(1, `error: node ${ids} has not got the build; mend that and run this again`);
}

async function fetchBuild(digest: string, flags: Flags): Promise<void> {
  const target = await targetOf({ data: flags.data });
  await interruptible((signal) => fetchOne(digest, target, signal));
  const known = (await readReleases(await filesOf(flags.data))).find(
    (one) => one.digest === digest,
  );
  tell(flags.json, known ?? { digest }, [`${known?.name ?? digest} is here`]);
}

async function list(flags: Flags): Promise<void> {
  const files = await filesOf(flags.data);
  const record = await readRecord(files);
  const releases = (await readReleases(files)).map((each) => ({
    ...each,
    role: roleOf(each.name, record),
  }));
  tell(flags.json, { releases, failed: record?.failed ?? null }, [
    ...releases.map(({ name, role, path }) => `${name}  ${role.padEnd(8)}  ${path}`),
    ...(releases.length === 0 ? ['no releases are known; a supervised start adds its own'] : []),
    ...failureLines(record),
  ]);
}

function roleOf(name: string, record: ReleaseRecord | undefined): string {
  if (record?.current === name) return record.isTrial ? 'trial' : 'current';
  return record?.fallback === name ? 'fallback' : '-';
}

function failureLines(record: Pick<ReleaseRecord, 'failed'> | undefined): string[] {
  const failed = record?.failed ?? null;
  return failed === null ? [] : [`given up: ${failed.release} (${failed.reason})`];
}

async function remove(name: string, flags: Flags): Promise<void> {
  const removed = await removeRelease(await filesOf(flags.data), name);
  tell(flags.json, removed, [`${removed.name} forgotten (${removed.path})`]);
}

async function use(name: string, flags: Flags): Promise<void> {
  const files = await filesOf(flags.data);
  const startedMs = performance.now();
  await askSupervisor(files.socket, { type: 'use', release: name });
  const tookMs = Math.round(performance.now() - startedMs);
  tell(flags.json, { release: name, tookMs }, [`${name} serves, after ${tookMs} ms`]);
}

interface SupervisorStatus extends ReleaseRecord {
  readonly pid: number;
  readonly restarts: number;
  readonly main: ChildStatus | null;
  readonly standby: ChildStatus | null;
}

interface ChildStatus {
  readonly pid: number | null;
  readonly release: string;
  readonly stage: string;
}

async function status(flags: Flags): Promise<void> {
  const { socket } = await filesOf(flags.data);
  const found = (await askSupervisor(socket, { type: 'status' })) as SupervisorStatus;
  tell(flags.json, found, [
    `supervisor: process ${found.pid}, ${found.restarts} restarts`,
    childLine('node', found.main),
    ...(found.standby === null ? [] : [childLine('standby', found.standby)]),
    `fallback: ${found.fallback ?? 'none'}`,
    ...failureLines(found),
  ]);
}

function childLine(what: string, child: ChildStatus | null): string {
  if (child === null) return `${what}: none`;
  return `${what}: ${child.release}, ${child.stage}, process ${child.pid ?? '?'}`;
}

function tell(isJson: boolean | undefined, value: object, lines: readonly string[]): void {
  print(isJson, value, lines.join('\n'));
}
