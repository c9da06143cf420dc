import type { Message, NodeId } from '../raft/index.js';
import {
  type EncodedEnvelope,
  type GroupId,
  type GroupMessage,
  encodeEnvelopes,
} from './envelope.js';
import { OUTBOX_MESSAGES_MAX } from './limits.js';

/** What the groups of a node have to say, by the peer they say it to, until the end of a round. */
export class Outbox {
  readonly #id: NodeId;
  readonly #waiting = new Map<NodeId, GroupMessage[]>();

  /** `id` is the node that speaks. */
  constructor(id: NodeId) {
    this.#id = id;
  }

  /** Adds a message. False if so many wait for its receiver that it was dropped. */
  post(group: GroupId, message: Message): boolean {
    let waiting = this.#waiting.get(message.to);
    if (waiting === undefined) this.#waiting.set(message.to, (waiting = []));
    if (waiting.length >= OUTBOX_MESSAGES_MAX) return false;
    waiting.push({ group, message });
    return true;
  }

  /** Everything that waits, in as few envelopes as possible; one a peer if it is not much. */
  take(): EncodedEnvelope[] {
    const envelopes: EncodedEnvelope[] = [];
    for (const [to, messages] of this.#waiting) {
      envelopes.push(...encodeEnvelopes(this.#id, to, messages));
    }
    this.#waiting.clear();
    return envelopes;
  }
}
