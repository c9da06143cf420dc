import { setTimeout as pause } from 'node:timers/promises';

import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';

import { VOTERS_WANTED } from '../../nodes/control-plane/limits.js';
import type { TokenKind } from '../../nodes/control-plane/membership.js';
import { newToken } from '../../nodes/create.js';
import { hashToken } from '../../nodes/service/access.js';
import { ClientError } from '../client/index.js';
import type { SwarmClient } from '../client/index.js';
import { print, withClient, withOperator } from './connection.js';
import type { ConnectionFlags } from './connection.js';
import { ExitError, messageFor } from './failure.js';
import { numberOf } from './number.js';

type Flags = ConnectionFlags & { readonly json?: boolean };

interface WaitFlags extends Flags {
  readonly wait: number;
}

const WAIT_SECONDS = 60;
const POLL_MS = 200;

/** `swarm set-voters | drain | undrain | leave | replace | rotate-token`. */
export function addMembershipCommands(swarm: Command): void {
  withOperator(swarm.command('set-voters'))
    .description('Say how many members vote; all others are learners that hold everything')
    .argument('<n>', `${VOTERS_WANTED.filter((n) => n > 0).join(', ')}, or all`, votersOf)
    .option('--gone-after <seconds>', 'replace a voter that is silent for so long (30)', numberOf)
    .option('--json', 'print one JSON object')
    .action(setVoters);
  withOperator(swarm.command('drain'))
    .description('Move leadership and vote away from a member, before work on its machine')
    .argument('<node-id>', 'node id, as `swarm status` shows it', numberOf)
    .option('--wait <seconds>', 'how long to wait until it leads no more', numberOf, WAIT_SECONDS)
    .option('--json', 'print one JSON object')
    .action(drain);
  withOperator(swarm.command('undrain'))
    .description('Let a member lead and vote again; also takes back `leave`')
    .argument('<node-id>', 'node id, as `swarm status` shows it', numberOf)
    .option('--json', 'print one JSON object')
    .action(undrain);
  withOperator(swarm.command('leave'))
    .description('Let a member go for good: leadership and vote move, then its process ends')
    .argument('<node-id>', 'node id, as `swarm status` shows it', numberOf)
    .option('--wait <seconds>', 'how long to wait until it is gone', numberOf, WAIT_SECONDS)
    .option('--json', 'print one JSON object')
    .action(leave);
  withOperator(swarm.command('replace'))
    .description('Let one member take the place of another, which is removed then')
    .argument('<old-id>', 'the member that goes; it may be dead', numberOf)
    .argument('<new-id>', 'the member that stays', numberOf)
    .option(
      '--wait <seconds>',
      'how long to wait until the old one is gone',
      numberOf,
      WAIT_SECONDS,
    )
    .option('--json', 'print one JSON object')
    .action(replace);
  withOperator(swarm.command('rotate-token'))
    .description('Make a new token; the one before is valid no more for who comes from now on')
    .argument('[kind]', 'client, join or operator', kindOf)
    .option('--kind <kind>', 'the same as an option', kindOf)
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nMembers need no token: they are known by their keys. Clients that are connected stay so\n' +
        'until their connection ends; operators may steer nothing from then on. A swarm of a release\n' +
        'before has no operator token: its join token counts as one, and its client token steers\n' +
        'rollouts, until `rotate-token operator` makes one.',
    )
    .action(rotateToken);
}

function votersOf(text: string): number {
  const wanted = text === 'all' ? 0 : numberOf(text);
  if (VOTERS_WANTED.includes(wanted) && text !== '0') return wanted;
  throw new InvalidArgumentError('It must be 1, 3, 5, 7 or all.');
}

function kindOf(text: string): TokenKind {
  if (text === 'client' || text === 'join' || text === 'operator') return text;
  throw new InvalidArgumentError('It must be client, join or operator.');
}

async function setVoters(wanted: number, flags: Flags & { goneAfter?: number }): Promise<void> {
  await withClient(flags, async (client) => {
    const goneAfter = flags.goneAfter === undefined ? {} : { goneAfterMs: flags.goneAfter * 1_000 };
    const voters = await client.membership.setVoters(wanted, goneAfter);
    const who = voters.wanted === 0 ? 'all members' : `${voters.wanted} members`;
    const seconds = voters.goneAfterMs / 1_000;
    print(flags.json, { voters }, `${who} vote; one that is silent for ${seconds} s is replaced`);
  });
}

async function drain(nodeId: number, flags: WaitFlags): Promise<void> {
  await withClient(flags, async (client) => {
    const result = await drained(client, nodeId, flags.wait);
    const { leader, voter } = result;
    const vote = voter ? 'it keeps its vote until another member can take it' : 'it does not vote';
    print(flags.json, result, `node ${nodeId} is drained: node ${leader} leads, ${vote}`);
  });
}

/** Throws `ExitError` when the member leads on: its machine must not be worked on yet. */
export async function drained(
  client: Pick<SwarmClient, 'membership' | 'status'>,
  nodeId: number,
  seconds: number,
): Promise<{ nodeId: number; drained: true; leader: number; voter: boolean }> {
  await client.membership.drain(nodeId, true);
  const isDone = async (): Promise<boolean> => {
    const { leader, members } = await client.status();
    const others = members.some((one) => one.voter && !one.cordoned && one.status === 'up');
    return leader !== 0 && (leader !== nodeId || !others);
  };
  await until(seconds, `node ${nodeId} still leads; it is drained as soon as another can`, isDone);
  const { leader, members } = await client.status();
  if (leader === nodeId) {
    throw new ExitError(
      1,
      `node ${nodeId} still leads, since nobody else can. The wish is kept: it is drained as soon as ` +
        'another voter serves; look at `swarm status`',
    );
  }
  const voter = members.find((one) => one.nodeId === nodeId)?.voter === true;
  return { nodeId, drained: true, leader, voter };
}

async function undrain(nodeId: number, flags: Flags): Promise<void> {
  await withClient(flags, async (client) => {
    await client.membership.drain(nodeId, false);
    print(flags.json, { nodeId, drained: false }, `node ${nodeId} may lead and vote again`);
  });
}

async function leave(nodeId: number, flags: WaitFlags): Promise<void> {
  await withClient(flags, async (client) => {
    await client.membership.leave(nodeId);
    await untilGone(client, nodeId, flags.wait);
    print(flags.json, { left: nodeId }, `node ${nodeId} has left the swarm; remove its directory`);
  });
}

async function replace(oldId: number, newId: number, flags: WaitFlags): Promise<void> {
  await withClient(flags, async (client) => {
    await client.membership.replace(oldId, newId);
    await untilGone(client, oldId, flags.wait);
    const result = { removed: oldId, successor: newId };
    print(flags.json, result, `node ${newId} has taken the place of node ${oldId}`);
  });
}

async function untilGone(client: SwarmClient, nodeId: number, seconds: number): Promise<void> {
  const message =
    `node ${nodeId} is still a member: its vote moves as soon as another member has caught up and a ` +
    'majority of the voters answers. The wish is kept; look at `swarm status`';
  await until(seconds, message, async () => {
    try {
      const { members } = await client.status();
      return members.every((member) => member.nodeId !== nodeId);
    } catch (error) {
      // Asked with the key of the member that left, which nobody knows any more.
      if (error instanceof ClientError && error.code === 'permission-denied') return true;
      // Whom it has asked so far may be the one that is gone: it is waited as long as was said.
      if (error instanceof ClientError && error.code === 'deadline-exceeded') return false;
      throw error;
    }
  });
}

async function until(
  seconds: number,
  message: string,
  isDone: () => Promise<boolean>,
): Promise<void> {
  const deadlineMs = performance.now() + seconds * 1_000;
  while (!(await isDone())) {
    if (performance.now() > deadlineMs) throw new ExitError(1, message);
    await pause(POLL_MS);
  }
}

async function rotateToken(
  argument: TokenKind | undefined,
  flags: Flags & { readonly kind?: TokenKind },
): Promise<void> {
  const which = argument ?? flags.kind;
  if (which === undefined || (flags.kind ?? which) !== which) {
    throw new ExitError(
      1,
      'error: say which token is to be a new one: client, join or operator. Nothing was changed',
    );
  }
  await withClient(flags, async (client) => {
    const token = await rotatedToken(client, which);
    const text = [
      `the ${which} token is now ${token}`,
      'It is shown this once; the swarm keeps only its hash. The one before is valid no more.',
    ].join('\n');
    print(flags.json, { which, token }, text);
  });
}

/** The new token. Throws `ExitError` with it when nobody knows whether the swarm has taken it. */
export async function rotatedToken(
  client: Pick<SwarmClient, 'membership'>,
  which: TokenKind,
): Promise<string> {
  const token = newToken(which);
  try {
    await client.membership.setToken(which, hashToken(token));
    return token;
  } catch (error) {
    if (error instanceof ClientError && error.isWithoutEffect) throw error;
    // Whatever the code: an attempt whose answer was lost may have made the next one a stranger's.
    throw new ExitError(
      1,
      `error: ${messageFor(error)}\n` +
        `The swarm may have taken the new token before its answer was lost. If it refuses the ${which} ` +
        `token from before, the token is ${token}, which is shown this once`,
    );
  }
}
