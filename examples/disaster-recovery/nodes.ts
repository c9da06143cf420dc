/** Node processes of a swarm that will be lost, and of the one that comes after it. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { z } from 'zod';

import { SwarmClient } from '../../src/client/index.js';
import { parsePeerAddress } from '../../transport/identity/index.js';
import { Child, runToEnd } from '../rolling-migration/child.js';
import type { Launch } from '../rolling-migration/child.js';
import { freePort } from '../rolling-migration/ports.js';

export const COMMAND = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const HOST = '127.0.0.1';
const START_TIMEOUT_MS = 60_000;

const createdSchema = z.object({
  swarmId: z.string(),
  address: z.string(),
  joinToken: z.string(),
  clientToken: z.string(),
});

const readySchema = z.object({
  event: z.literal('ready'),
  peerId: z.string(),
  address: z.string(),
});

export interface RunningNode {
  readonly directory: string;
  readonly peerId: string;
  readonly address: string;
  readonly child: Child;
}

export class Nodes {
  readonly running: RunningNode[] = [];
  readonly #clients = new Set<SwarmClient>();

  private constructor(
    readonly root: string,
    readonly name: string,
    readonly created: z.infer<typeof createdSchema>,
    readonly launch: Launch,
  ) {}

  /** Creates a swarm by `swarm init`, or by `swarm restore` from a file, and starts so many nodes. */
  static async start(
    options: { root: string; name: string; nodes: number; backup?: string; launch?: Launch },
    register: (nodes: Nodes) => void,
  ): Promise<Nodes> {
    const { root, name, nodes: count, backup, launch = {} } = options;
    const first = join(root, `${name}-1`);
    const make = backup === undefined ? ['init'] : ['restore', backup];
    const place = ['--data', first, '--listen', `${HOST}:${await freePort()}`, '--json'];
    const printed = await runToEnd('swarm', COMMAND, ['swarm', ...make, ...place]);
    const nodes = new Nodes(root, name, createdSchema.parse(JSON.parse(printed)), launch);
    register(nodes);
    await nodes.#startNode(first, []);
    await nodes.join(count);
    return nodes;
  }

  /** Joins new nodes until there are so many. */
  async join(count: number): Promise<void> {
    const { address, joinToken } = this.created;
    while (this.running.length < count) {
      const listen = ['--listen', `${HOST}:${await freePort()}`];
      const joining = [...listen, '--join', address, '--token', joinToken];
      await this.#startNode(join(this.root, `${this.name}-${this.running.length + 1}`), joining);
    }
  }

  async connect(): Promise<SwarmClient> {
    const seeds = this.running.map(({ address }) => parsePeerAddress(address));
    const client = await SwarmClient.connect({ seeds, token: this.created.clientToken });
    this.#clients.add(client);
    return client;
  }

  /** SIGKILL to all; clients are closed after that, so that nothing ends in an orderly way. */
  async kill(): Promise<void> {
    this.killNow();
    await Promise.all(this.running.map(({ child }) => child.exited));
    for (const client of this.#clients) await client.close();
    this.#clients.clear();
  }

  killNow(): void {
    for (const { child } of this.running) child.signal('SIGKILL');
  }

  async #startNode(directory: string, more: readonly string[]): Promise<void> {
    const args = ['node', 'start', '--data', directory, '--json', ...more];
    const child = new Child(directory, COMMAND, args, `${directory}.log`, this.launch);
    const { peerId, address } = await child.line(readReady, START_TIMEOUT_MS);
    this.running.push({ directory, peerId, address, child });
  }
}

function readReady(line: string): z.infer<typeof readySchema> | undefined {
  return line.startsWith('{') ? readySchema.safeParse(JSON.parse(line)).data : undefined;
}
