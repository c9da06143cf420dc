/** Decides about each message before it is delivered or relayed. */
import { decodeEnvelope, type Envelope } from './envelope.js';
import {
  AGE_MS_MAX,
  BYTES_PER_SECOND_MAX,
  CLOCK_SKEW_MS_MAX,
  MESSAGES_PER_SECOND_MAX,
  MESSAGE_BYTES_MAX,
  SENDERS_MAX,
} from './limits.js';
import { Offences } from './offences.js';
import { Rate } from './rate.js';
import { ReplayWindow } from './replay-window.js';

/** Why a message was refused. */
export type Refusal =
  | 'too-large'
  | 'malformed'
  | 'wrong-schema'
  /** Its author may not take part. */
  | 'stranger'
  | 'too-old'
  /** So old that no clock and no slow path explains it. */
  | 'expired'
  | 'from-the-future'
  | 'replayed'
  | 'too-fast'
  | 'too-many-senders';

/** In these all honest peers agree: whoever passes such a message on is at fault. */
const REJECTED: ReadonlySet<Refusal> = new Set(['too-large', 'malformed', 'wrong-schema']);
/**
 * What the rest costs, in points of `Offences`: its author when the message came from itself. A relay
 * may know other members, clocks and rates than this process, and an author may show each relay
 * another message of the same number: it answers only for what no honest peer still has.
 */
const POINTS = 10;

export type Verdict =
  | { readonly outcome: 'accept'; readonly envelope: Envelope }
  /** Neither delivered nor relayed; `reject` also lowers the score of the peer that sent it. */
  | { readonly outcome: 'reject' | 'ignore'; readonly refusal: Refusal };

/** A message as gossipsub hands it over, its signature verified. */
export interface Arrived {
  readonly topic: string;
  /** Peer ids: who signed it, and who passed it on. */
  readonly author: string;
  readonly relay: string;
  readonly bytes: Uint8Array;
}

export interface JudgeOptions {
  readonly isAllowed: (peerId: string) => boolean;
  /** The body by the schema of its topic; undefined when it does not fit. */
  readonly parse: (topic: string, body: unknown) => { readonly body: unknown } | undefined;
  /** The clock of the day. Milliseconds since 1970. */
  readonly nowMs: () => number;
}

/** One author in one topic. */
interface Sender {
  readonly window: ReplayWindow;
  readonly rate: Rate;
  /** The latest `sentMs` of those accepted: later than this and the age, all of them are too old. */
  lastSentMs: number;
}

export class Judge {
  readonly #options: JudgeOptions;
  readonly #offences: Offences;
  readonly #senders = new Map<string, Sender>();

  constructor(options: JudgeOptions, offences: Offences) {
    this.#options = options;
    this.#offences = offences;
  }

  judge(message: Arrived): Verdict {
    const verdict = this.#verdict(message);
    if (verdict.outcome === 'ignore' && verdict.refusal !== 'too-many-senders') {
      const isAtFault = message.relay === message.author || verdict.refusal === 'expired';
      if (isAtFault) this.#offences.add(message.relay, POINTS);
    }
    return verdict;
  }

  /** Forgets senders of whom every message would be too old by now. */
  sweep(): void {
    const nowMs = this.#options.nowMs();
    for (const [key, { lastSentMs }] of this.#senders) {
      if (lastSentMs + AGE_MS_MAX < nowMs) this.#senders.delete(key);
    }
  }

  #verdict({ topic, author, bytes }: Arrived): Verdict {
    if (bytes.length > MESSAGE_BYTES_MAX) return refuse('too-large');
    if (!this.#options.isAllowed(author)) return refuse('stranger');
    const envelope = decodeEnvelope(bytes);
    if (envelope === undefined) return refuse('malformed');
    const nowMs = this.#options.nowMs();
    const ageMs = nowMs - envelope.sentMs;
    if (ageMs > AGE_MS_MAX + 2 * CLOCK_SKEW_MS_MAX) return refuse('expired');
    if (ageMs > AGE_MS_MAX) return refuse('too-old');
    if (ageMs < -CLOCK_SKEW_MS_MAX) return refuse('from-the-future');
    const sender = this.#senderOf(topic, author, nowMs);
    if (sender === undefined) return refuse('too-many-senders');
    const { epoch, sequence, sentMs } = envelope;
    if (!sender.window.isNew(epoch, sequence)) return refuse('replayed');
    if (sender.rate.take(bytes.length, nowMs) > 0) return refuse('too-fast');
    const parsed = this.#options.parse(topic, envelope.body);
    if (parsed === undefined) return refuse('wrong-schema');
    sender.window.add(epoch, sequence);
    sender.lastSentMs = Math.max(sender.lastSentMs, sentMs);
    return { outcome: 'accept', envelope: { ...envelope, body: parsed.body } };
  }

  #senderOf(topic: string, author: string, nowMs: number): Sender | undefined {
    const key = `${author} ${topic}`;
    const known = this.#senders.get(key);
    if (known !== undefined) return known;
    if (this.#senders.size >= SENDERS_MAX) this.sweep();
    if (this.#senders.size >= SENDERS_MAX) return undefined;
    const sender: Sender = {
      window: new ReplayWindow(),
      rate: new Rate(2 * MESSAGES_PER_SECOND_MAX, 2 * BYTES_PER_SECOND_MAX, nowMs),
      // What is refused for its rate or schema is remembered as long as one that was accepted now.
      lastSentMs: nowMs,
    };
    this.#senders.set(key, sender);
    return sender;
  }
}

function refuse(refusal: Refusal): Verdict {
  return { outcome: REJECTED.has(refusal) ? 'reject' : 'ignore', refusal };
}
