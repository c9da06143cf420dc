import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';

import type { Command } from 'commander';
import { z } from 'zod';

import { connectToMember } from '../../nodes/backup/member.js';
import { checkBackup, countRows } from '../../nodes/backup/read.js';
import type { CheckedBackup } from '../../nodes/backup/read.js';
import type { SourceCall } from '../../nodes/snapshots/sources.js';
import { restoreSwarm } from '../../nodes/backup/restore.js';
import { takeBackup } from '../../nodes/backup/take.js';
import { formatPeerAddress, parseHostPort } from '../../transport/identity/index.js';
import { print, targetOf, withOperator } from './connection.js';
import type { ConnectionFlags } from './connection.js';
import { interruptible } from './interruptible.js';
import { progressLine } from './progress-line.js';
import { packageVersion } from '../version.js';

interface JsonFlag {
  readonly json?: boolean;
}

interface RestoreFlags extends JsonFlag {
  readonly data: string;
  readonly listen: string;
  readonly advertise?: string;
}

const ASK_TIMEOUT_MS = 10_000;

/** `swarm backup | restore | check-backup`. */
export function addBackupCommands(swarm: Command): void {
  withOperator(swarm.command('backup'))
    .description('Write what a running swarm holds into one file, through one member')
    .argument('<file>', 'where to; must not be there yet')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nWants the operator token with --peer, or --data. Every write that was acknowledged before the\n' +
        'command began is in the file, and shared documents and available namespaces as that member\n' +
        'has them; it is read again and checked before the command ends.',
    )
    .action(backup);
  swarm
    .command('restore')
    .description('Make a new swarm of one node from a backup; then join others to it')
    .argument('<file>', 'a file of `swarm backup`')
    .requiredOption('--data <dir>', 'directory for the node; must be new or empty')
    .requiredOption('--listen <host:port>', 'UDP address on which the node listens')
    .option('--advertise <host:port>', 'address under which others reach it, if another')
    .option('--json', 'print one JSON object')
    .action(restore);
  swarm
    .command('check-backup')
    .description('Read a backup to its end, check every byte and say what is in it')
    .argument('<file>', 'a file of `swarm backup`')
    .option('--json', 'print one JSON object')
    .action(check);
}

async function backup(file: string, flags: ConnectionFlags & JsonFlag): Promise<void> {
  const target = await targetOf(flags);
  const path = resolve(file);
  await interruptible(async (signal) => {
    const member = await connectToMember(target);
    try {
      const onProgress = progressLine('bytes');
      const { call } = member;
      const now = Date.now;
      const options = { call, path, release: packageVersion(), now, signal, onProgress };
      const { about } = await takeBackup(options);
      if (about.available === undefined) await warnOfAvailable(call, signal);
    } finally {
      await member.close();
    }
    await report(path, flags, signal, `through ${formatPeerAddress(member.peer)}`);
  });
}

/** Names what a member of a release before holds and does not give. */
async function warnOfAvailable(call: SourceCall, signal: AbortSignal): Promise<void> {
  const shape = z.object({ namespaces: z.array(z.object({ name: z.string() })) });
  const asked = call(0, 'available.namespaces', {}, { timeoutMs: ASK_TIMEOUT_MS, signal });
  const answer = shape.safeParse(await asked.catch(() => undefined));
  const names = answer.data?.namespaces.map(({ name }) => name) ?? [];
  if (names.length === 0) return;
  process.stderr.write(
    `warning: available namespaces are not in the backup, as the release of the member does not give ` +
      `them: ${names.join(', ')}\n`,
  );
}

async function check(file: string, flags: JsonFlag): Promise<void> {
  await interruptible((signal) => report(resolve(file), flags, signal, 'whole'));
}

/** Reads the file as a restore would. */
async function report(
  path: string,
  flags: JsonFlag,
  signal: AbortSignal,
  how: string,
): Promise<void> {
  const checked = await checkBackup(path, signal);
  const rows = Object.fromEntries(countRows(path, checked));
  const bytes = (await stat(path)).size;
  const { about, digest } = checked;
  const text = [
    `backup ${path} (${bytes} bytes, ${how})`,
    ...aboutLines(checked),
    `sha256 ${digest}`,
    ...Object.entries(rows).map(([table, count]) => `  ${table} ${count}`),
    `  documents ${about.documents?.count ?? 0}`,
    `  available namespaces ${about.available?.count ?? 0}`,
  ].join('\n');
  print(flags.json, { file: path, bytes, digest, ...about, rows }, text);
}

function aboutLines({ about }: CheckedBackup): string[] {
  const { swarmId, swarmVersion, nodeId, index, takenAtMs, release } = about;
  return [
    `swarm ${swarmId}  version ${swarmVersion}  log index ${index}`,
    `taken ${new Date(takenAtMs).toISOString()} from node ${nodeId} by release ${release}`,
  ];
}

async function restore(file: string, flags: RestoreFlags): Promise<void> {
  const listen = parseHostPort(flags.listen);
  const advertise = flags.advertise === undefined ? listen : parseHostPort(flags.advertise);
  const directory = flags.data;
  const swarm = await interruptible((signal) =>
    restoreSwarm({ file, directory, listen, advertise, signal }),
  );
  const address = formatPeerAddress({ ...advertise, peerId: swarm.peerId });
  const { swarmId, peerId, joinToken, clientToken, operatorToken } = swarm;
  const { about, digest } = swarm.backup;
  const text = [
    `swarm ${swarmId} created in ${directory}, from the backup`,
    ...aboutLines(swarm.backup),
    '',
    'start this node:',
    `  agentic-flow node start --data ${directory}`,
    'join others, each with a directory and an address of its own:',
    `  agentic-flow node start --data DIR --listen HOST:PORT --join '${address}' --token ${joinToken}`,
    'clients use:',
    `  --peer '${address}' --token ${clientToken}`,
    'operators use:',
    `  --peer '${address}' --token ${operatorToken}`,
    '',
    'The tokens are shown this once. Tokens, nodes and sessions of the old swarm are not valid here.',
  ].join('\n');
  const tokens = { joinToken, clientToken, operatorToken };
  const result = { swarmId, peerId, address, ...tokens, backup: { ...about, digest } };
  print(flags.json, result, text);
}
