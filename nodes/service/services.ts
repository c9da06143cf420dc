/** Answers of a node: what the handlers ask for, read off the parts of the node. */
import type { MemoryEngine, ModelVector } from '../../src/memory/engine.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import type { Command, CommandResult } from '../control-plane/command.js';
import { SESSION_WINDOW } from '../control-plane/limits.js';
import { isOpen } from '../control-plane/features.js';
import { memberByPeerId } from '../control-plane/state.js';
import { encodeReport } from '../health/report.js';
import { swarmHealth } from '../health/swarm-health.js';
import type { SwarmNode } from '../node.js';
import { ProposalError } from '../proposal-error.js';
import { decodeCommand } from '../wire/command-codec.js';
import type { Access } from './access.js';
import { applied } from './handlers.js';
import type { JoiningPeer, ServicePorts } from './handlers.js';
import { requireJoinable } from './joining.js';
import { operatorServices, placed, wishes } from './operator-services.js';
import { releaseServices } from './release-services.js';
import { requireFeature } from './required-feature.js';
import { described } from './rollout-starting.js';
import { progressOf, rolloutServices } from './rollouts.js';

export function nodeServices(node: SwarmNode, access: Access): ServicePorts {
  return {
    access,
    approvals: node.approvals,
    ownPeerId: () => node.file.peerId,
    requireServing: () => node.requireServing(),
    track: (work) => node.track(work),
    submit: (command, timeoutMs) => submitUnlessLeaderChanges(node, command, timeoutMs),
    requireDeletes: () => requireFeature(node, 'deletes'),
    requireExpiry: () => requireFeature(node, 'expiry'),
    sessionRules: () =>
      isOpen(node.control, 'sessions')
        ? { timeoutMs: node.control.sessionTimeoutMs, window: SESSION_WINDOW }
        : null,
    submitHere: (bytes) => node.driver.propose(decodeCommand(bytes)),
    readBarrier: (signal) => node.driver.readBarrier(signal),
    activeEngine: () => activeEngine(node),
    vectorsByTextHash: (hashes) =>
      node.engines.v2?.vectorsByTextHash(hashes) ?? hashes.map(() => undefined),
    embed: (text) => embed(node, text),
    appliedIndex: () => node.replica.appliedIndex,
    now: () => Date.now(),
    describe: () => describe(node),
    status: () => status(node),
    nodeHealth: async (windowMs) => encodeReport(await node.health.report(windowMs)),
    swarmHealth: (isDirect) => swarmHealth(node, isDirect),
    ...rolloutServices(node),
    admitPeer: (peer, timeoutMs) => admitPeer(node, peer, timeoutMs),
    removePeer: async (nodeId, timeoutMs) => {
      applied(await node.submit({ type: 'removeMember', nodeId }, timeoutMs));
      await untilDropped(node, nodeId, timeoutMs);
      return { nodeId };
    },
    greeted: (connection, incarnation) => {
      const nodeId = node.memberIdOf(connection.peerId);
      if (nodeId !== undefined) node.peers.greeted(nodeId, incarnation, connection);
    },
    receiveRaft: (peerId, bytes) => node.receiveRaft(peerId, bytes),
    receiveGossip: (peerId, bytes) => node.gossip.receive(peerId, 'stream', bytes),
    snapshotOffer: (peerId, payload) => node.snapshots.offer(peerId, payload),
    snapshotChunk: (payload) => node.snapshots.chunk(payload),
    snapshotEnd: (peerId, payload) => node.snapshots.end(peerId, payload),
    ...operatorServices(node),
    ...releaseServices(node),
  };
}

/**
 * A follower forwards a command to the leader that it knows. One that was killed never answers: when
 * another leads, the caller hears it at once and asks again, instead of at the end of its time.
 */
async function submitUnlessLeaderChanges(
  node: SwarmNode,
  command: Command,
  timeoutMs: number,
): Promise<CommandResult> {
  const { leader } = node.replica.status();
  const answer = node.submit(command, timeoutMs);
  if (leader === node.file.nodeId || leader === 0) return answer;
  const isAnswered = answer.then(
    () => true,
    () => true,
  );
  // A driver that has stopped would tell of progress without end.
  while (node.serving) {
    // A leader begins with an entry of its own, so that its election is progress.
    const progress = node.driver.nextProgress().then(() => false);
    if (await Promise.race([isAnswered, progress])) break;
    const now = node.replica.status().leader;
    if (now !== leader && now !== 0) throw new ProposalError('leader-changed');
  }
  return answer;
}

/** A rollback may have come while a request waited, on a node that has still to build its v1 store. */
function activeEngine(node: SwarmNode): MemoryEngine {
  const version = node.engines.activeVersion(node.control);
  const engine = node.engines.engine(version);
  if (engine !== undefined) return engine;
  throw new RpcError('unavailable', `the ${version} store of this node is not open yet`);
}

/** Throws what the model does. */
export async function embed(node: SwarmNode, text: string): Promise<ModelVector> {
  const [values] = await node.embedder.embed([text], 'interactive');
  if (values === undefined) throw new RpcError('internal', 'the embedding model gave no vector');
  return { model: node.embedder.model, values };
}

function describe(node: SwarmNode): object {
  const { swarmId, swarmVersion } = node.control;
  const { nodeId, peerId } = node.file;
  const { leader } = node.replica.status();
  return { swarmId, peerId, nodeId, swarmVersion, leader, members: members(node) };
}

function members(node: SwarmNode): object[] {
  const { confState, progress, role } = node.replica.status();
  return [...node.control.members.values()].map((member) => {
    const self = member.nodeId === node.file.nodeId;
    const link = node.peers.state(member.nodeId);
    // A leader hears from everybody; another node only knows its own connections.
    const heard = role === 'leader' ? progress.get(member.nodeId)?.recentActive : link.connected;
    return {
      nodeId: member.nodeId,
      peerId: member.peerId,
      host: member.host,
      port: member.port,
      status: member.status,
      engine: member.engine,
      cordoned: member.cordoned,
      release: member.release,
      supervised: member.supervised,
      zone: member.zone,
      voter: confState.voters.includes(member.nodeId),
      reachable: self || heard === true,
      gossip: node.gossip.statusOf(member.nodeId),
      ...placed(node, member.nodeId),
    };
  });
}

function status(node: SwarmNode): object {
  const { swarmId, swarmVersion, rollout } = node.control;
  const { leader, term, commit } = node.replica.status();
  const version = node.engines.activeVersion(node.control);
  return {
    swarmId,
    swarmVersion,
    nodeId: node.file.nodeId,
    leader,
    term,
    appliedIndex: node.replica.appliedIndex,
    commitIndex: commit,
    serving: node.serving,
    members: members(node),
    ...wishes(node),
    rollout: described(rollout),
    progress: progressOf(node),
    counts: node.engines.engine(version)?.counts() ?? null,
    engine: version,
    snapshots: node.snapshots.status(),
    uptimeSeconds: Math.round((Date.now() - node.startedAtMs) / 1_000),
  };
}

async function admitPeer(
  node: SwarmNode,
  { peerId, host, port, commandVersion, release, zone, replaces }: JoiningPeer,
  timeoutMs: number,
): Promise<object> {
  // Whether the swarm has left the release of the new node behind is not for an old state to say.
  await node.driver.readBarrier();
  requireJoinable(node.control, { commandVersion, release });
  if (replaces !== undefined) requireFeature(node, 'placement');
  const place = {
    ...(zone === undefined ? {} : { zone }),
    ...(replaces === undefined ? {} : { replaces }),
  };
  const { value } = applied(
    await node.submit({ type: 'addMember', peerId, host, port, ...place }, timeoutMs),
  );
  await node.driver.readBarrier();
  const member = memberByPeerId(node.control, peerId);
  if (member === undefined) throw new RpcError('internal', 'the admitted member is not there');
  return { swarmId: node.control.swarmId, nodeId: value, members: members(node) };
}

/** A member is gone when the membership change is applied, not when it was asked for. */
async function untilDropped(node: SwarmNode, nodeId: number, timeoutMs: number): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (node.control.members.has(nodeId)) {
    if (performance.now() > deadlineMs) {
      throw new RpcError(
        'deadline-exceeded',
        `node ${nodeId} is being removed, but a majority of the voters has not agreed yet`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
