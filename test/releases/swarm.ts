/** A swarm of supervised nodes. */
import type { SwarmClient } from '../../src/client/index.js';
import { freePort, scratch } from '../e2e/support/directories.js';
import type { NodeProcess, Ready, SpawnOptions } from '../e2e/support/processes.js';
import { connectTo, initSwarm } from '../e2e/support/swarm.js';
import { killNow, processesOf, startSupervised, untilServing } from './supervised.js';

export interface SupervisedSwarm {
  readonly directories: readonly string[];
  readonly supervisors: NodeProcess[];
  /** What each node said when it first served. */
  readonly ready: readonly Ready[];
  readonly client: SwarmClient;
  /** The release that all of them run. */
  readonly first: string;
}

/** `spawnOf`: how the supervisor of the node of that number, from 1, is started. */
export async function startSwarm(
  nodes: number,
  spawnOf: (node: number) => SpawnOptions = () => ({}),
): Promise<SupervisedSwarm> {
  const created = await initSwarm();
  const directories = [created.directory];
  const supervisors = [await startSupervised(['--data', created.directory], spawnOf(1))];
  while (directories.length < nodes) {
    const directory = scratch('node');
    const listen = `127.0.0.1:${await freePort()}`;
    const to = ['--listen', listen, '--join', created.address, '--token', created.joinToken];
    directories.push(directory);
    const spawn = spawnOf(directories.length);
    supervisors.push(await startSupervised(['--data', directory, ...to], spawn));
  }
  const ready = await Promise.all(supervisors.map((one) => one.ready()));
  const client = await connectTo({ ...created, addresses: ready.map(({ address }) => address) });
  const first = (await untilServing(created.directory)).main?.release ?? '';
  return { directories, supervisors, ready, client, first };
}

/** Ends all processes, so that the next swarm has the machine to itself. */
export async function endSwarm({ supervisors, directories }: SupervisedSwarm): Promise<void> {
  for (const supervisor of supervisors) await supervisor.kill();
  // Without their supervisors they drain; nobody waits for that.
  for (const directory of directories) processesOf(directory).forEach(killNow);
}
