/** Brings a data directory into being: as the founder of a swarm, or admitted to one. */
import { createSocket } from 'node:dgram';
import { randomBytes, randomUUID } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

import { z } from 'zod';

import { foundingState } from '../consensus/raft/index.js';
import { openV1Engine, openV2Engine } from '../src/memory/index.js';
import { copyV1Directory, inspectV1Directory } from '../src/v1/index.js';
import type { OtherStore } from '../src/v1/index.js';
import { listenRpc } from '../transport/rpc/index.js';
import { RpcError } from '../transport/rpc/rpc.js';
import type { PeerAddress, PeerEndpoint } from '../transport/rpc/rpc.js';
import { formatHostPort } from '../transport/identity/index.js';
import type { Identity } from '../transport/identity/index.js';
import type { TokenKind } from './control-plane/membership.js';
import { COMMAND_VERSION, newControlState } from './control-plane/state.js';
import type { ControlState } from './control-plane/state.js';
import {
  createDataDirectory,
  dataPaths,
  findNodeFile,
  readIdentity,
  writeNodeFile,
} from './data-directory.js';
import type { DataPaths, NodeFile } from './data-directory.js';
import { wildcard } from './listening.js';
import { NodeError } from './errors.js';
import { V2Files } from './migration/v2-files.js';
import { ownRelease } from './release/identity.js';
import { hashToken } from './service/access.js';
import { RaftLogStore } from './storage/index.js';
import { ZONE_LENGTH_MAX } from './wire/limits.js';
import { encodeControlState } from './wire/state-codec.js';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export interface InitOptions {
  readonly directory: string;
  /** A v1 installation to begin with; without one the swarm is of version 2 and empty. */
  readonly from?: string;
  readonly listen: HostPort;
  readonly advertise: HostPort;
  /** After this long without use a client session is forgotten; one hour when left out. */
  readonly sessionTimeoutMs?: number;
}

export interface NewSwarm {
  readonly swarmId: string;
  readonly peerId: string;
  /** Admits nodes. */
  readonly joinToken: string;
  /** Admits clients to the memories. */
  readonly clientToken: string;
  /** Admits clients that steer the swarm: rollouts, members, tokens, backups. */
  readonly operatorToken: string;
  /** Stores and settings of the v1 installation that this release does not carry. */
  readonly notCarried: readonly OtherStore[];
}

export const FOUNDER_ID = 1;

/** Creates a swarm of one node. The v1 installation is copied, never changed. */
export async function initSwarm(options: InitOptions): Promise<NewSwarm> {
  const { directory, from, listen, advertise, sessionTimeoutMs } = options;
  requireSpecificAddress(advertise);
  await requireFreePort(listen);
  const { swarmId, tokens, hashes } = newSecrets();
  const { identity } = await createDataDirectory(directory, async (paths, founder) => {
    await createStore(paths, from);
    const control = newControlState({
      swarmId,
      ...hashes,
      swarmVersion: from === undefined ? 2 : 1,
      peerId: founder.peerId,
      host: advertise.host,
      port: advertise.port,
      ...(sessionTimeoutMs === undefined ? {} : { sessionTimeoutMs }),
    });
    await writeFoundingLog(paths, control);
    return nodeFileOf(swarmId, FOUNDER_ID, founder, options, []);
  });
  const notCarried = from === undefined ? [] : (await inspectV1Directory(from)).others;
  return { swarmId, peerId: identity.peerId, ...tokens, notCarried };
}

/** The log that a swarm begins with: one snapshot, of a state in which the founder is alone. */
export async function writeFoundingLog(paths: DataPaths, control: ControlState): Promise<void> {
  const { hardState, snapshot } = foundingState([FOUNDER_ID]);
  const { store } = await RaftLogStore.open(paths.raft, { clusterId: control.swarmId });
  try {
    if (snapshot !== null) await store.saveSnapshot(snapshot, encodeControlState(control));
    await store.append({ hardState, entries: [] });
  } finally {
    await store.close();
  }
}

/** What only the operator of a new swarm learns, and what its state holds of it. */
export function newSecrets() {
  const tokens = {
    joinToken: newToken('join'),
    clientToken: newToken('client'),
    operatorToken: newToken('operator'),
  };
  const hashes = {
    joinTokenHash: hashToken(tokens.joinToken),
    clientTokenHash: hashToken(tokens.clientToken),
    operatorTokenHash: hashToken(tokens.operatorToken),
  };
  return { swarmId: randomUUID(), tokens, hashes };
}

/** The first store, with everything in it counted as applied at the founding index. */
async function createStore(paths: DataPaths, from: string | undefined): Promise<void> {
  if (from === undefined) {
    const engine = openV2Engine(new V2Files(paths.v2).next(), { create: true });
    engine.apply([], FOUNDER_ID);
    engine.sync();
    engine.close();
    return;
  }
  await copyV1Directory(from, paths.v1);
  const engine = openV1Engine(paths.v1Store);
  try {
    if (engine.appliedIndex > 0) {
      throw new NodeError(
        'refused',
        `${from} has been served by a swarm already (up to log index ${engine.appliedIndex}); ` +
          'give a v1 installation, not the store of a node',
      );
    }
    engine.apply([], FOUNDER_ID);
    engine.sync();
  } finally {
    engine.close();
  }
}

interface JoinOptions {
  readonly directory: string;
  readonly listen: HostPort;
  readonly advertise: HostPort;
  readonly peer: PeerAddress;
  readonly token: string;
  readonly zone?: string;
  /** The member whose place the new one takes when it has caught up. */
  readonly replaces?: number;
}

const JOIN_TIMEOUT_MS = 10_000;
const JOIN_TRIES_MAX = 3;
const JOIN_RETRY_MS = 500;

const joinAnswer = z.object({
  swarmId: z.string().min(1),
  nodeId: z.number().int().positive(),
  members: z.array(
    z.object({
      nodeId: z.number().int().positive(),
      peerId: z.string(),
      host: z.string(),
      port: z.number().int(),
    }),
  ),
});

/** Asks a member of a swarm to admit a new node, and writes its directory once that was agreed. */
async function joinSwarm(options: JoinOptions): Promise<void> {
  requireSpecificAddress(options.advertise);
  await createDataDirectory(options.directory, async (paths, identity) => {
    const { host, port } = options.listen;
    const endpoint = await listenRpc({ identity, host, port, handlers: {} });
    try {
      const commandVersion = COMMAND_VERSION;
      const place = {
        ...(options.zone === undefined ? {} : { zone: options.zone }),
        ...(options.replaces === undefined ? {} : { replaces: options.replaces }),
      };
      const { name: release } = await ownRelease();
      const head = { token: options.token, ...options.advertise, commandVersion };
      const request = { ...head, ...place, release };
      const answer = joinAnswer.parse(await admission(endpoint, options.peer, request));
      const { store } = await RaftLogStore.open(paths.raft, { clusterId: answer.swarmId });
      await store.close();
      return nodeFileOf(answer.swarmId, answer.nodeId, identity, options, answer.members);
    } finally {
      await endpoint.close(0);
    }
  });
}

/** Asked again with the same key, a swarm that has admitted the node already gives the same answer. */
async function admission(
  endpoint: PeerEndpoint,
  peer: PeerAddress,
  request: object,
): Promise<unknown> {
  const timeout = { timeoutMs: JOIN_TIMEOUT_MS };
  let isAsked = false;
  for (let tries = 1; ; tries += 1) {
    try {
      const connection = await endpoint.connect(peer, timeout);
      isAsked = true;
      return await connection.call('swarm.join', request, timeout);
    } catch (error) {
      const isLost =
        error instanceof RpcError &&
        (error.code === 'unavailable' || error.code === 'deadline-exceeded');
      if (!isAsked || !isLost) throw error;
      if (tries === JOIN_TRIES_MAX) throw unanswered(peer, error);
      await pause(JOIN_RETRY_MS);
    }
  }
}

function unanswered({ host, port }: PeerAddress, error: RpcError): NodeError {
  return new NodeError(
    'refused',
    `${formatHostPort({ host, port })} was asked to admit this node and did not answer: ${error.message}. ` +
      'Nothing is left here: join again, through another member where this one is gone. If `swarm status` ' +
      'then shows a member that never comes up, `swarm leave` removes it',
    error,
  );
}

/**
 * Makes sure that the directory holds a node that may start: joins when it is new, and otherwise
 * checks that it belongs to the swarm that `peer` is in, and takes over a changed address.
 */
export async function prepareNode(options: {
  readonly directory: string;
  readonly listen?: HostPort;
  readonly advertise?: HostPort;
  readonly peer?: PeerAddress;
  readonly token?: string;
  /** Where the node stands from now on; left out: as before. */
  readonly zone?: string;
  readonly replaces?: number;
  readonly log: (message: string) => void;
}): Promise<DataPaths> {
  const paths = dataPaths(options.directory);
  const { listen, peer, token } = options;
  requireZone(options.zone);
  const file = await findNodeFile(paths);
  if (file === undefined) {
    if (peer === undefined) return paths;
    if (listen === undefined || token === undefined) {
      throw new NodeError('refused', '--join needs --listen HOST:PORT and --token TOKEN');
    }
    const advertise = options.advertise ?? listen;
    const place = {
      ...(options.zone === undefined ? {} : { zone: options.zone }),
      ...(options.replaces === undefined ? {} : { replaces: options.replaces }),
    };
    await joinSwarm({ directory: options.directory, listen, advertise, peer, token, ...place });
    return paths;
  }
  if (peer !== undefined) await requireSameSwarm(paths, file, peer, token ?? null, options.log);
  const zone = options.zone ?? file.zone;
  if (listen !== undefined || options.advertise !== undefined || zone !== file.zone) {
    const advertise = options.advertise ?? listen ?? file.advertise;
    requireSpecificAddress(advertise);
    const told = zone === undefined ? {} : { zone };
    await writeNodeFile(paths, { ...file, listen: listen ?? file.listen, advertise, ...told });
  }
  return paths;
}

/** Before anything is written or asked: a node that said more would be refused by its own directory. */
function requireZone(zone = ''): void {
  if (zone.length <= ZONE_LENGTH_MAX) return;
  throw new NodeError(
    'refused',
    `a zone has at most ${ZONE_LENGTH_MAX} characters, and the given one has ${zone.length}; give a ` +
      'shorter name. Nothing was changed',
  );
}

async function requireSameSwarm(
  paths: DataPaths,
  file: NodeFile,
  peer: PeerAddress,
  token: string | null,
  log: (message: string) => void,
): Promise<void> {
  const identity = await readIdentity(paths);
  const endpoint = await listenRpc({ identity, host: wildcard(peer.host), port: 0, handlers: {} });
  try {
    const timeout = { timeoutMs: 2_000 };
    const connection = await endpoint.connect(peer, timeout);
    const answer: unknown = await connection.call('client.hello', { protocol: 1, token }, timeout);
    const { swarmId } = z.object({ swarmId: z.string() }).parse(answer);
    if (swarmId === file.swarmId) return;
    throw new NodeError('other-swarm', otherSwarm(paths, file, peer, `swarm ${swarmId}`));
  } catch (error) {
    if (error instanceof NodeError) throw error;
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'permission-denied') {
      throw new NodeError(
        'other-swarm',
        otherSwarm(paths, file, peer, 'a swarm that does not know it'),
      );
    }
    if (code === 'unauthenticated') throw error;
    // The node has a swarm of its own to talk to; the given member may be down.
    log(`${peer.host}:${peer.port} does not answer; starting with the members known from before`);
  } finally {
    await endpoint.close(0);
  }
}

function otherSwarm(paths: DataPaths, file: NodeFile, peer: PeerAddress, found: string): string {
  return (
    `${paths.root} belongs to swarm ${file.swarmId}, and ${peer.host}:${peer.port} to ${found}. ` +
    'Start without --join to rejoin its own swarm, or give another directory. Nothing was changed'
  );
}

export function nodeFileOf(
  swarmId: string,
  nodeId: number,
  identity: Identity,
  place: { readonly listen: HostPort; readonly advertise: HostPort; readonly zone?: string },
  members: NodeFile['members'],
): NodeFile {
  const { peerId } = identity;
  const { listen, advertise, zone } = place;
  const told = zone === undefined ? {} : { zone };
  return { formatVersion: 1, swarmId, nodeId, peerId, listen, advertise, ...told, members };
}

/** Others have to reach the address: it must name one host and one port. */
export function requireSpecificAddress({ host, port }: HostPort): void {
  const unspecific = host === '0.0.0.0' || host === '::' || port === 0;
  if (!unspecific) return;
  throw new NodeError(
    'refused',
    `other nodes cannot reach ${host}:${port}; give a host and port, or add --advertise HOST:PORT`,
  );
}

/** Fails before anything is written when the port is taken or the address is not of this machine. */
export async function requireFreePort({ host, port }: HostPort): Promise<void> {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ address: host, port, exclusive: true }, resolve);
    });
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? error.code : '';
    const what =
      reason === 'EADDRINUSE'
        ? 'is in use by another process; stop it or choose another port'
        : `cannot be listened on (${String(reason)}); choose an address of this machine`;
    throw new NodeError('refused', `UDP ${host}:${port} ${what}. Nothing was created`, error);
  } finally {
    socket.close();
  }
}

/** A secret that begins with what it is for: `afj_`, `afc_` or `afo_`. */
export function newToken(kind: TokenKind): string {
  return `af${kind.slice(0, 1)}_${randomBytes(32).toString('base64url')}`;
}
