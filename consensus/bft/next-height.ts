import { NEXT_HEIGHT_MESSAGES_PER_VALIDATOR_MAX } from './limits.js';
import type { BftMessage } from './message.js';
import type { Certificate, Height, Proposal, Round, ValidatorId, Vote } from './types.js';

/** What came for a height before it began. */
export interface EarlyMessages {
  readonly votes: readonly Vote[];
  readonly certificates: readonly Certificate[];
  readonly proposals: readonly { readonly proposal: Proposal; readonly isValid: boolean }[];
}

interface Early {
  readonly message: BftMessage;
  readonly height: Height;
  readonly isValid: boolean;
}

/**
 * Messages of the height that comes next: others may be a little faster. Of each sender so many are
 * kept, the newest, and of how many senders is limited by who can sign.
 */
export class NextHeight {
  readonly #bySender = new Map<ValidatorId, Early[]>();

  add(
    message: BftMessage,
    about: { readonly height: Height; readonly round: Round; readonly from: ValidatorId },
    isValid: boolean,
  ): void {
    const own = this.#bySender.get(about.from) ?? [];
    own.push({ message, height: about.height, isValid });
    if (own.length > NEXT_HEIGHT_MESSAGES_PER_VALIDATOR_MAX) own.shift();
    this.#bySender.set(about.from, own);
  }

  /** What came for the height; everything is forgotten. */
  take(height: Height): EarlyMessages {
    const votes: Vote[] = [];
    const certificates: Certificate[] = [];
    const proposals: { proposal: Proposal; isValid: boolean }[] = [];
    for (const early of [...this.#bySender.values()].flat()) {
      if (early.height !== height) continue;
      const { message, isValid } = early;
      if (message.type === 'vote') votes.push(message.vote);
      if (message.type === 'certificate') certificates.push(message.certificate);
      if (message.type === 'proposal') proposals.push({ proposal: message.proposal, isValid });
    }
    this.#bySender.clear();
    return { votes, certificates, proposals };
  }
}
