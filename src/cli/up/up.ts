/**
 * Brings up what `swarm.yaml` names, and leaves what is up already:
 *
 *     probe all --> none is there: create the first --> start those that are there, together, since only
 *     a majority of them can elect a leader --> join the others, one after the other
 *
 * Each step is a command on the machine of the node; one that failed can be run again.
 */
import { z } from 'zod';

import { ExitError } from '../failure.js';
import { TOPICS_FLAG } from '../supervised.js';
import type { NodeSpec, SwarmSpec } from './file.js';
import { commandFor, wordsFor } from './machine.js';
import type { Runner } from './machine.js';
import {
  NEW_TOKENS,
  findTokens,
  readTokens,
  releaseTokens,
  reserveTokens,
  writeTokens,
} from './tokens.js';

/** What was done for a node. */
type Done = 'created' | 'joined' | 'started' | 'was running';

export interface UpReport {
  readonly swarmId: string;
  readonly nodes: readonly {
    readonly name: string;
    readonly address: string;
    readonly did: Done;
  }[];
  /** The file with the tokens; null when it is missing. */
  readonly tokens: string | null;
}

const PROBE_TIMEOUT_MS = 30_000;
const START_TIMEOUT_MS = 180_000;
const PROBES_AT_A_TIME = 8;

const probeSchema = z.object({
  node: z.object({ swarmId: z.string(), nodeId: z.number(), address: z.string() }).nullable(),
  running: z.boolean(),
});
type Probe = z.infer<typeof probeSchema>;

const createdSchema = z.object({
  swarmId: z.string(),
  address: z.string(),
  joinToken: z.string(),
  clientToken: z.string(),
  /** Missing when the program there is of a release before. */
  operatorToken: z.string().optional(),
});
const readySchema = z.object({ address: z.string() });

/** Throws `ExitError` that names the node and what its machine said; what was done until then stays. */
export async function bringUp(
  spec: SwarmSpec,
  run: Runner,
  tell: (line: string) => void,
): Promise<UpReport> {
  const up = new Up(spec, run, tell);
  return up.run();
}

class Up {
  readonly #did = new Map<string, { did: Done; address: string }>();

  constructor(
    readonly spec: SwarmSpec,
    readonly runner: Runner,
    readonly tell: (line: string) => void,
  ) {}

  async run(): Promise<UpReport> {
    const { nodes, tokens } = this.spec;
    const probes = await this.#probeAll();
    const swarmIds = new Set([...probes.values()].map(({ node }) => node?.swarmId ?? ''));
    swarmIds.delete('');
    if (swarmIds.size > 1) {
      throw new ExitError(
        1,
        `error: the directories belong to different swarms (${[...swarmIds].join(', ')}). ` +
          'Nothing was done',
      );
    }
    let [swarmId] = swarmIds;
    swarmId ??= await this.#create();
    for (const [node, probe] of probes) {
      if (probe.node !== null && probe.running) this.#note(node, 'was running', probe.node.address);
    }
    const stopped = [...probes].filter(([, { node, running }]) => node !== null && !running);
    await Promise.all(stopped.map(([node]) => this.#start(node)));
    for (const node of nodes) {
      if (!this.#did.has(node.name)) await this.#join(node, swarmId);
    }
    await this.#setVoters();
    const report = nodes.map(({ name }) => ({ name, ...this.#did.get(name)! }));
    if (await findTokens(tokens)) return { swarmId, nodes: report, tokens };
    this.tell(`${tokens} is missing: restore it, as clients and new nodes need it. ${NEW_TOKENS}`);
    return { swarmId, nodes: report, tokens: null };
  }

  /** Asked for each time: who was told by hand meanwhile is told again what the file says. */
  async #setVoters(): Promise<void> {
    const { voters, nodes } = this.spec;
    const [first] = nodes;
    if (voters === undefined || first === undefined) return;
    const args = ['swarm', 'set-voters', String(voters), '--data', first.directory, '--json'];
    await this.#must(first, commandFor(first, args), PROBE_TIMEOUT_MS, undefined);
  }

  async #probeAll(): Promise<Map<NodeSpec, Probe>> {
    const probes = new Map<NodeSpec, Probe>();
    for (const node of this.spec.nodes) probes.set(node, { node: null, running: false });
    const left = [...this.spec.nodes];
    const prober = async (): Promise<void> => {
      for (let node = left.shift(); node !== undefined; node = left.shift()) {
        const args = ['node', 'probe', '--data', node.directory, '--json'];
        probes.set(node, await this.#ask(node, args, probeSchema, PROBE_TIMEOUT_MS));
      }
    };
    await Promise.all(Array.from({ length: PROBES_AT_A_TIME }, prober));
    return probes;
  }

  async #create(): Promise<string> {
    const [first] = this.spec.nodes;
    if (first === undefined) throw new ExitError(1, 'error: no nodes');
    const { from } = this.spec;
    const place = ['--data', first.directory, ...placeOf(first)];
    const source = from === undefined ? [] : ['--from', from];
    const args = ['swarm', 'init', '--json', ...place, ...source];
    await reserveTokens(this.spec.tokens);
    const created = await this.#ask(first, args, createdSchema, START_TIMEOUT_MS).catch(
      async (error: unknown) => {
        await releaseTokens(this.spec.tokens);
        throw error;
      },
    );
    const { address: _, swarmId, ...tokens } = created;
    await writeTokens(this.spec.tokens, { version: 1, swarmId, ...tokens });
    this.tell(`created swarm ${swarmId} on ${first.name}; its tokens are in ${this.spec.tokens}`);
    await this.#start(first, 'created');
    return swarmId;
  }

  async #start(node: NodeSpec, did: Done = 'started'): Promise<void> {
    await this.#startWith(node, [], did, undefined);
  }

  async #join(node: NodeSpec, swarmId: string): Promise<void> {
    await findTokens(this.spec.tokens);
    const { joinToken } = await readTokens(this.spec.tokens, swarmId);
    const through = [...this.#did.values()][0];
    if (through === undefined) throw new ExitError(1, 'error: no node of the swarm is up');
    const args = [...placeOf(node), '--join', through.address, '--token-stdin'];
    await this.#startWith(node, args, 'joined', joinToken);
  }

  async #startWith(
    node: NodeSpec,
    more: readonly string[],
    did: Done,
    stdin: string | undefined,
  ): Promise<void> {
    const zone = node.zone === undefined ? [] : ['--zone', node.zone];
    const head = ['node', 'start', '--data', node.directory, '--json', ...zone, ...more];
    const { start } = node;
    if (start === undefined) {
      const topics = node.topicsListen === undefined ? [] : [TOPICS_FLAG, node.topicsListen];
      const args = [...head, ...topics, '--detach'];
      const { address } = await this.#ask(node, args, readySchema, START_TIMEOUT_MS, stdin);
      this.#note(node, did, address);
      return;
    }
    if (more.length > 0) {
      await this.#ask(node, [...head, '--prepare'], readySchema, START_TIMEOUT_MS, stdin);
    }
    await this.#must(node, wordsFor(node, start), START_TIMEOUT_MS, undefined);
    const probe = ['node', 'probe', '--data', node.directory, '--json'];
    const found = await this.#ask(node, probe, probeSchema, PROBE_TIMEOUT_MS);
    this.#note(node, did, found.node?.address ?? node.listen);
  }

  #note(node: NodeSpec, did: Done, address: string): void {
    this.#did.set(node.name, { did, address });
    this.tell(`${node.name}: ${did} (${address})`);
  }

  async #ask<T>(
    node: NodeSpec,
    args: readonly string[],
    schema: z.ZodType<T>,
    timeoutMs: number,
    stdin?: string,
  ): Promise<T> {
    const text = await this.#must(node, commandFor(node, args), timeoutMs, stdin);
    const line = text.trim().split('\n').at(-1) ?? '';
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      value = undefined;
    }
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    const said = `${args.slice(0, 2).join(' ')} there answered in another form than here`;
    throw new ExitError(1, `error: ${node.name}: ${said}; is it of another release?`);
  }

  async #must(
    node: NodeSpec,
    argv: readonly string[],
    timeoutMs: number,
    stdin: string | undefined,
  ): Promise<string> {
    const options = stdin === undefined ? { timeoutMs } : { timeoutMs, stdin };
    const { code, stdout, stderr } = await this.runner(argv, options).catch((error: unknown) => {
      throw new ExitError(1, `error: ${node.name}: cannot run ${argv[0]}: ${String(error)}`);
    });
    if (code === 0) return stdout;
    const why = stderr.trim().split('\n').slice(-5).join('\n  ');
    throw new ExitError(1, `error: ${node.name}: code ${code}: ${why}`);
  }
}

function placeOf({ listen, advertise }: NodeSpec): string[] {
  return ['--listen', listen, ...(advertise === undefined ? [] : ['--advertise', advertise])];
}
