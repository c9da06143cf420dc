import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';

import {
  SESSION_TIMEOUT_MS_MAX,
  SESSION_TIMEOUT_MS_MIN,
} from '../../nodes/control-plane/limits.js';
import { initSwarm } from '../../nodes/create.js';
import { formatPeerAddress, parseHostPort } from '../../transport/identity/index.js';
import type { Member, SwarmStatus } from '../client/index.js';
import { addBackupCommands } from './backup.js';
import { print, withClient, withConnection, withOperator } from './connection.js';
import type { ConnectionFlags } from './connection.js';
import { addMembershipCommands } from './membership.js';
import { numberOf } from './number.js';
import { rolloutLines } from './rollout-text.js';
import { addHealthCommand } from './swarm-health.js';
import { addUpCommand } from './up.js';

interface InitFlags {
  readonly data: string;
  readonly from?: string;
  readonly listen: string;
  readonly advertise?: string;
  readonly sessionTimeout?: number;
  readonly json?: boolean;
}

/** `swarm init | status | health | remove`, and what concerns backups. */
export function addSwarmCommands(program: Command): void {
  const swarm = program.command('swarm').description('Create a swarm and look at it');
  swarm
    .command('init')
    .description('Create a swarm of one node; start it with `node start`, then join others to it')
    .requiredOption('--data <dir>', 'directory for the node; must be new or empty')
    .option('--from <v1-dir>', 'v1 installation to serve; copied, never changed')
    .requiredOption('--listen <host:port>', 'UDP address on which the node listens')
    .option('--advertise <host:port>', 'address under which others reach it, if another')
    .option(
      '--session-timeout <seconds>',
      'forget client sessions that nobody used for so long (3600)',
      sessionTimeoutOf,
    )
    .option('--json', 'print one JSON object')
    .action(init);
  withConnection(swarm.command('status'))
    .description('Show members, leader, engines and the rollout')
    .option('--json', 'print one JSON object')
    .action(status);
  addHealthCommand(swarm);
  withOperator(swarm.command('remove'))
    .description('Remove a member that will not come back; it loses its vote')
    .argument('<node-id>', 'node id, as `swarm status` shows it', numberOf)
    .option('--json', 'print one JSON object')
    .action(remove);
  addMembershipCommands(swarm);
  addBackupCommands(swarm);
  addUpCommand(swarm);
}

/** Whole seconds in the bounds of the replicated state. */
function sessionTimeoutOf(text: string): number {
  const [min, max] = [SESSION_TIMEOUT_MS_MIN / 1_000, SESSION_TIMEOUT_MS_MAX / 1_000];
  const seconds = numberOf(text);
  if (Number.isInteger(seconds) && seconds >= min && seconds <= max) return seconds;
  throw new InvalidArgumentError(`It must be ${min} to ${max} whole seconds.`);
}

async function init(flags: InitFlags): Promise<void> {
  const listen = parseHostPort(flags.listen);
  const advertise = flags.advertise === undefined ? listen : parseHostPort(flags.advertise);
  const { from, sessionTimeout } = flags;
  const swarm = await initSwarm({
    directory: flags.data,
    listen,
    advertise,
    ...(from === undefined ? {} : { from }),
    ...(sessionTimeout === undefined ? {} : { sessionTimeoutMs: sessionTimeout * 1_000 }),
  });
  const address = formatPeerAddress({ ...advertise, peerId: swarm.peerId });
  const { swarmId, peerId, joinToken, clientToken, operatorToken, notCarried } = swarm;
  const text = [
    `swarm ${swarmId} created in ${flags.data}`,
    flags.from === undefined ? 'version 2, empty' : `version 1, with the memories of ${flags.from}`,
    '',
    'start this node:',
    `  agentic-flow node start --data ${flags.data}`,
    'join others, each with a directory and an address of its own:',
    `  agentic-flow node start --data DIR --listen HOST:PORT --join '${address}' --token ${joinToken}`,
    'clients use:',
    `  --peer '${address}' --token ${clientToken}`,
    'operators (rollouts, members, tokens, backups) use, unless by --data of a node:',
    `  --peer '${address}' --token ${operatorToken}`,
    '',
    'The tokens are shown this once; the swarm keeps only their hashes.',
    ...(notCarried.length === 0 ? [] : ['', 'Not carried by this release, left where it is:']),
    ...notCarried.map(({ path, kind }) => `  ${path} (${kind})`),
  ].join('\n');
  const stores = notCarried.map(({ path, kind }) => ({ path, kind }));
  const tokens = { joinToken, clientToken, operatorToken };
  const result = { swarmId, peerId, address, ...tokens, notCarried: stores };
  print(flags.json, result, text);
}

async function status(flags: ConnectionFlags & { json?: boolean }): Promise<void> {
  await withClient(flags, async (client) => {
    const answer = await client.status();
    print(flags.json, answer, statusText(answer));
  });
}

function statusText(status: SwarmStatus): string {
  const lines = [
    `swarm ${status.swarmId}  version ${status.swarmVersion}  term ${status.term}  ` +
      `applied ${status.appliedIndex}`,
    '',
    'node  role      engine  status    reach  gossip   address',
    ...status.members.map((member) => memberLine(member, status.leader)),
    ...leaderLines(status),
  ];
  const { counts, rollout } = status;
  if (counts !== null) {
    lines.push(
      '',
      `memories ${counts.memories}  links ${counts.links}  trajectories ${counts.trajectories}  ` +
        `entries ${counts.entries}  quarantined ${counts.quarantined}`,
    );
  }
  if (rollout !== null) lines.push('', ...rolloutLines(rollout));
  return lines.join('\n');
}

/** What to do where nobody leads, as far as the node that answers can tell. */
function leaderLines({ leader, members }: SwarmStatus): string[] {
  if (leader !== 0) return [];
  const voters = members.filter(({ voter }) => voter);
  const reached = voters.filter(isReached).length;
  const needed = Math.floor(voters.length / 2) + 1;
  const counts = `${reached} of ${voters.length} voters ${reached === 1 ? 'is' : 'are'} reached`;
  const wait = `there is no leader: ${counts} from this node, ${needed} are needed`;
  if (reached >= needed) return ['', `${wait}; one is about to be elected`];
  return [
    '',
    `${wait}; until then nothing can be written`,
    'start another voter (`agentic-flow node start --data DIR`); what this node holds can be read with --local;',
    'if the disks of the others are lost for good, see `agentic-flow recover --help`',
  ];
}

/** A connection to one that was killed is there for a while. */
function isReached({ reachable, gossip }: Member): boolean {
  return reachable && gossip?.status !== 'dead' && gossip?.status !== 'left';
}

function memberLine(member: Member, leader: number): string {
  const voterRole = member.nodeId === leader ? 'leader' : 'follower';
  const role = member.voter ? voterRole : 'learner';
  return [
    String(member.nodeId).padEnd(4),
    role.padEnd(8),
    member.engine.padEnd(6),
    standing(member).padEnd(8),
    (member.reachable ? 'yes' : 'no').padEnd(5),
    (member.gossip?.status ?? 'unknown').padEnd(7),
    formatPeerAddress(member),
    ...(member.zone === '' ? [] : [`zone ${member.zone}`]),
    ...(member.replaces === null ? [] : [`replaces ${member.replaces}`]),
  ].join('  ');
}

function standing({ leaving, drained, cordoned, status }: Member): string {
  if (status === 'removing') return status;
  if (leaving) return 'leaving';
  if (drained) return 'drained';
  return cordoned ? 'cordoned' : status;
}

async function remove(nodeId: number, flags: ConnectionFlags & { json?: boolean }): Promise<void> {
  await withClient(flags, async (client) => {
    await client.removeMember(nodeId);
    print(flags.json, { removed: nodeId }, `node ${nodeId} is no member any more`);
  });
}
