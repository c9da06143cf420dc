/** `swarm.yaml`: which nodes a swarm has, and how each is reached. Read without trust. */
import { dirname, isAbsolute, resolve } from 'node:path';

import { parse } from 'yaml';
import { z } from 'zod';

import { messageOf } from '../../../nodes/errors.js';
import { openRegularFile } from '../../../nodes/regular-file.js';
import { readExactly } from '../../../nodes/snapshots/build.js';
import { parseHostPort } from '../../../transport/identity/index.js';
import { ExitError } from '../failure.js';

const FILE_BYTES_MAX = 1024 * 1024;
const NODES_MAX = 1_000;

const address = z.string().superRefine((text, context) => {
  try {
    parseHostPort(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'must be HOST:PORT' });
  }
});

const words = z.array(z.string().min(1)).min(1).max(64);

const nodeSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'may have letters, digits, . _ and -'),
  directory: z.string().min(1),
  listen: address,
  advertise: address.optional(),
  zone: z.string().max(128).optional(),
  /** UDP address of its own for topics; left out: the node has none. Not with `start`. */
  topicsListen: address.optional(),
  /** How to run a command on its machine; left out: this one. The command follows as one word. */
  ssh: words.optional(),
  /** What to call there; left out: this program, or `agentic-flow` over ssh. */
  program: words.optional(),
  /** Starts the node of the directory in place of `node start --detach`. */
  start: words.optional(),
});

const fileSchema = z.strictObject({
  version: z.literal(1),
  /** A v1 installation on the machine of the first node, for a swarm that is new. */
  from: z.string().min(1).optional(),
  /** How many members vote. */
  voters: z.union([z.literal(3), z.literal(5), z.literal(7)]).optional(),
  /** Where the tokens are kept; left out: beside this file. */
  tokens: z.string().min(1).optional(),
  nodes: z.array(nodeSchema).min(1).max(NODES_MAX),
});

export type NodeSpec = z.infer<typeof nodeSchema>;

export interface SwarmSpec extends z.infer<typeof fileSchema> {
  /** Absolute. */
  readonly tokens: string;
}

/** Throws `ExitError` that names the file, the place in it and what may stand there. */
export async function readSwarmFile(path: string): Promise<SwarmSpec> {
  return parseSwarmFile(await readText(path), path);
}

async function readText(path: string): Promise<string> {
  try {
    const { file, bytes } = await openRegularFile(path);
    try {
      if (bytes > FILE_BYTES_MAX) throw new Error(`it is larger than ${FILE_BYTES_MAX} bytes`);
      const text = await readExactly(file, 0, bytes);
      if (text === undefined) throw new Error('it became shorter meanwhile');
      return text.toString('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new ExitError(1, `error: ${path} cannot be read: ${messageOf(error)}. Nothing was done`);
  }
}

/** Relative paths in it are relative to the folder of the file, for nodes of this machine. */
export function parseSwarmFile(text: string, path: string): SwarmSpec {
  const fail = (what: string): never => {
    throw new ExitError(1, `error: ${path}: ${what}. Nothing was done`);
  };
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    return fail(`it is no YAML: ${error instanceof Error ? error.message : String(error)}`);
  }
  const parsed = fileSchema.safeParse(value);
  if (!parsed.success) return fail(z.prettifyError(parsed.error));
  const folder = dirname(resolve(path));
  const nodes = parsed.data.nodes.map((node) =>
    node.ssh === undefined ? { ...node, directory: resolve(folder, node.directory) } : node,
  );
  const clash = clashOf(nodes);
  if (clash !== undefined) fail(clash);
  const from =
    parsed.data.from === undefined ? {} : { from: fromOf(parsed.data.from, folder, nodes) };
  const tokens = resolve(folder, parsed.data.tokens ?? `${resolve(path)}.tokens.json`);
  return { ...parsed.data, ...from, nodes, tokens };
}

function fromOf(from: string, folder: string, nodes: readonly NodeSpec[]): string {
  return nodes[0]?.ssh === undefined ? resolve(folder, from) : from;
}

/** What two nodes have in common that only one can have, or what no machine can resolve. */
function clashOf(nodes: readonly NodeSpec[]): string | undefined {
  const seen = new Map<string, string>();
  for (const node of nodes) {
    if (node.topicsListen !== undefined && node.start !== undefined) {
      return (
        `topicsListen of ${node.name} does not reach what its \`start\` runs: give the option ` +
        '--topics-listen, or the variable AGENTIC_FLOW_TOPICS_LISTEN, to its unit or container'
      );
    }
    const machine = (node.ssh ?? []).join(' ');
    if (node.ssh !== undefined && !isAbsolute(node.directory)) {
      return `the directory of ${node.name} must be an absolute path, since it is on another machine`;
    }
    const keys = [
      `the name ${node.name}`,
      `the directory ${node.directory} on one machine${machine}`,
      `the address ${node.listen} on one machine${machine}`,
      ...topicsOf(node).map((topics) => `the address ${topics} on one machine${machine}`),
    ];
    for (const key of keys) {
      const other = seen.get(key);
      if (other !== undefined) {
        return `${other} and ${node.name} both have ${key.replace(/ on one machine.*/, '')}`;
      }
      seen.set(key, node.name);
    }
  }
  return undefined;
}

/** The address of its topics, unless it is any port that is free. */
function topicsOf({ topicsListen }: NodeSpec): string[] {
  const isFixed = topicsListen !== undefined && parseHostPort(topicsListen).port !== 0;
  return isFixed ? [topicsListen] : [];
}
