/**
 * The directory of one node:
 *
 *   node.json      what the node is: swarm, node id, where it listens, members it last knew
 *   identity.pem   its Ed25519 key, readable by the owner only
 *   lock.db        held while a process uses the directory
 *   raft/          log and snapshots of the control state
 *   v1/            a copy of the v1 installation, served in place by the v1 engine
 *   v2/            the v2 store, memory-N.db
 *   incoming/      a snapshot on its way in
 *   outgoing/      snapshots that others read
 *   builds/        builds of the program that came from other machines
 *   documents/     shared documents, a file each
 *   available/     available namespaces of memory, a file each
 *   ticket-keys.N  keys of the TLS sessions that it gives to its peers
 *   sessions/      sessions that its peers gave to it, sealed with its key
 */
import { mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { z } from 'zod';

import { createIdentity, identityFromPrivateKey } from '../transport/identity/index.js';
import type { Identity } from '../transport/identity/index.js';
import { NodeError, isSystemError, messageOf } from './errors.js';
import { atomicWriteFile } from './storage/index.js';
import { ZONE_LENGTH_MAX } from './wire/limits.js';

const DATA_FORMAT_VERSION = 1;
/** While a folder of this name is there and no `node.json`, the directory is not finished. */
const UNFINISHED_PREFIX = '.unfinished-';
/** What a creation may have moved into the directory before it was killed. */
const CREATED_NAMES = [
  'identity.pem',
  'raft',
  'v1',
  'v2',
  'documents',
  'available',
  'node.json.unfinished',
];

const hostPort = z.object({
  host: z.string().min(1),
  port: z.number().int().min(1).max(65_535),
});

const knownMember = hostPort.extend({
  nodeId: z.number().int().positive(),
  peerId: z.string(),
});

const nodeFile = z.object({
  formatVersion: z.literal(DATA_FORMAT_VERSION),
  swarmId: z.string().min(1),
  /** Given by the swarm when it admitted this node. */
  nodeId: z.number().int().positive(),
  peerId: z.string().min(1),
  /** Where the socket is bound. */
  listen: hostPort,
  /** Where the other members reach it. */
  advertise: hostPort,
  /** Where it stands: nodes of one zone fail together. Left out: nobody has said. */
  zone: z.string().max(ZONE_LENGTH_MAX).optional(),
  /** Those who may speak to this node before its own log tells it who they are. */
  members: z.array(knownMember),
});

export type NodeFile = z.infer<typeof nodeFile>;

export interface DataPaths {
  readonly root: string;
  readonly nodeFile: string;
  readonly identity: string;
  readonly raft: string;
  readonly v1: string;
  readonly v1Store: string;
  readonly v2: string;
  readonly incoming: string;
  readonly outgoing: string;
  readonly documents: string;
  readonly available: string;
  readonly approvals: string;
}

export function dataPaths(directory: string): DataPaths {
  const root = resolve(directory);
  return {
    root,
    nodeFile: join(root, 'node.json'),
    identity: join(root, 'identity.pem'),
    raft: join(root, 'raft'),
    v1: join(root, 'v1'),
    v1Store: join(root, 'v1', '.swarm', 'memory.db'),
    v2: join(root, 'v2'),
    incoming: join(root, 'incoming'),
    outgoing: join(root, 'outgoing'),
    documents: join(root, 'documents'),
    available: join(root, 'available'),
    approvals: join(root, 'approvals'),
  };
}

/** Reads `node.json`, or fails with what the directory is instead. */
export async function readNodeFile(paths: DataPaths): Promise<NodeFile> {
  const found = await findNodeFile(paths);
  if (found !== undefined) return found;
  throw new NodeError(
    'no-node',
    `${paths.root} holds no node. Create a swarm with 'agentic-flow swarm init --data ${paths.root} ` +
      `--listen HOST:PORT', or join one with 'agentic-flow node start --data ${paths.root} ` +
      `--listen HOST:PORT --join HOST:PORT#PEERID --token TOKEN'`,
  );
}

export async function findNodeFile(paths: DataPaths): Promise<NodeFile | undefined> {
  let text: string;
  try {
    text = await readFile(paths.nodeFile, 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ENOTDIR')) return undefined;
    throw directoryError(paths.root, error);
  }
  return parseNodeFile(text, paths.nodeFile);
}

function parseNodeFile(text: string, path: string): NodeFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new NodeError('directory', `${path} is damaged: it is not JSON (${messageOf(error)})`);
  }
  const version = z.object({ formatVersion: z.number() }).safeParse(value);
  if (version.success && version.data.formatVersion > DATA_FORMAT_VERSION) {
    throw new NodeError(
      'newer-version',
      `${path} has format ${version.data.formatVersion}, written by a newer agentic-flow; ` +
        `this one reads up to format ${DATA_FORMAT_VERSION}. Use the newer release, nothing was changed`,
    );
  }
  const parsed = nodeFile.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new NodeError('directory', `${path} is damaged: ${z.prettifyError(parsed.error)}`);
}

/** Fails, with the file as it was, when the next start would call it damaged. */
export async function writeNodeFile(paths: DataPaths, file: NodeFile): Promise<void> {
  const parsed = nodeFile.safeParse(file);
  if (!parsed.success) {
    throw new NodeError(
      'refused',
      `${paths.nodeFile} cannot hold this: ${z.prettifyError(parsed.error)}. It was not changed`,
    );
  }
  const text = `${JSON.stringify(file, null, 2)}\n`;
  await atomicWriteFile(paths.nodeFile, new TextEncoder().encode(text));
}

export async function readIdentity(paths: DataPaths): Promise<Identity> {
  try {
    return identityFromPrivateKey(await readFile(paths.identity, 'utf8'));
  } catch (error) {
    throw new NodeError(
      'directory',
      `${paths.identity} cannot be used: ${messageOf(error)}; check owner and mode, or restore it`,
      error,
    );
  }
}

/** Fails unless the key is the one of `node.json`, and the log is there. Changes nothing. */
export async function requireKeyAndLog(paths: DataPaths, file: NodeFile): Promise<void> {
  await requireOwnKey(paths, file);
  await requireLog(paths);
}

/** With another key the members would not know this node. */
async function requireOwnKey(paths: DataPaths, file: NodeFile): Promise<void> {
  const { peerId } = await readIdentity(paths);
  if (peerId === file.peerId) return;
  throw new NodeError(
    'directory',
    `${paths.identity} is the key of peer ${peerId}, and ${paths.nodeFile} is of peer ` +
      `${file.peerId}. Restore the file that is wrong, nothing was changed`,
  );
}

/** A node that has forgotten its votes could vote twice in one term (Raft 5.2). */
async function requireLog(paths: DataPaths): Promise<void> {
  const names = await readdir(paths.raft).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return [];
    throw directoryError(paths.root, error);
  });
  if (names.some((name) => name.endsWith('.wal'))) return;
  throw new NodeError(
    'directory',
    `the log in ${paths.raft} is missing. Restore it; or remove this node from its swarm and the ` +
      'directory from this machine, and join again. Nothing was changed',
  );
}

/**
 * Fills a directory that must not hold anything yet: `fill` works in a directory inside it, whose
 * content moves up when all of it is there, `node.json` last. After a failure nothing is left; what
 * a killed process left is removed by the next creation.
 */
export async function createDataDirectory(
  directory: string,
  fill: (paths: DataPaths, identity: Identity) => Promise<NodeFile>,
): Promise<{ paths: DataPaths; file: NodeFile; identity: Identity }> {
  const paths = dataPaths(directory);
  await requireEmpty(paths.root);
  const moved: string[] = [];
  let created: string | undefined;
  let temporary: string | undefined;
  try {
    // Memories are nobody else's on this machine.
    created = await mkdir(paths.root, { recursive: true, mode: 0o700 });
    temporary = await mkdtemp(join(paths.root, UNFINISHED_PREFIX));
    const identity = createIdentity();
    const inside = dataPaths(temporary);
    await writeFile(inside.identity, identity.privateKeyPem, { mode: 0o600, flush: true });
    const file = await fill(inside, identity);
    for (const name of await readdir(temporary)) {
      await rename(join(temporary, name), join(paths.root, name));
      moved.push(join(paths.root, name));
    }
    await writeNodeFile(paths, file);
    moved.push(paths.nodeFile);
    await rm(temporary, { recursive: true });
    return { paths, file, identity };
  } catch (error) {
    const left = created ?? [...moved, temporary].filter((path) => path !== undefined);
    for (const path of [left].flat()) await rm(path, { recursive: true, force: true });
    throw directoryError(paths.root, error);
  }
}

/** Fails unless a node can be created in the directory; removes what a killed creation left. */
export async function requireEmpty(root: string): Promise<void> {
  let names: string[];
  try {
    names = await readdir(root);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return;
    throw directoryError(root, error);
  }
  const markers = names.filter((one) => one.startsWith(UNFINISHED_PREFIX));
  const left = markers.length === 0 ? [] : [...CREATED_NAMES, ...markers];
  if (names.every((one) => left.includes(one))) {
    // A creation was killed half way. The markers go last, should this be killed too.
    for (const name of left) await rm(join(root, name), { recursive: true, force: true });
    return;
  }
  const what = names.includes('node.json') ? 'a node already' : 'other files';
  throw new NodeError(
    'not-empty',
    `${root} holds ${what}; give an empty or a new directory. Nothing was changed`,
  );
}

/** Says of a failed file operation what it means for the user of `root`. */
export function directoryError(root: string, error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  switch (error.code) {
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new NodeError(
        'directory',
        `no permission to write in ${root}: ${error.message}. Nothing was created`,
        error,
      );
    case 'ENOSPC':
    case 'EDQUOT':
      return new NodeError(
        'disk-full',
        `the disk of ${root} is full: ${error.message}. Free some space and try again`,
        error,
      );
    case 'EFBIG':
      return new NodeError(
        'disk-full',
        `a file in ${root} cannot grow: ${error.message}. Raise the size limit of files (ulimit -f)`,
        error,
      );
    case 'ENOTDIR':
      return new NodeError('directory', `${root} is no directory: ${error.message}`, error);
    default:
      return error;
  }
}
