/**
 * The methods that a node answers. Every payload is checked, every caller is known, and each failure
 * that another try can mend says so by its code or reason.
 */
import { RaftError } from '../../consensus/raft/index.js';
import type { Command, CommandResult } from '../control-plane/command.js';
import type { SessionWrite } from '../control-plane/sessions.js';
import { ProposalError } from '../proposal-error.js';
import { NodeError } from '../errors.js';
import { floatsToBytes } from '../wire/fields.js';
import { commandProblem, embeddingText, MemoryError } from '../../src/memory/index.js';
import type {
  InsertMemory,
  MemoryCommand,
  MemoryEngine,
  ModelVector,
} from '../../src/memory/engine.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import type { CallContext, Handler, Handlers, PeerConnection } from '../../transport/rpc/rpc.js';
import type { Access } from './access.js';
import { approvalMessages, ownApprovals } from './approval-handlers.js';
import type { ApprovalPorts } from './approval-handlers.js';
import { graphHandlers, type ReadBarrier } from './graph-handlers.js';
import { memoryReads } from './memory-reads.js';
import { operatorHandlers } from './operator-handlers.js';
import type { OperatorPorts } from './operator-handlers.js';
import { refusalText } from './refusals.js';
import { buildReads, releaseHandlers } from './release-handlers.js';
import type { ReleasePorts } from './release-handlers.js';
import { parseRequest, requests } from './requests.js';
import { rolloutChanges, rolloutReads } from './rollout-handlers.js';
import type { RolloutPorts } from './rollout-handlers.js';

/** What the handlers need of the node. */
export interface ServicePorts extends ApprovalPorts, OperatorPorts, ReleasePorts, RolloutPorts {
  readonly access: Access;
  /** Fails when the node is not ready or stops. */
  requireServing(): void;
  /** Runs the work of a client's request, so that a stopping node can wait for it. */
  track<T>(work: () => Promise<T>): Promise<T>;
  submit(command: Command, timeoutMs: number): Promise<CommandResult>;
  /** Fails while members of a release that knows no deletes are there. */
  requireDeletes(): void;
  /** Fails while members of a release that knows no expiry are there. */
  requireExpiry(): void;
  /** What a client may do with a session; null while members of the previous release are there. */
  sessionRules(): { timeoutMs: number; window: number } | null;
  submitHere(command: Uint8Array): Promise<CommandResult>;
  readBarrier(signal: AbortSignal): Promise<void>;
  activeEngine(): MemoryEngine;
  vectorsByTextHash(hashes: readonly string[]): (Float32Array | undefined)[];
  embed(text: string): Promise<ModelVector>;
  appliedIndex(): number;
  now(): number;
  describe(): object;
  status(): object;
  /** The health of this node in the last so many milliseconds, encoded. */
  nodeHealth(windowMs: number): Promise<Uint8Array>;
  /** The health of all members, as the leader sees it when it can be asked. */
  swarmHealth(isDirect: boolean): Promise<object>;
  admitPeer(peer: JoiningPeer, timeoutMs: number): Promise<object>;
  removePeer(nodeId: number, timeoutMs: number): Promise<object>;
  greeted(connection: PeerConnection, incarnation: string): void;
  receiveGossip(peerId: string, bytes: Uint8Array): void;
  receiveRaft(peerId: string, bytes: Uint8Array): void;
  snapshotOffer(peerId: string, payload: unknown): unknown;
  snapshotChunk(payload: unknown): Promise<void>;
  snapshotEnd(peerId: string, payload: unknown): Promise<void>;
}

/** Who asks to be admitted, where others reach it, and the newest command version that it reads. */
export interface JoiningPeer {
  readonly peerId: string;
  readonly host: string;
  readonly port: number;
  readonly commandVersion: number;
  readonly zone?: string | undefined;
  /** The member whose place it takes when it has caught up. */
  readonly replaces?: number | undefined;
  /** The name of the release that it runs; missing when that does not say it. */
  readonly release?: string | undefined;
}

export function nodeHandlers(ports: ServicePorts): Handlers {
  return {
    ...clientHandlers(ports),
    ...memoryHandlers(ports),
    ...all(rolloutReads(ports), (one) => forClients(ports, one)),
    ...all(rolloutChanges(ports), (one) => forRolloutOperators(ports, one)),
    ...all(ownApprovals(ports), (one) => forClients(ports, one)),
    ...memberHandlers(ports),
    ...all(operatorHandlers(ports), (one) => forOperators(ports, one)),
    ...all(releaseHandlers(ports), (one) => forOperators(ports, one)),
  };
}

function clientHandlers(ports: ServicePorts): Handlers {
  return {
    'client.hello': (payload, { connection }) => {
      ports.access.admit(connection, parseRequest(requests.hello, payload).token);
      return ports.describe();
    },
    'swarm.join': (payload, context) => {
      const { token, ...node } = parseRequest(requests.join, payload);
      ports.access.requireJoinToken(token);
      ports.requireServing();
      return ports.admitPeer({ ...node, peerId: context.connection.peerId }, context.timeoutMs);
    },
    'swarm.status': forClients(ports, (payload) => {
      parseRequest(requests.nothing, payload);
      return ports.status();
    }),
    'swarm.health': forClients(ports, (payload) => {
      return ports.swarmHealth(parseRequest(requests.swarmHealth, payload).direct);
    }),
    'swarm.remove': forClients(ports, (payload, { connection, timeoutMs }) => {
      const { nodeId } = parseRequest(requests.leave, payload);
      ports.access.requireOperator(connection);
      ports.requireServing();
      return ports.removePeer(nodeId, timeoutMs);
    }),
  };
}

/** Where a write stands in its session. */
interface SessionPosition {
  readonly session: number;
  readonly sequence: number;
  readonly awaitedFrom?: number | undefined;
}

/** Sessions in which writes are numbered, so that one that is sent again is applied once. */
function sessionHandlers(ports: ServicePorts): Handlers {
  const change = (type: 'keepSession' | 'closeSession'): Handler =>
    forClients(ports, async (payload, { timeoutMs, connection }) => {
      const { session } = parseRequest(requests.session, payload);
      ports.requireServing();
      // Sessions of the previous release neither expire nor are closed.
      if (ports.sessionRules() === null) return { session };
      const command = { type, session, owner: connection.peerId, nowMs: 0 };
      return { session: applied(await ports.submit(command, timeoutMs)).value };
    });
  return {
    'memory.openSession': forClients(ports, async (payload, { timeoutMs, connection }) => {
      parseRequest(requests.nothing, payload);
      ports.requireServing();
      const result = applied(
        await ports.submit({ type: 'openSession', owner: connection.peerId }, timeoutMs),
      );
      return { session: result.value, ...ports.sessionRules() };
    }),
    'memory.keepSession': change('keepSession'),
    'memory.closeSession': change('closeSession'),
  };
}

function memoryHandlers(ports: ServicePorts): Handlers {
  const read: ReadBarrier = async (consistency, { signal }) => {
    ports.requireServing();
    if (consistency === 'linearizable') await ports.readBarrier(signal);
    // Nobody waits any more for what would be read now.
    signal.throwIfAborted();
  };
  const write = async (
    { session, sequence, awaitedFrom }: SessionPosition,
    command: SessionWrite['command'],
    { connection, timeoutMs }: CallContext,
  ): Promise<object> => {
    const owner = connection.peerId;
    const head = { type: 'memory', session, owner, sequence, command: checked(command) } as const;
    const isWindowed = ports.sessionRules() !== null;
    const entry = isWindowed ? { ...head, awaitedFrom: awaitedFrom ?? sequence } : head;
    return { index: applied(await ports.submit(entry, timeoutMs)).index };
  };
  const insert = async (
    position: SessionPosition,
    memory: Omit<InsertMemory, 'type' | 'vector' | 'timestampMs'>,
    context: CallContext,
  ): Promise<object> => {
    const vector = await ports.embed(embeddingText(memory.content, memory.metadata));
    const command = { type: 'insertMemory', ...memory, vector, timestampMs: ports.now() } as const;
    return write(position, command, context);
  };
  const reads = { ...graphHandlers(ports, read), ...memoryReads(ports, read) };
  return {
    ...sessionHandlers(ports),
    ...all(reads, (one) => forClients(ports, one)),
    'memory.insert': forClients(ports, async (payload, context) => {
      ports.requireServing();
      const { id, content, metadata, ...position } = parseRequest(requests.insert, payload);
      return insert(position, { id, content, metadata }, context);
    }),
    'memory.insertExpiring': forClients(ports, async (payload, context) => {
      ports.requireServing();
      const request = parseRequest(requests.insertExpiring, payload);
      const { id, content, metadata, expiresAtMs, ...position } = request;
      ports.requireExpiry();
      return insert(position, { id, content, metadata, expiresAtMs }, context);
    }),
    'memory.addEdge': forClients(ports, (payload, context) => {
      ports.requireServing();
      const { from, to, relation, weight, ...position } = parseRequest(requests.addEdge, payload);
      const timestampMs = ports.now();
      const command = { type: 'addEdge', from, to, relation, weight, timestampMs } as const;
      return write(position, command, context);
    }),
    'memory.delete': forClients(ports, (payload, context) => {
      ports.requireServing();
      const { id, ...position } = parseRequest(requests.delete, payload);
      ports.requireDeletes();
      const command = { type: 'deleteMemory', id, timestampMs: ports.now() } as const;
      return write(position, command, context);
    }),
    'memory.deleteEdge': forClients(ports, (payload, context) => {
      ports.requireServing();
      const { from, to, relation, ...position } = parseRequest(requests.deleteEdge, payload);
      ports.requireDeletes();
      const timestampMs = ports.now();
      return write(position, { type: 'deleteEdge', from, to, relation, timestampMs }, context);
    }),
  };
}

function memberHandlers(ports: ServicePorts): Handlers {
  return {
    ...all(buildReads(ports), (one) => forMembers(ports, one)),
    ...all(approvalMessages(ports), (one) => forMembers(ports, one)),
    'raft.message': forMembers(ports, (payload, { connection }) => {
      ports.receiveRaft(connection.peerId, bytesOf('a message of the consensus', payload));
      return null;
    }),
    'gossip.message': forMembers(ports, (payload, { connection }) => {
      ports.receiveGossip(connection.peerId, bytesOf('a message of gossip', payload));
      return null;
    }),
    'raft.snapshotOffer': forMembers(ports, (payload, { connection }) =>
      ports.snapshotOffer(connection.peerId, payload),
    ),
    'raft.snapshotPrepare': forMembers(ports, (payload) => ports.snapshotPrepare(payload)),
    'raft.snapshotRead': forMembers(ports, (payload) => ports.snapshotRead(payload)),
    'raft.snapshotChunk': forMembers(ports, async (payload) => {
      await ports.snapshotChunk(payload);
      return null;
    }),
    'raft.snapshotEnd': forMembers(ports, async (payload, { connection }) => {
      await ports.snapshotEnd(connection.peerId, payload);
      return null;
    }),
    'node.greet': forMembers(ports, (payload, { connection }) => {
      ports.greeted(connection, parseRequest(requests.greet, payload));
      return null;
    }),
    'node.propose': forMembers(ports, async (payload) => {
      return ports.submitHere(bytesOf('a command', payload));
    }),
    'node.health': forMembers(ports, (payload) => {
      return ports.nodeHealth(parseRequest(requests.health, payload).windowMs);
    }),
    'node.vectors': forMembers(ports, (payload) => {
      const { hashes } = parseRequest(requests.vectors, payload);
      const vectors = ports.vectorsByTextHash(hashes);
      return vectors.map((values) => (values === undefined ? null : floatsToBytes(values)));
    }),
  };
}

function bytesOf(what: string, payload: unknown): Uint8Array {
  if (payload instanceof Uint8Array) return payload;
  throw new RpcError('malformed', `${what} must be bytes`);
}

/** What an engine would refuse is refused before it is in the log. */
function checked<T extends MemoryCommand>(command: T): T {
  const problem = commandProblem(command);
  if (problem === undefined) return command;
  throw new RpcError('malformed', `the request is not valid: ${problem}`);
}

function forClients(ports: ServicePorts, handler: Handler): Handler {
  return guarded((payload, context) => {
    ports.access.requireClient(context.connection);
    return ports.track(async () => handler(payload, context));
  });
}

/** The same handlers, each behind a check of who calls. */
function all(
  handlers: Record<string, Handler>,
  behind: (handler: Handler) => Handler,
): Record<string, Handler> {
  return Object.fromEntries(
    Object.entries(handlers).map(([method, handler]) => [method, behind(handler)]),
  );
}

function forRolloutOperators(ports: ServicePorts, handler: Handler): Handler {
  return forClients(ports, (payload, context) => {
    ports.access.requireRolloutOperator(context.connection);
    return handler(payload, context);
  });
}

/** For whoever holds the operator token, and members. */
function forOperators(ports: ServicePorts, handler: Handler): Handler {
  return forClients(ports, (payload, context) => {
    ports.access.requireOperator(context.connection);
    ports.requireServing();
    return handler(payload, context);
  });
}

function forMembers(ports: ServicePorts, handler: Handler): Handler {
  return guarded((payload, context) => {
    ports.access.requireMember(context.connection);
    return handler(payload, context);
  });
}

/** Gives the failures of the node the form in which they travel. */
export function guarded(handler: Handler): Handler {
  return async (payload, context) => {
    try {
      return await handler(payload, context);
    } catch (error) {
      throw asRpcError(error);
    }
  };
}

/** Failures with a reason that a caller can act on; anything else is the transport's `internal`. */
function asRpcError(error: unknown): unknown {
  if (error instanceof ProposalError) {
    if (error.failure === 'overloaded') return new RpcError('overloaded', error.message);
    return new RpcError('refused', error.message, { reason: error.failure });
  }
  if (error instanceof MemoryError && error.code === 'invalid') {
    return new RpcError('malformed', error.message);
  }
  if (error instanceof RaftError) return new RpcError('malformed', error.message);
  if (error instanceof NodeError) {
    const code = error.code === 'malformed' ? 'malformed' : 'refused';
    return new RpcError(code, error.message, { reason: error.code });
  }
  return error;
}

/** The result of a command that had its effect, or the refusal as the caller gets it. */
export function applied(result: CommandResult): Extract<CommandResult, { ok: true }> {
  if (result.ok) return result;
  throw new RpcError('refused', refusalText(result.refusal), {
    reason: result.refusal,
    details: { index: result.index },
  });
}
