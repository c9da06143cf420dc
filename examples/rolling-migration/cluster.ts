/** The node processes of the swarm, started by the same commands that a user would type. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { z } from 'zod';

import { Child, runToEnd } from './child.js';
import { deferredFailure } from './deferred.js';
import { DemoError } from './demo-error.js';
import { limits } from './limits.js';
import { freePort } from './ports.js';

const COMMAND = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const HOST = '127.0.0.1';

const createdSchema = z.object({
  swarmId: z.string(),
  address: z.string(),
  joinToken: z.string(),
  clientToken: z.string(),
  operatorToken: z.string(),
});

type Tokens = Pick<z.infer<typeof createdSchema>, 'clientToken' | 'operatorToken'>;

const readySchema = z.object({
  event: z.literal('ready'),
  nodeId: z.number(),
  peerId: z.string(),
  address: z.string(),
});

export interface ClusterNode {
  readonly nodeId: number;
  readonly peerId: string;
  /** `HOST:PORT#PEERID`. */
  readonly address: string;
  readonly directory: string;
  /** False from its SIGKILL until it serves again. */
  serving: boolean;
}

interface RunningNode extends ClusterNode {
  child: Child;
}

export class Cluster {
  /** Token for clients. */
  readonly clientToken: string;
  readonly operatorToken: string;
  readonly #directory: string;
  readonly #nodes = new Map<number, RunningNode>();
  readonly #children = new Set<Child>();
  #stopping = false;
  readonly #failing = deferredFailure();
  /** Rejects when a process ends that nobody ended. */
  readonly failure: Promise<never>;

  private constructor(directory: string, tokens: Tokens) {
    this.#directory = directory;
    this.clientToken = tokens.clientToken;
    this.operatorToken = tokens.operatorToken;
    this.failure = this.#failing.promise;
  }

  /**
   * Creates the swarm on a copy of the v1 installation. `onCreated` gets the cluster before any
   * process runs, so that the caller can stop it whatever happens after.
   */
  static async start(
    options: { directory: string; source: string; nodes: number },
    onCreated: (cluster: Cluster) => void,
  ): Promise<Cluster> {
    const { directory, source, nodes } = options;
    mkdirSync(join(directory, 'logs'));
    const [first, ...others] = await Promise.all(Array.from({ length: nodes }, freePort));
    const data = join(directory, 'node-1');
    const init = ['swarm', 'init', '--data', data, '--from', source];
    const printed = await runToEnd('swarm init', COMMAND, [
      ...init,
      '--listen',
      `${HOST}:${first}`,
      '--json',
    ]);
    const created = createdSchema.parse(JSON.parse(printed));
    const cluster = new Cluster(directory, created);
    onCreated(cluster);
    await cluster.#startNode('node-1', []);
    const join1 = ['--join', created.address, '--token', created.joinToken];
    await Promise.all(
      others.map((port, at) =>
        cluster.#startNode(`node-${at + 2}`, ['--listen', `${HOST}:${port}`, ...join1]),
      ),
    );
    return cluster;
  }

  /** In the order of their ids. */
  get nodes(): readonly ClusterNode[] {
    return [...this.#nodes.values()].sort((a, b) => a.nodeId - b.nodeId);
  }

  /** SIGKILLs a node, waits, starts it again on the same directory, until it serves. */
  async killAndRestart(nodeId: number): Promise<void> {
    const node = this.#nodes.get(nodeId);
    if (node === undefined) throw new DemoError('timeout', `there is no node ${nodeId} to kill`);
    node.serving = false;
    this.#children.delete(node.child);
    node.child.signal('SIGKILL');
    await node.child.exited;
    await sleep(limits.restartDelayMs);
    if (this.#stopping) return;
    await this.#startNode(node.directory, []);
  }

  /** SIGTERM to all, SIGKILL to what does not end in time. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const children = [...this.#children];
    for (const child of children) child.signal('SIGTERM');
    const ended = Promise.all(children.map((child) => child.exited));
    const late = new AbortController();
    await Promise.race([
      ended,
      sleep(limits.stopTimeoutMs, undefined, { signal: late.signal }).catch(() => undefined),
    ]);
    late.abort();
    this.killAll();
    await ended;
  }

  /** The last resort, from a place where nothing can be awaited. */
  killAll(): void {
    this.#stopping = true;
    for (const child of this.#children) child.signal('SIGKILL');
  }

  async #startNode(name: string, extra: readonly string[]): Promise<void> {
    const args = ['node', 'start', '--data', join(this.#directory, name), '--json', ...extra];
    const child = new Child(name, COMMAND, args, join(this.#directory, 'logs', `${name}.log`));
    this.#children.add(child);
    void child.exited.then((exit) => {
      if (!this.#stopping && this.#children.has(child))
        this.#failing.reject(child.deathError(exit));
    });
    const ready = await child.line(readReady, limits.startTimeoutMs);
    const { nodeId, peerId, address } = ready;
    // The swarm numbers its nodes in the order in which it admits them, not by their directories.
    child.name = `node ${nodeId} (${name})`;
    this.#nodes.set(nodeId, { nodeId, peerId, address, directory: name, serving: true, child });
  }
}

function readReady(line: string): z.infer<typeof readySchema> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return readySchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
