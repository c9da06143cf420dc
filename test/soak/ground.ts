/**
 * Where the processes run: on the loopback of this machine, or each node in a network namespace of its own
 * with a relay between them that can cut them off. In the second case this program runs itself again
 * within the namespace of the clients, so that everything it starts and asks is on the same ground.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { z } from 'zod';

import type { FaultAction } from '../../sim/nemesis/index.js';
import { reliableNetwork } from '../../sim/world/index.js';
import { freePort } from '../../examples/rolling-migration/ports.js';
import { limits as chaosLimits } from '../../src/chaos/limits.js';
import { Star, obstacle, removeLeftovers } from '../../src/chaos/namespaces.js';
import { clientsPlace, nodePlaces, spokeOf } from '../../src/chaos/places.js';
import type { RelaySettings } from '../../src/chaos/relay.js';
import { Remote } from '../../src/chaos/remote.js';
import { fileURLToPath } from 'node:url';

const RELAY = fileURLToPath(new URL('../../src/chaos/relay.js', import.meta.url));
/** Names of the namespaces, for the program within one of them. */
const VARIABLE = 'AGENTIC_FLOW_SOAK_GROUND';

const namesSchema = z.object({ hub: z.string(), nodes: z.record(z.string(), z.string()) });

export interface Ground {
  /** A command before the command of a node: `ip netns exec NAME`. */
  prefixOf(name: string): readonly string[];
  /** Options of `swarm init` and of a node that joins. */
  addressOf(name: string): Promise<readonly string[]>;
  /** Does something to the network; rejects on the loopback. */
  apply(action: FaultAction): Promise<void>;
  close(): void;
}

export class Loopback implements Ground {
  prefixOf(): readonly string[] {
    return [];
  }

  async addressOf(): Promise<readonly string[]> {
    return ['--listen', `127.0.0.1:${await freePort()}`];
  }

  async apply({ kind }: FaultAction): Promise<void> {
    throw new Error(`the loopback knows no ${kind}`);
  }

  close(): void {
    // Nothing was made.
  }
}

class Namespaces implements Ground {
  readonly #names: z.infer<typeof namesSchema>;
  readonly #relay: Remote;

  constructor(names: z.infer<typeof namesSchema>, settings: RelaySettings) {
    this.#names = names;
    this.#relay = new Remote(names.hub, RELAY, [JSON.stringify(settings)]);
  }

  async open(): Promise<void> {
    await this.#relay.call('open');
  }

  prefixOf(name: string): readonly string[] {
    return ['ip', 'netns', 'exec', this.#names.nodes[name] ?? ''];
  }

  async addressOf(name: string): Promise<readonly string[]> {
    const places = nodePlaces(Object.keys(this.#names.nodes).length);
    const place = places.find((each) => each.name === name);
    if (place === undefined) throw new Error(`there is no place for ${name}`);
    const port = chaosLimits.nodePort;
    return ['--listen', `${place.inside}:${port}`, '--advertise', `${place.outside}:${port}`];
  }

  async apply(action: FaultAction): Promise<void> {
    await this.#relay.call('apply', { action });
  }

  close(): void {
    this.#relay.kill();
  }
}

/** The ground that the environment of this process names; undefined when it names none. */
export async function groundWithin(seed: number): Promise<Ground | undefined> {
  const told = process.env[VARIABLE];
  if (told === undefined) return undefined;
  const names = namesSchema.parse(JSON.parse(told));
  const nodes = nodePlaces(Object.keys(names.nodes).length);
  const ground = new Namespaces(names, {
    seed,
    nodes,
    others: [clientsPlace],
    options: reliableNetwork,
  });
  await ground.open();
  return ground;
}

/** Makes the namespaces and runs this program within them; resolves with its exit code. */
export async function runWithinNamespaces(nodes: number): Promise<number> {
  const why = obstacle();
  if (why !== undefined) throw new Error(`--partitions: ${why}`);
  removeLeftovers();
  const places = nodePlaces(nodes);
  const star = new Star('hub', [...places, clientsPlace].map(spokeOf));
  const remove = (): void => star.remove();
  process.once('exit', remove);
  try {
    star.create(chaosLimits.mtuBytes);
    for (const { outside } of [...places, clientsPlace]) star.addHubAddress(outside);
    const names = {
      hub: star.hub,
      nodes: Object.fromEntries(places.map(({ name }) => [name, star.namespaceOf(name)])),
    };
    const within = ['netns', 'exec', star.namespaceOf(clientsPlace.name), process.execPath];
    const child = spawn('ip', [...within, ...process.argv.slice(1)], {
      stdio: 'inherit',
      env: { ...process.env, [VARIABLE]: JSON.stringify(names) },
    });
    // Ctrl-C reaches the child as well, which ends what it started and then itself.
    const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
    process.on('SIGTERM', pass);
    process.on('SIGINT', () => undefined);
    const [code] = (await once(child, 'exit')) as [number | null];
    return code ?? 1;
  } finally {
    process.off('exit', remove);
    star.remove();
  }
}
