import { type Message, type NodeId, keepsOrder } from '../raft/index.js';
import {
  type EncodedEnvelope,
  type GroupId,
  type GroupMessage,
  encodeEnvelopes,
} from './envelope.js';
import { OUTBOX_MESSAGES_MAX } from './limits.js';

/** An envelope that waits for its way. */
export interface PostedEnvelope extends EncodedEnvelope {
  /** Whether it must not overtake those before it that are in order too. */
  readonly inOrder: boolean;
}

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

  /**
   * Everything that waits, in as few envelopes as possible: at most two a peer if it is not much, since
   * what has to leave in order must not hold up the rest.
   */
  take(): PostedEnvelope[] {
    const envelopes: PostedEnvelope[] = [];
    for (const [to, messages] of this.#waiting) {
      for (const inOrder of [false, true]) {
        const own = messages.filter(({ message }) => keepsOrder(message) === inOrder);
        for (const each of encodeEnvelopes(this.#id, to, own)) envelopes.push({ ...each, inOrder });
      }
    }
    this.#waiting.clear();
    return envelopes;
  }
}
