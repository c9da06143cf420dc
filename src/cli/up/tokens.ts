/**
 * The file with the tokens of a swarm, which nobody can tell a second time:
 *
 *     reserve `FILE.unfinished`, empty --> create the swarm --> fill it --> give it its name
 */
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

import { z } from 'zod';

import { NodeError, messageOf } from '../../../nodes/errors.js';
import { nodeDisk } from '../../../nodes/storage/disk.js';
import { ExitError } from '../failure.js';

const tokensSchema = z.object({
  version: z.literal(1),
  swarmId: z.string(),
  joinToken: z.string(),
  clientToken: z.string(),
  /** Missing in files of a release before. */
  operatorToken: z.string().optional(),
});
export type Tokens = z.infer<typeof tokensSchema>;

/**
 * Makes sure that the tokens of a new swarm have a place. Throws `ExitError` when the file holds those
 * of a swarm already, or cannot be written.
 */
export async function reserveTokens(path: string): Promise<void> {
  for (const one of [path, unfinished(path)]) {
    const bytes = await sizeOf(one);
    // An empty one was left by a run that was killed before it had any token.
    if (bytes === undefined || (bytes === 0 && one !== path)) continue;
    throw new ExitError(
      1,
      `error: none of the nodes is there, and ${one} is kept for the tokens of a swarm. Is a disk not ` +
        'mounted? For a new swarm move the file away. Nothing was done',
    );
  }
  try {
    await writeUnfinished(path, '');
  } catch (error) {
    throw new ExitError(
      1,
      `error: the tokens cannot be kept in ${path}: ${messageOf(error)}. Make its folder, or name ` +
        'another file as `tokens`. Nothing was done',
    );
  }
}

/** Takes back `reserveTokens`, when no swarm was created. */
export async function releaseTokens(path: string): Promise<void> {
  await rm(unfinished(path), { force: true });
}

/** Throws `ExitError` that says how to come by new tokens of the swarm, which is there already. */
export async function writeTokens(path: string, tokens: Tokens): Promise<void> {
  const text = `${JSON.stringify(tokens, null, 2)}\n`;
  try {
    await writeUnfinished(path, text);
    await giveName(path);
  } catch (error) {
    throw new ExitError(
      1,
      `error: swarm ${tokens.swarmId} is created, and its tokens cannot be kept in ${path}: ` +
        `${messageOf(error)}. ${NEW_TOKENS}`,
    );
  }
}

/** How a swarm whose tokens are lost gets others: its members are known by their keys. */
export const NEW_TOKENS =
  'New ones are made on the machine of a node that runs, by `swarm rotate-token KIND --data DIR` with ' +
  'KIND join, client and operator';

/** Whether the file is there; gives it its name when the run that filled it was killed before. */
export async function findTokens(path: string): Promise<boolean> {
  if ((await sizeOf(path)) !== undefined) return true;
  const left = await readFile(unfinished(path), 'utf8').catch(() => '');
  if (parsed(left) === undefined) return false;
  await giveName(path);
  return true;
}

/** Throws `ExitError` when the file is missing, `NodeError` when it is damaged or of another swarm. */
export async function readTokens(path: string, swarmId: string): Promise<Tokens> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  const token = process.env['AGENTIC_FLOW_TOKEN'];
  if (text === undefined) {
    if (token !== undefined) return { version: 1, swarmId, joinToken: token, clientToken: '' };
    throw new ExitError(
      1,
      `error: ${path} is missing, and nobody can join without the join token: restore the file, or ` +
        'give the token in AGENTIC_FLOW_TOKEN',
    );
  }
  const tokens = parsed(text);
  if (tokens === undefined) throw new NodeError('malformed', `${path} does not hold tokens`);
  if (tokens.swarmId === swarmId) return tokens;
  throw new NodeError(
    'other-swarm',
    `${path} has the tokens of swarm ${tokens.swarmId}, and the nodes are of ${swarmId}`,
  );
}

/** A power cut does not take the name back. */
async function giveName(path: string): Promise<void> {
  await rename(unfinished(path), path);
  await nodeDisk.syncDirectory(dirname(path));
}

/** Always a file of its own: one that is there could have another mode, or be a link. */
async function writeUnfinished(path: string, text: string): Promise<void> {
  await rm(unfinished(path), { force: true });
  await writeFile(unfinished(path), text, { mode: 0o600, flag: 'wx', flush: true });
}

function parsed(text: string): Tokens | undefined {
  try {
    return tokensSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Undefined also in a folder that is missing or closed: the attempt to write there says more. */
async function sizeOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.size;
}

function unfinished(path: string): string {
  return `${path}.unfinished`;
}
