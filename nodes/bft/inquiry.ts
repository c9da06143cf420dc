/** How a validator investigates a fork that it is a part of: with its own files, and by asking others. */
import { setTimeout as wait } from 'node:timers/promises';
import type { ValidatorId } from '../../consensus/bft/index.js';
import { ValidatorError } from './error.js';
import type { Chain } from './genesis.js';
import { type ForkReport, investigateOn, readAccusation } from './investigation.js';
import { BEAT_MS } from './limits.js';
import { readEnvelope } from './proven.js';
import type { ValidatorStore } from './store.js';

/** What it needs of the validator. */
export interface InquiryPorts {
  readonly self: ValidatorId;
  readonly chain: Chain;
  readonly store: Pick<ValidatorStore, 'decisions' | 'polkas'>;
  /** Rejects when the peer cannot be reached. */
  call(peer: ValidatorId, method: string, payload: unknown): Promise<unknown>;
}

/**
 * Names who made the fork between the decision of this validator and `other`, an envelope of one. An
 * accused is asked for `answerMs`, again and again.
 * Throws `ValidatorError`: `bad-option` if they make none, `pruned` if the decision is deleted here, or one
 * from which it follows who the validators were.
 */
export function inquire(
  other: Uint8Array,
  answerMs: number,
  { self, chain, store, call }: InquiryPorts,
): Promise<ForkReport> {
  const read = (height: number): Promise<Uint8Array> => store.decisions.read(height - 1);
  const ask = async (accused: ValidatorId, accusation: Uint8Array): Promise<Uint8Array | null> => {
    if (accused === self) return store.polkas.answer(readAccusation(accusation));
    const endMs = performance.now() + answerMs;
    for (;;) {
      const answer = await call(accused, 'bft.justify', accusation).catch(() => undefined);
      if (answer instanceof Uint8Array) return new Uint8Array(answer);
      // It said that it has none, which does not change; else it could not be asked.
      if (answer === null || performance.now() + BEAT_MS >= endMs) return null;
      await wait(BEAT_MS);
    }
  };
  const height = heightOf(other);
  if (height < 1 || height > store.decisions.count) {
    const message = `height ${height} is not decided here, so that nothing contradicts it`;
    return Promise.reject(new ValidatorError('bad-option', message));
  }
  return read(height).then((own) => {
    return investigateOn(chain, { decisions: [own, other], earlier: read, ask });
  });
}

function heightOf(envelope: Uint8Array): number {
  const [first] = readEnvelope(envelope);
  return first?.type === 'decision' ? first.decision.proposal.height : 0;
}
