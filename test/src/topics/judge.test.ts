import { beforeEach, describe, expect, it } from 'vitest';
import { encodeEnvelope, type Envelope } from '../../../src/topics/envelope.js';
import { Judge, type Arrived, type Refusal, type Verdict } from '../../../src/topics/judge.js';
import {
  AGE_MS_MAX,
  BURST_SECONDS,
  CLOCK_SKEW_MS_MAX,
  MESSAGES_PER_SECOND_MAX,
  MESSAGE_BYTES_MAX,
  SENDERS_MAX,
} from '../../../src/topics/limits.js';
import { Offences } from '../../../src/topics/offences.js';
import { thresholds } from '../../../src/topics/score-parameters.js';

const TOPIC = 'topic';
const EPOCH = 1_000;
let nowMs = 0;
let offences: Offences;
let judge: Judge;
let sequence = 0;

beforeEach(() => {
  nowMs = 10_000_000;
  sequence = 0;
  offences = new Offences(() => nowMs);
  judge = new Judge(
    {
      isAllowed: (peerId) => peerId !== 'stranger',
      parse: (_, body) => (body === 'wrong' ? undefined : { body }),
      nowMs: () => nowMs,
    },
    offences,
  );
});

function message(envelope: Partial<Envelope> = {}, arrived: Partial<Arrived> = {}): Arrived {
  sequence += 1;
  const whole = { epoch: EPOCH, sequence, sentMs: nowMs, body: 'right', ...envelope };
  return {
    topic: TOPIC,
    author: 'author',
    relay: 'relay',
    bytes: encodeEnvelope(TOPIC, whole),
    ...arrived,
  };
}

function refusalOf(verdict: Verdict): Refusal | 'accepted' {
  return verdict.outcome === 'accept' ? 'accepted' : verdict.refusal;
}

function judged(envelope: Partial<Envelope> = {}, arrived: Partial<Arrived> = {}): string {
  return refusalOf(judge.judge(message(envelope, arrived)));
}

describe('what comes is judged before it goes on', () => {
  it('accepts a message once, with the body as the schema gives it', () => {
    const first = message();
    expect(judge.judge(first)).toEqual({
      outcome: 'accept',
      envelope: { epoch: EPOCH, sequence: 1, sentMs: nowMs, body: 'right' },
    });
    expect(judge.judge(first)).toEqual({ outcome: 'ignore', refusal: 'replayed' });
  });

  it('rejects what no honest peer accepts', () => {
    const bytes = new Uint8Array(MESSAGE_BYTES_MAX + 1);
    const rejected = [
      judge.judge(message({}, { bytes })),
      judge.judge(message({}, { bytes: Buffer.from('junk') })),
      judge.judge(message({ body: 'wrong' })),
    ];
    expect(rejected).toEqual([
      { outcome: 'reject', refusal: 'too-large' },
      { outcome: 'reject', refusal: 'malformed' },
      { outcome: 'reject', refusal: 'wrong-schema' },
    ]);
  });

  it('refuses strangers, what is old, and what comes from the future', () => {
    expect(judged({}, { author: 'stranger' })).toBe('stranger');
    expect(judged({ sentMs: nowMs - AGE_MS_MAX })).toBe('accepted');
    expect(judged({ sentMs: nowMs - AGE_MS_MAX - 1 })).toBe('too-old');
    expect(judged({ sentMs: nowMs - AGE_MS_MAX - 2 * CLOCK_SKEW_MS_MAX - 1 })).toBe('expired');
    expect(judged({ sentMs: nowMs + CLOCK_SKEW_MS_MAX })).toBe('accepted');
    expect(judged({ sentMs: nowMs + CLOCK_SKEW_MS_MAX + 1 })).toBe('from-the-future');
  });

  it('accepts a later start of the sender, and nothing of the earlier one from then on', () => {
    expect(judged({ epoch: EPOCH, sequence: 9 })).toBe('accepted');
    expect(judged({ epoch: EPOCH + 1, sequence: 1 })).toBe('accepted');
    expect(judged({ epoch: EPOCH, sequence: 10 })).toBe('replayed');
  });

  it('forgets a sender only when all it ever sent is too old', () => {
    const replay = message({ sentMs: nowMs + CLOCK_SKEW_MS_MAX });
    expect(refusalOf(judge.judge(replay))).toBe('accepted');
    nowMs += CLOCK_SKEW_MS_MAX + AGE_MS_MAX;
    judge.sweep();
    expect(refusalOf(judge.judge(replay))).toBe('replayed');
    nowMs += 1;
    judge.sweep();
    expect(refusalOf(judge.judge(replay))).toBe('too-old');
  });

  it('takes a flood up to twice the rate, and again what comes later', () => {
    const taken = 2 * MESSAGES_PER_SECOND_MAX * BURST_SECONDS;
    const outcomes = Array.from({ length: taken + 5 }, () => judged());
    expect(outcomes.slice(0, taken).every((outcome) => outcome === 'accepted')).toBe(true);
    expect(outcomes.slice(taken)).toEqual(Array(5).fill('too-fast'));
    expect(judged({}, { author: 'another' })).toBe('accepted');
    nowMs += 1_000;
    expect(judged()).toBe('accepted');
  });

  it('remembers no more senders than it may', () => {
    for (let at = 0; at < SENDERS_MAX; at += 1) {
      expect(judged({}, { author: `author ${at}` })).toBe('accepted');
    }
    expect(judged({}, { author: 'one more' })).toBe('too-many-senders');
    nowMs += AGE_MS_MAX + 1;
    expect(judged({}, { author: 'one more' })).toBe('accepted');
  });
});

describe('what is refused costs', () => {
  const repeat = (relay: string, envelope: Partial<Envelope>, arrived: Partial<Arrived> = {}) => {
    for (let times = 0; times < 12; times += 1) judged(envelope, { relay, ...arrived });
  };
  const isShutOut = (peerId: string): boolean =>
    offences.score(peerId) < thresholds.graylistThreshold;

  it('the author that replays, until it is shut out; a few are free, and time heals', () => {
    repeat('author', { sequence: 1 });
    expect(isShutOut('author')).toBe(true);
    nowMs += 10 * 60_000;
    expect(offences.score('author')).toBe(0);
    judge.judge(message({ sequence: 1 }, { relay: 'author' }));
    expect(offences.score('author')).toBe(0);
  });

  it('the relay that keeps messages to replay them later', () => {
    repeat('relay', { sentMs: nowMs - AGE_MS_MAX - 2 * CLOCK_SKEW_MS_MAX - 1 });
    expect(isShutOut('relay')).toBe(true);
  });

  it('no relay that an author deceives', () => {
    repeat('relay', { sequence: 1 });
    repeat('relay', { sentMs: nowMs - AGE_MS_MAX - 1 });
    repeat('relay', {}, { author: 'stranger' });
    expect(offences.score('relay')).toBe(0);
  });
});
