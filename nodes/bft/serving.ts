/** What a validator answers others: decisions, values, what is decided here. */
import { BftError, type ValidatorId, encodeMessages } from '../../consensus/bft/index.js';
import type { Identity } from '../../transport/identity/index.js';
import { listenRpc } from '../../transport/rpc/index.js';
import type { CallContext, Handlers, PeerEndpoint } from '../../transport/rpc/rpc.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import { CONNECTION_SETTINGS } from '../groups/limits.js';
import type { BftDriver } from './driver.js';
import { type Checkpoint, encodeCheckpoint } from './checkpoint.js';
import type { CheckpointStore } from './checkpoint-store.js';
import type { DecisionLog } from './decision-log.js';
import type { ForkWatch } from './fork-watch.js';
import { readAccusation } from './investigation.js';
import type { Inbox } from './inbox.js';
import { ANSWER_BYTES_MAX, DECISIONS_PER_ANSWER_MAX, VALUE_LEFT_OUT_BYTES } from './limits.js';
import type { PolkaStore } from './polkas.js';
import type { PeerGuard } from './peer-guard.js';
import { isInParts } from './parts/part-set.js';
import type { Peers } from './peers.js';
import { readEnvelope } from './proven.js';
import type { ChainSets } from './sets.js';
import { chunkBytesOf } from './snapshot-file.js';

/** What it needs of what is around it. */
interface ServingPorts {
  readonly sets: ChainSets;
  readonly inbox: Inbox;
  readonly driver: BftDriver;
  readonly forks: ForkWatch;
  readonly peers: Peers;
  readonly decisions: DecisionLog;
  readonly checkpoints: CheckpointStore;
  readonly polkas: PolkaStore;
  /** Of values in parts, where there are any. */
  readonly ofParts: Handlers;
  /** A peer says what is decided there. */
  onHeight(peer: ValidatorId, decided: number): void;
  /** A peer shows one side of what it says is a fork. */
  onShown(peer: ValidatorId, payload: unknown): void;
}

/**
 * Handlers of calls. Whoever is no validator any more is answered, so that it learns of it; what it
 * says is not heard.
 */
function handlersOf(ports: ServingPorts): Handlers {
  const { sets, inbox, driver, peers, decisions, polkas, checkpoints } = ports;
  const answering = new Set<ValidatorId>();
  /** One at a time for each peer: what is read from the disk is bounded. */
  const answer = async <T>(peerId: ValidatorId, read: () => Promise<T>): Promise<T> => {
    if (answering.has(peerId)) throw new RpcError('overloaded', 'one answer at a time');
    answering.add(peerId);
    try {
      return await read();
    } finally {
      answering.delete(peerId);
    }
  };
  return {
    'bft.envelope': (payload, { connection: { peerId } }) => {
      if (sets.isPeer(peerId)) inbox.receive(peerId, payload);
    },
    'bft.greet': (payload, { connection: { peerId } }) => {
      if (typeof payload === 'string') peers.greeted(peerId, payload.slice(0, 64));
    },
    'bft.height': (payload, { connection: { peerId } }) => {
      if (typeof payload === 'number' && sets.isPeer(peerId)) ports.onHeight(peerId, payload);
      return driver.decided;
    },
    'bft.value': (payload) => {
      const isOne = typeof payload === 'string' && !isInParts(payload);
      return isOne ? (driver.value(payload) ?? null) : null;
    },
    'bft.ids': (payload) => {
      return Number.isSafeInteger(payload) ? ports.forks.idsFrom(payload as number) : null;
    },
    'bft.fork': (payload, { connection: { peerId } }) => {
      if (sets.isPeer(peerId)) ports.onShown(peerId, payload);
      return true;
    },
    ...ports.ofParts,
    'bft.justify': (payload) => answerTo(payload, polkas),
    'bft.decisions': async (payload, { connection: { peerId } }: CallContext) => {
      if (!Number.isSafeInteger(payload) || (payload as number) < 1) {
        throw new RpcError('malformed', 'bft.decisions takes a height from 1 on');
      }
      return answer(peerId, () => decisionsFrom(payload as number, driver, decisions));
    },
    'bft.checkpoint': (payload) => {
      const { last } = checkpoints;
      const found = payload === null ? last : stableAt(checkpoints, payload);
      return found === null ? null : encodeCheckpoint(found);
    },
    'bft.chunk': (payload, { connection: { peerId } }: CallContext) => {
      const [height, index] = Array.isArray(payload) ? (payload as readonly unknown[]) : [];
      const found = stableAt(checkpoints, height);
      if (found === null || chunkBytesOf(found, index as number) === 0) return null;
      return answer(peerId, () => checkpoints.chunk(found, index as number));
    },
  };
}

function stableAt({ stable }: CheckpointStore, height: unknown): Checkpoint | null {
  return stable.find((each) => each.height === height) ?? null;
}

/** Records of decisions from a height on, as many as an answer holds; none if it is pruned. */
export async function decisionsFrom(
  first: number,
  driver: BftDriver,
  decisions: DecisionLog,
): Promise<Uint8Array[]> {
  const records: Uint8Array[] = [];
  if (first < decisions.first) return records;
  let bytes = 0;
  for (let height = first; height <= driver.decided; height += 1) {
    if (records.length >= DECISIONS_PER_ANSWER_MAX || bytes >= ANSWER_BYTES_MAX) break;
    const record = await decisions.read(height - 1);
    records.push(withoutParts(record));
    // What is read counts, also where it is left out.
    bytes += record.length;
  }
  return records;
}

/** A long value in parts is left out: who lacks it collects it, from all who have it. */
function withoutParts(record: Uint8Array): Uint8Array {
  if (record.length <= VALUE_LEFT_OUT_BYTES) return record;
  const [decision] = readEnvelope(record);
  const isLeftOut = decision?.type === 'decision' && isInParts(decision.decision.proposal.value);
  return isLeftOut ? encodeMessages([decision]) : record;
}

/** A polka justifies whoever voted by it: it does not matter who is accused, and it is no secret. */
function answerTo(payload: unknown, polkas: PolkaStore): Promise<Uint8Array | null> {
  try {
    return polkas.answer(readAccusation(payload as Uint8Array));
  } catch (error) {
    if (payload instanceof Uint8Array && !(error instanceof BftError)) throw error;
    throw new RpcError('malformed', 'bft.justify takes an accusation');
  }
}

/** Who listens, and where. */
export interface ListeningPorts extends ServingPorts {
  readonly identity: Identity;
  readonly place: { readonly host: string; readonly port: number };
  readonly guard: PeerGuard;
  log(line: string): void;
}

/** Listens for calls of those who are or were validators. Throws `RpcError`. */
export function listenForPeers(ports: ListeningPorts): Promise<PeerEndpoint> {
  const { identity, place, guard, sets, log } = ports;
  return listenRpc({
    identity,
    host: place.host,
    port: place.port,
    settings: CONNECTION_SETTINGS,
    authorize: (peer) => {
      // One that is removed, and does not know it, has to be able to learn it.
      if (!sets.knows(peer)) return 'no validator of this chain';
      return guard.isCutOff(peer, performance.now()) ? 'cut off for a while' : true;
    },
    handlers: handlersOf(ports),
    onHandlerError: (method, peer, error) => log(`${method} of ${peer}: ${String(error)}`),
  });
}
