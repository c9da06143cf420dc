import type { Command } from 'commander';

import { dataPaths } from '../../nodes/data-directory.js';
import { recoverDirectory } from '../../nodes/recovery/recover.js';
import type { RecoveryReport } from '../../nodes/recovery/recover.js';
import type { RecoveryMember, RecoverySituation } from '../../nodes/recovery/plan.js';
import { print } from './connection.js';
import { ExitError } from './failure.js';

interface RecoverFlags {
  readonly acceptDataLoss?: boolean;
  readonly othersMayLive?: boolean;
  readonly json?: boolean;
}

const NOTHING_DONE_EXIT_CODE = 2;

/** `recover DIR`: the last resort when a majority of the voters is gone for good. */
export function addRecoverCommand(program: Command): void {
  program
    .command('recover')
    .description('LAST RESORT: make a node whose quorum is lost for good the only member')
    .argument('<dir>', 'data directory of a stopped node')
    .option('--accept-data-loss', 'do it; without this the command only says what it would do')
    .option('--others-may-live', 'do it although other members answer at their addresses')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nUse it only when a majority of the voters can never be started again: as long as one more\n' +
        'can, start that one instead. Acknowledged writes that this node had not received are lost.\n' +
        'The members that are removed must never be started again with their old directories.\n' +
        'If several nodes survived, recover the one with the highest last term, then last index.\n\n' +
        'Exit codes: 0 recovered; 1 refused or failed; 2 nothing was done, for want of\n' +
        '--accept-data-loss.',
    )
    .action(recover);
}

async function recover(directory: string, flags: RecoverFlags): Promise<void> {
  const paths = dataPaths(directory);
  const acceptDataLoss = flags.acceptDataLoss === true;
  const othersMayLive = flags.othersMayLive === true;
  const report = await recoverDirectory(paths, { acceptDataLoss, othersMayLive });
  const { situation, answering, backup } = report;
  const json = { done: acceptDataLoss, directory: paths.root, backup, answering, ...situation };
  const text = [...situationLines(report, paths.root), '', ...outcomeLines(report, paths.root)];
  print(flags.json, json, text.join('\n'));
  if (acceptDataLoss) return;
  throw new ExitError(
    NOTHING_DONE_EXIT_CODE,
    'nothing was done: add --accept-data-loss to make this node the only member',
  );
}

function situationLines({ situation, answering }: RecoveryReport, root: string): string[] {
  const { swarmId, nodeId, term, lastTerm, lastIndex, commitIndex, members } = situation;
  return [
    `swarm ${swarmId}`,
    `node ${nodeId} in ${root}`,
    `term ${term}  last entry ${lastIndex} of term ${lastTerm}  commit index ${commitIndex}`,
    '',
    'members, as this log last saw them:',
    ...members.map((member) => {
      const answers = answering.includes(member.nodeId) ? '  IT ANSWERS NOW' : '';
      return memberLine(member, nodeId) + answers;
    }),
    '',
    ...lossLines(situation),
  ];
}

function memberLine(member: RecoveryMember, self: number): string {
  const { nodeId, peerId, host, port, status, voter } = member;
  const fate = nodeId === self ? 'this node, stays' : 'is removed';
  const address = peerId === '' ? '' : `  ${host}:${port}#${peerId}`;
  const role = voter ? 'voter' : 'learner';
  return `  ${String(nodeId).padEnd(4)} ${role.padEnd(8)} ${status.padEnd(8)} ${fate}${address}`;
}

function lossLines(situation: RecoverySituation): string[] {
  const { uncommittedEntries, uncommittedWrites, lastIndex, rollout } = situation;
  const beyond =
    uncommittedEntries === 0
      ? 'No entry of this log is beyond the commit index.'
      : `Entries beyond the commit index: ${uncommittedEntries}, of them writes: ${uncommittedWrites}. ` +
        'They are kept and count as committed, though a majority may never have had them: writes ' +
        'that clients were not promised may appear.';
  return [
    beyond,
    `What may be lost: every write that the other members acknowledged after entry ${lastIndex}, ` +
      'the last one that this node received. Nothing here tells how many there are.',
    ...(rollout === null
      ? []
      : [`Rollout ${rollout} is running and is aborted: the node answers from v1 again.`]),
  ];
}

function outcomeLines({ situation, peerId, backup }: RecoveryReport, root: string): string[] {
  const { nodeId, removed, members } = situation;
  const self = members.find((member) => member.nodeId === nodeId);
  const others = removed.join(', ');
  if (backup === null) {
    return [
      `With --accept-data-loss: node ${nodeId} becomes the only voter, and ${others} are members no more.`,
    ];
  }
  return [
    `DONE: node ${nodeId} is the only member of its swarm. Members no more: ${others}.`,
    `The log of before is in ${backup}.`,
    '',
    `NEVER start ${others} again with their old directories: together they could still elect a leader`,
    'and go on as a second swarm. Remove those directories.',
    '',
    'start this node:',
    `  agentic-flow node start --data ${root}`,
    'join others, each with a new directory:',
    `  agentic-flow node start --data NEW_DIR --listen HOST:PORT \\`,
    `    --join '${self?.host ?? 'HOST'}:${self?.port ?? 'PORT'}#${peerId}' --token JOIN_TOKEN`,
  ];
}
