/** How a command reaches a swarm: through the node of a directory, or a peer and a token. */
import type { Command } from 'commander';

import { dataPaths, readIdentity, readNodeFile } from '../../nodes/data-directory.js';
import { parsePeerAddress } from '../../transport/identity/index.js';
import type { Identity } from '../../transport/identity/index.js';
import type { PeerAddress } from '../../transport/rpc/rpc.js';
import { SwarmClient } from '../client/index.js';
import { ExitError } from './failure.js';

export interface ConnectionFlags {
  readonly data?: string;
  readonly peer?: string[];
  readonly token?: string;
}

/** Adds the options that say which swarm is meant. */
export function withConnection(command: Command): Command {
  return withSwarm(command, 'client');
}

/** The same for what steers a swarm, which the client token does not open. */
export function withOperator(command: Command): Command {
  return withSwarm(command, 'operator');
}

function withSwarm(command: Command, token: 'client' | 'operator'): Command {
  return command
    .option('--data <dir>', 'data directory of a node on this machine (or AGENTIC_FLOW_DATA)')
    .option('--peer <host:port#peerid...>', 'address of one or more members, instead of --data')
    .option('--token <token>', `${token} token of the swarm, with --peer (or AGENTIC_FLOW_TOKEN)`);
}

/**
 * Runs `work` with a client of the swarm that the flags name, and closes it in any case. `work` gets the
 * peer id of the node of the directory, or of the first of the given peers.
 */
export async function withClient<T>(
  flags: ConnectionFlags,
  work: (client: SwarmClient, peerId: string) => Promise<T>,
): Promise<T> {
  return withTarget(await targetOf(flags), work);
}

/**
 * Like `withClient`, for a question that one node must answer by itself: the node of the directory,
 * or the first of the given peers. `work` gets its peer id.
 */
export async function withOneNode<T>(
  flags: ConnectionFlags,
  work: (client: SwarmClient, peerId: string) => Promise<T>,
): Promise<T> {
  const target = await targetOf(flags);
  return withTarget({ ...target, seeds: target.seeds.slice(0, 1) }, work);
}

async function withTarget<T>(
  target: Target,
  work: (client: SwarmClient, peerId: string) => Promise<T>,
): Promise<T> {
  const client = await SwarmClient.connect(target);
  try {
    return await work(client, target.seeds[0]?.peerId ?? '');
  } finally {
    await client.close();
  }
}

export interface Target {
  readonly seeds: readonly PeerAddress[];
  readonly token: string | null;
  readonly identity?: Identity;
}

/** Whom the flags name. Throws `ExitError` when they name nobody. */
export async function targetOf(flags: ConnectionFlags): Promise<Target> {
  const token = flags.token ?? process.env['AGENTIC_FLOW_TOKEN'] ?? null;
  if (flags.peer !== undefined) return { seeds: flags.peer.map(parsePeerAddress), token };
  const directory = flags.data ?? process.env['AGENTIC_FLOW_DATA'];
  if (directory === undefined) {
    throw new ExitError(
      1,
      'error: name the swarm: --data DIR, or --peer HOST:PORT#PEERID --token T',
    );
  }
  const paths = dataPaths(directory);
  const file = await readNodeFile(paths);
  const own: PeerAddress = { ...file.advertise, peerId: file.peerId };
  const others = file.members.filter(({ peerId }) => peerId !== file.peerId);
  const identity = await readIdentity(paths);
  return { seeds: [own, ...others], token, identity };
}

/** Prints one result: JSON alone, or the text for people. */
export function print(json: boolean | undefined, value: unknown, text: string): void {
  process.stdout.write(json === true ? `${JSON.stringify(value)}\n` : `${text}\n`);
}
