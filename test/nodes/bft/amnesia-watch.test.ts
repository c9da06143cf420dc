import { describe, expect, it } from 'vitest';
import { AmnesiaWatch } from '../../../nodes/bft/amnesia-watch.js';
import { SignatureChecker } from '../../../nodes/bft/checking.js';
import { SUSPECTED_HEIGHTS_MAX } from '../../../nodes/bft/limits.js';
import { encodePolka } from '../../../nodes/bft/polkas.js';
import { ChainSets } from '../../../nodes/bft/sets.js';
import type { Amnesia } from '../../../nodes/bft/witness.js';
import { sleep, until } from '../../waiting.js';
import { Signers } from './signers.js';

const V = 'aa'.repeat(32);
const W = 'bb'.repeat(32);
/** The validators by their places: the one that watches, two others, the accused. */
const [SELF, B, C, ACCUSED] = [0, 1, 2, 3] as const;
const signers = new Signers([1, 2, 3, 4]);
const ids = signers.identities.map(({ peerId }) => peerId);

/** What somebody answers: bytes, null for nothing, undefined for no answer at all. */
type Answer = Uint8Array | null | undefined;

function accusation(height = 1): Amnesia {
  const [precommit] = signers.votes('precommit', [ACCUSED], 0, V, height);
  const [prevote] = signers.votes('prevote', [ACCUSED], 2, W, height);
  return { type: 'amnesia', accused: ids[ACCUSED]!, precommit: precommit!, prevote: prevote! };
}

const polka = (round: number, value: string, who = [SELF, B, C]): Uint8Array =>
  encodePolka(signers.polka(who, round, value));

/** Resolves when so many were found guilty, which takes a moment. */
function found(guilty: readonly string[], count: number): Promise<unknown> {
  return until('it is found guilty', () => guilty.length >= count, 20_000);
}

/** A watch whose peers answer by their places; what is kept here is `own`. */
function watching(
  answers: (place: number, attempt: number) => Answer,
  { own = null, answerMs = 60_000 }: { own?: Answer; answerMs?: number } = {},
) {
  const guilty: string[] = [];
  const asked: number[] = [];
  const failed: unknown[] = [];
  const sets = new ChainSets(signers.chain);
  const watch = new AmnesiaWatch(answerMs, {
    self: ids[SELF]!,
    checker: new SignatureChecker(signers.chain.digest, sets),
    validatorsAt: () => signers.chain.validators,
    others: () => ids.slice(1),
    call: async (peer) => {
      const place = ids.indexOf(peer);
      asked.push(place);
      const answer = answers(place, asked.filter((each) => each === place).length);
      if (answer === undefined) throw new Error('not reached');
      return answer;
    },
    own: async () => own ?? null,
    onGuilty: async ({ accused }) => void guilty.push(accused),
    onFailed: (error) => void failed.push(error),
  });
  watch.decided(0);
  return { watch, guilty, asked, failed };
}

describe('a validator that prevoted another value than it had precommitted', () => {
  it('is guilty at once if it says that it has no polka, and no quorum has one', async () => {
    const { watch, guilty, asked } = watching(() => null);
    watch.suspect(accusation());
    await found(guilty, 1);
    expect(guilty).toEqual([ids[ACCUSED]]);
    expect(asked).toEqual([B, C, ACCUSED]);
    await watch.close();
  });

  it.each([
    ['is here', { own: polka(1, W) }, (): Answer => null],
    ['is of the round of the precommit', { own: polka(0, W) }, (): Answer => null],
    ['the accused shows', {}, (at: number): Answer => (at === ACCUSED ? polka(1, W) : null)],
    ['another one shows', {}, (at: number): Answer => (at === C ? polka(1, W) : null)],
    [
      'is shown later',
      {},
      (at: number, attempt: number): Answer => {
        if (at !== ACCUSED) return null;
        return attempt === 1 ? undefined : polka(1, W);
      },
    ],
  ])('is not if a polka in between %s', async (_, options, answers) => {
    const { watch, guilty, asked } = watching(answers, { answerMs: 300, ...options });
    watch.suspect(accusation());
    await sleep(1_500);
    expect(guilty).toEqual([]);
    expect(asked.length).toBeLessThanOrEqual(4);
    await watch.close();
  });

  it.each([
    ['is for another value', polka(1, V)],
    ['is of the round of the prevote', polka(2, W)],
    ['has too few votes', polka(1, W, [SELF, B])],
    ['is not signed by who voted', encodePolka(signers.polka([SELF, B, C], 1, W).map(forged))],
    ['is none', new Uint8Array([1, 2, 3])],
  ])('is guilty in spite of a polka that %s', async (_, shown) => {
    const answers = (place: number): Answer => (place === ACCUSED ? shown : null);
    const { watch, guilty } = watching(answers, { answerMs: 300 });
    watch.suspect(accusation());
    await sleep(1_500);
    expect(guilty).toEqual([ids[ACCUSED]]);
    await watch.close();
  });

  it('is guilty after a while if it says nothing', async () => {
    const { watch, guilty, asked } = watching((place) => (place === ACCUSED ? undefined : null), {
      answerMs: 700,
    });
    watch.suspect(accusation());
    const began = performance.now();
    await found(guilty, 1);
    expect(performance.now() - began).toBeGreaterThan(690);
    // Those who have none are not asked again.
    expect(asked.filter((place) => place !== ACCUSED)).toEqual([B, C]);
    await watch.close();
  });

  it('is not while no quorum has said that it has none either', async () => {
    let isReached = false;
    const { watch, guilty } = watching((place) => (isReached || place === B ? null : undefined), {
      answerMs: 100,
    });
    watch.suspect(accusation());
    await sleep(1_000);
    expect(guilty).toEqual([]);
    isReached = true;
    await found(guilty, 1);
    await watch.close();
  });
});

describe('who is asked about it', () => {
  it('is asked once for a height, never about this validator or a stranger', async () => {
    const { watch, guilty, asked } = watching(() => null);
    watch.suspect(accusation());
    watch.suspect(accusation());
    watch.suspect({ ...accusation(), accused: ids[SELF]! });
    watch.suspect({ ...accusation(), accused: 'nobody' });
    // Nothing is known of such a height.
    watch.suspect(accusation(3));
    await found(guilty, 1);
    expect(asked).toHaveLength(3);
    watch.suspect(accusation(2));
    await found(guilty, 2);
    await watch.close();
    watch.decided(10);
    watch.suspect(accusation(11));
    expect(asked).toHaveLength(6);
  });

  it('is asked about heights of late alone', async () => {
    const { watch, guilty, asked } = watching(() => null);
    for (let height = 1; height < SUSPECTED_HEIGHTS_MAX; height += 1) watch.decided(height);
    watch.suspect(accusation(1));
    expect(asked).toEqual([]);
    watch.suspect(accusation(2));
    await found(guilty, 1);
    await watch.close();
  });
});

function forged<Vote extends { readonly signature: Uint8Array }>(vote: Vote): Vote {
  const signature = new Uint8Array(vote.signature);
  signature[0]! ^= 1;
  return { ...vote, signature };
}
