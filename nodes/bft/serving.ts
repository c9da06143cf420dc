/** What a validator answers others: decisions, values, what is decided here. */
import type { ValidatorId } from '../../consensus/bft/index.js';
import type { CallContext, Handlers } from '../../transport/rpc/rpc.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import type { BftDriver } from './driver.js';
import type { FramedLog } from './framed-log.js';
import type { Inbox } from './inbox.js';
import { ANSWER_BYTES_MAX, DECISIONS_PER_ANSWER_MAX } from './limits.js';
import type { Peers } from './peers.js';
import type { ChainSets } from './sets.js';

/** What it needs of what is around it. */
export interface ServingPorts {
  readonly sets: ChainSets;
  readonly inbox: Inbox;
  readonly driver: BftDriver;
  readonly peers: Peers;
  readonly decisions: FramedLog;
  /** A peer says what is decided there. */
  onHeight(peer: ValidatorId, decided: number): void;
}

/**
 * Handlers of calls. Whoever is no validator any more is answered, so that it learns of it; what it
 * says is not heard.
 */
export function handlersOf(ports: ServingPorts): Handlers {
  const { sets, inbox, driver, peers, decisions } = ports;
  const answering = new Set<ValidatorId>();
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
      return typeof payload === 'string' ? (driver.value(payload) ?? null) : null;
    },
    'bft.decisions': async (payload, { connection: { peerId } }: CallContext) => {
      if (!Number.isSafeInteger(payload) || (payload as number) < 1) {
        throw new RpcError('malformed', 'bft.decisions takes a height from 1 on');
      }
      if (answering.has(peerId)) throw new RpcError('overloaded', 'one answer at a time');
      answering.add(peerId);
      try {
        return await decisionsFrom(payload as number, driver, decisions);
      } finally {
        answering.delete(peerId);
      }
    },
  };
}

/** Records of decisions from a height on, as many as an answer holds. */
export async function decisionsFrom(
  first: number,
  driver: BftDriver,
  decisions: FramedLog,
): Promise<Uint8Array[]> {
  const records: Uint8Array[] = [];
  let bytes = 0;
  for (let height = first; height <= driver.decided; height += 1) {
    if (records.length >= DECISIONS_PER_ANSWER_MAX || bytes >= ANSWER_BYTES_MAX) break;
    const record = await decisions.read(height - 1);
    records.push(record);
    bytes += record.length;
  }
  return records;
}
