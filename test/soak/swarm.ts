/** The swarm under the soak: processes started by the commands of an operator, killed and started again. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { z } from 'zod';

import { Child, runToEnd } from '../../examples/rolling-migration/child.js';
import { deferredFailure } from '../../examples/rolling-migration/deferred.js';
import { DemoError } from '../../examples/rolling-migration/demo-error.js';
import { askSupervisor } from '../../nodes/release/control-socket.js';
import { releaseFiles } from '../../nodes/release/files.js';
import type { Ground } from './ground.js';
import { limits } from './limits.js';

const createdSchema = z.object({
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
const supervisorSchema = z.object({
  main: z.object({ pid: z.number().nullable(), release: z.string(), stage: z.string() }).nullable(),
});

export interface SoakNode {
  readonly name: string;
  readonly nodeId: number;
  readonly peerId: string;
  /** `HOST:PORT#PEERID`. */
  readonly address: string;
  readonly directory: string;
}

interface Running extends SoakNode {
  /** The node, or its supervisor. */
  child: Child;
}

/** Which process of a node is killed. `machine`: the supervisor and the node at once. */
export type Victim = 'node' | 'supervisor' | 'machine';

export interface SwarmOptions {
  readonly ground: Ground;
  readonly directory: string;
  /** `main.js` of the release that the nodes run at first. */
  readonly program: string;
  /** v1 installation that the swarm begins with. */
  readonly source: string;
  readonly nodes: number;
  readonly isSupervised: boolean;
  /** Added to the environment of a node, by its name. */
  readonly env?: (name: string) => Readonly<Record<string, string>>;
  /** Whether a process that was ended by SIGKILL is started again instead of failing the run. */
  readonly revives?: boolean;
}

export class SoakSwarm {
  readonly clientToken: string;
  readonly operatorToken: string;
  readonly #options: SwarmOptions;
  readonly #nodes = new Map<number, Running>();
  readonly #children = new Set<Child>();
  readonly #failing = deferredFailure();
  /** Rejects when a process ends that nobody ended. */
  readonly failure: Promise<never>;
  #isStopping = false;

  private constructor(options: SwarmOptions, tokens: Tokens) {
    this.#options = options;
    this.clientToken = tokens.clientToken;
    this.operatorToken = tokens.operatorToken;
    this.failure = this.#failing.promise;
  }

  /** `onCreated` gets the swarm before any process runs, so that it can be stopped whatever happens. */
  static async start(
    options: SwarmOptions,
    onCreated: (swarm: SoakSwarm) => void,
  ): Promise<SoakSwarm> {
    const { directory, ground, source, nodes } = options;
    mkdirSync(join(directory, 'logs'), { recursive: true });
    const init = ['swarm', 'init', '--data', join(directory, 'n1'), '--from', source, '--json'];
    const args = [...init, ...(await ground.addressOf('n1'))];
    const printed = await runToEnd('swarm init', options.program, args, ground.prefixOf('n1'));
    const created = createdSchema.parse(JSON.parse(printed));
    const swarm = new SoakSwarm(options, created);
    onCreated(swarm);
    await swarm.#start('n1', []);
    const joining = ['--join', created.address, '--token', created.joinToken];
    // Some at a time: each loads its model, and a machine that starts fifteen at once starts none in time.
    const names = Array.from({ length: nodes - 1 }, (_each, at) => `n${at + 2}`).values();
    const starting = async (): Promise<void> => {
      for (const name of names) {
        await swarm.#start(name, [...(await ground.addressOf(name)), ...joining]);
      }
    };
    await Promise.all([starting(), starting(), starting()]);
    return swarm;
  }

  /** In the order of their ids. */
  get nodes(): readonly SoakNode[] {
    return [...this.#nodes.values()].sort((a, b) => a.nodeId - b.nodeId);
  }

  get isSupervised(): boolean {
    return this.#options.isSupervised;
  }

  /** Release that each supervised node runs now, by node id. */
  async releases(): Promise<Map<number, string>> {
    const asked = this.nodes.map(async ({ nodeId, directory }) => {
      return [nodeId, (await this.#supervisorOf(directory))?.main?.release ?? ''] as const;
    });
    return new Map(await Promise.all(asked));
  }

  /** SIGKILL. What a supervisor does not start again by itself is started after a while. */
  async kill(nodeId: number, victim: Victim): Promise<void> {
    const node = this.#nodeOf(nodeId);
    if (!this.isSupervised) return this.#killChild(node, null);
    const pid = (await this.#supervisorOf(node.directory))?.main?.pid ?? null;
    if (victim === 'node') return void killProcess(pid);
    await this.#killChild(node, victim === 'machine' ? pid : null);
  }

  /** Starts a node whose process, or whose supervisor, was killed; nothing to do while it runs. */
  async startAgain(nodeId: number): Promise<void> {
    const node = this.#nodeOf(nodeId);
    if (node.child.isRunning || this.#isStopping) return;
    await this.#start(node.name, []);
  }

  /** Kills what runs a node, waits as an operating system does, and starts it again. */
  async killAndRestart(nodeId: number, victim: Victim): Promise<void> {
    await this.kill(nodeId, victim);
    await sleep(limits.restartDelayMs);
    await this.startAgain(nodeId);
  }

  /** Resolves when the process of a node has ended, whoever ended it. */
  async ended(nodeId: number): Promise<void> {
    await this.#nodeOf(nodeId).child.exited;
  }

  isRunning(nodeId: number): boolean {
    return this.#nodeOf(nodeId).child.isRunning;
  }

  /** SIGTERM to all, SIGKILL to what does not end in time. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const children = [...this.#children];
    for (const child of children) child.signal('SIGTERM');
    const late = setTimeout(() => this.killAll(), limits.stopTimeoutMs);
    await Promise.all(children.map((child) => child.exited));
    clearTimeout(late);
  }

  /** The last resort, from a place where nothing can be awaited. */
  killAll(): void {
    this.#isStopping = true;
    for (const child of this.#children) child.signal('SIGKILL');
  }

  /** It may be killed again before it serves; whoever ends it then starts it again. */
  async #revive(name: string): Promise<void> {
    await sleep(limits.restartDelayMs);
    if (!this.#isStopping) await this.#start(name, []).catch(() => undefined);
  }

  #nodeOf(nodeId: number): Running {
    const node = this.#nodes.get(nodeId);
    if (node === undefined) throw new DemoError('timeout', `there is no node ${nodeId}`);
    return node;
  }

  /** `pid`: a second process that is killed in the same moment. */
  async #killChild({ child }: Running, pid: number | null): Promise<void> {
    this.#children.delete(child);
    killProcess(pid);
    child.signal('SIGKILL');
    await child.exited;
  }

  /** Undefined while no supervisor answers. */
  async #supervisorOf(directory: string): Promise<z.infer<typeof supervisorSchema> | undefined> {
    const { socket } = releaseFiles(directory);
    try {
      return supervisorSchema.parse(await askSupervisor(socket, { type: 'status' }));
    } catch {
      return undefined;
    }
  }

  async #start(name: string, extra: readonly string[]): Promise<void> {
    const { directory, ground, isSupervised, env, nodes, program } = this.#options;
    const data = join(directory, name);
    const supervise = isSupervised ? ['--supervise'] : [];
    const args = ['node', 'start', '--data', data, '--json', ...supervise, ...extra];
    const log = join(directory, 'logs', `${name}.log`);
    const launch = { prefix: ground.prefixOf(name), env: env?.(name) ?? {} };
    const child = new Child(name, program, args, log, launch);
    this.#children.add(child);
    void child.exited.then((exit) => {
      if (this.#isStopping || !this.#children.has(child)) return;
      this.#children.delete(child);
      const isRevived = this.#options.revives === true && exit.signal === 'SIGKILL';
      if (isRevived) void this.#revive(name);
      else this.#failing.reject(child.deathError(exit));
    });
    const { nodeId, peerId, address } = await child.line(readReady, limits.startTimeoutMs);
    if (nodeId > nodes) throw new DemoError('timeout', `${name} is node ${nodeId} of ${nodes}`);
    child.name = `node ${nodeId} (${name})`;
    this.#nodes.set(nodeId, { name, nodeId, peerId, address, directory: data, child });
  }
}

function killProcess(pid: number | null): void {
  if (pid === null) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended this moment.
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
