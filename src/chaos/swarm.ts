/** The swarm under test: real node processes, each in a network namespace of its own. */
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { ChaosError } from './errors.js';
import { limits } from './limits.js';
import type { Star } from './namespaces.js';
import { NodeProcess } from './node-process.js';
import type { Place } from './places.js';

const createdSchema = z.object({
  address: z.string(),
  joinToken: z.string(),
  clientToken: z.string(),
});

export interface SwarmOptions {
  readonly star: Star;
  readonly places: readonly Place[];
  /** Gets a directory for each node, and `logs`. */
  readonly directory: string;
  readonly program: string;
}

/** What `swarm init` printed. */
export type Created = z.infer<typeof createdSchema>;

export class Swarm {
  readonly nodes: ReadonlyMap<string, NodeProcess>;
  /** A sentence for each process that ended by itself. */
  readonly deaths: string[] = [];
  readonly #options: SwarmOptions;

  constructor(options: SwarmOptions) {
    this.#options = options;
    const { star, places, directory, program } = options;
    mkdirSync(join(directory, 'logs'), { recursive: true });
    const died = (sentence: string): void => void this.deaths.push(sentence);
    this.nodes = new Map(
      places.map(({ name }) => {
        const namespace = star.namespaceOf(name);
        const logPath = join(directory, 'logs', `${name}.log`);
        return [name, new NodeProcess({ name, namespace, program, logPath, died })];
      }),
    );
  }

  /** Creates the swarm in the directory of the first node, and starts that node. */
  async create(): Promise<Created> {
    const { star, places, program } = this.#options;
    const [first] = places as readonly [Place];
    const command = ['swarm', 'init', '--data', this.#dataOf(first.name), '--json'];
    const args = [...command, ...addresses(first)];
    const namespace = star.namespaceOf(first.name);
    const run = promisify(execFile);
    const within = ['netns', 'exec', namespace, process.execPath, program];
    const { stdout } = await run('ip', [...within, ...args]).catch((error: unknown) => {
      const text = error instanceof Error ? error.message : String(error);
      throw new ChaosError('no-swarm', `no swarm could be created: ${text}`);
    });
    this.start(first.name);
    return createdSchema.parse(JSON.parse(stdout));
  }

  /** Starts the other nodes, which join the first one. */
  join({ address, joinToken }: Created): void {
    for (const place of this.#options.places.slice(1)) {
      const joining = ['--join', address, '--token', joinToken];
      const starting = ['node', 'start', '--data', this.#dataOf(place.name)];
      this.nodeOf(place.name).start([...starting, ...addresses(place), ...joining]);
    }
  }

  /** Starts a node that has joined; false when it runs already. */
  start(name: string): boolean {
    return this.nodeOf(name).start(['node', 'start', '--data', this.#dataOf(name)]);
  }

  nodeOf(name: string): NodeProcess {
    const node = this.nodes.get(name);
    if (node === undefined) throw new ChaosError('bad-input', `there is no node ${name}`);
    return node;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.nodes.values()].map((node) => node.stop()));
  }

  /** The last resort, from a place where nothing can be awaited. */
  killNow(): void {
    for (const node of this.nodes.values()) node.killNow();
  }

  #dataOf(name: string): string {
    return join(this.#options.directory, name);
  }
}

function addresses({ inside, outside }: Place): string[] {
  const port = limits.nodePort;
  return ['--listen', `${inside}:${port}`, '--advertise', `${outside}:${port}`];
}
