/**
 * Looks for amnesia of which no fork came: a validator precommitted a value and prevoted another one in a
 * later round of the height (`consensus/bft/accountability.ts`). A correct one does that if it saw a polka
 * in between. So all are asked for one (`bft.justify`), and the accused is guilty
 *
 *     at once             if it says itself that it has none
 *     after `answerMs`    if it cannot be reached
 *
 * but only if a quorum, this validator counted, has none: who is cut off from the others accuses nobody.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { Accusation, Height, ValidatorId, ValidatorSet } from '../../consensus/bft/index.js';
import { isQuorum } from '../../consensus/bft/quorum.js';
import type { SignatureChecker } from './checking.js';
import { answerIn, encodeAccusation } from './investigation.js';
import { BEAT_MS, SUSPECTED_HEIGHTS_MAX, SUSPICIONS_MAX, SUSPICION_MS_MAX } from './limits.js';
import type { Amnesia } from './witness.js';

/** What it needs of what is around it. */
export interface AmnesiaPorts {
  readonly self: ValidatorId;
  readonly checker: SignatureChecker;
  /** Of the height under way, or of the one after it. */
  validatorsAt(height: Height): ValidatorSet;
  /** All who can be asked but this validator. */
  others(): readonly ValidatorId[];
  /** Rejects when the peer cannot be reached. */
  call(peer: ValidatorId, method: string, payload: unknown): Promise<unknown>;
  /** The record of a polka that is kept here and answers it. */
  own(accusation: Accusation): Promise<Uint8Array | null>;
  onGuilty(amnesia: Amnesia): Promise<void>;
  /** The disk failed. */
  onFailed(error: unknown): void;
}

/** See the head of this file. */
export class AmnesiaWatch {
  readonly #ports: AmnesiaPorts;
  readonly #answerMs: number;
  /** Of the last heights, the oldest first. */
  readonly #validators = new Map<Height, ValidatorSet>();
  /** Who was or is suspected, by height: nobody is asked twice. */
  readonly #suspected = new Map<Height, Set<ValidatorId>>();
  readonly #open = new Set<Promise<void>>();
  #isClosed = false;

  constructor(answerMs: number, ports: AmnesiaPorts) {
    this.#answerMs = answerMs;
    this.#ports = ports;
  }

  /** So many heights are decided: votes of the two after them are heard. */
  decided(height: Height): void {
    for (const next of [height + 1, height + 2]) {
      this.#validators.set(next, this.#ports.validatorsAt(next));
    }
    for (const [oldest] of this.#validators) {
      if (this.#validators.size <= SUSPECTED_HEIGHTS_MAX) break;
      this.#validators.delete(oldest);
      this.#suspected.delete(oldest);
    }
  }

  /** Both votes are signed. */
  suspect(amnesia: Amnesia): void {
    const { accused, precommit } = amnesia;
    const { height } = precommit;
    const validators = this.#validators.get(height);
    if (this.#isClosed || validators?.has(accused) !== true || accused === this.#ports.self) return;
    const suspected = this.#suspected.get(height) ?? new Set();
    if (suspected.has(accused) || this.#open.size >= SUSPICIONS_MAX) return;
    this.#suspected.set(height, suspected.add(accused));
    const ended = this.#examine(amnesia, validators).catch((error: unknown) => {
      if (!this.#isClosed) this.#ports.onFailed(error);
    });
    this.#open.add(ended);
    void ended.then(() => this.#open.delete(ended));
  }

  /** Resolves when nothing is asked or kept any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#open);
  }

  async #examine(amnesia: Amnesia, validators: ValidatorSet): Promise<void> {
    const { checker, own, others, self, onGuilty } = this.#ports;
    const isAnswer = (bytes: Uint8Array): boolean =>
      answerIn(bytes, amnesia, validators, checker) !== null;
    const kept = await own(amnesia);
    if (kept !== null && isAnswer(kept)) return;
    const accusation = encodeAccusation(amnesia);
    const without = new Set([self]);
    const beganAtMs = performance.now();
    while (!this.#isClosed && performance.now() < beganAtMs + SUSPICION_MS_MAX) {
      const asked = others().filter((peer) => !without.has(peer));
      const answers = await Promise.all(
        asked.map((peer) =>
          this.#ports.call(peer, 'bft.justify', accusation).catch(() => undefined),
        ),
      );
      if (answers.some((each) => each instanceof Uint8Array && isAnswer(each))) return;
      for (const [at, peer] of asked.entries()) if (answers[at] === null) without.add(peer);
      const weight = validators.weightOfAll(without);
      const isLate = performance.now() >= beganAtMs + this.#answerMs;
      const isDue = isLate || without.has(amnesia.accused);
      if (isDue && isQuorum(weight, validators.totalWeight)) return onGuilty(amnesia);
      await wait(BEAT_MS);
    }
  }
}
