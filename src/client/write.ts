/** A write that is applied once, however often it is sent. */

import { parseAnswer, sessionSchema } from './answers.js';
import { ClientError, messageOf } from './errors.js';
import type { Answered, LinkSet, Request } from './requests.js';
import { perform } from './requests.js';
import type { OpenedSession, Place, SessionPool } from './sessions.js';

/** Fresh sessions that one write may ask for before it gives up. */
const SESSIONS_A_WRITE_MAX = 4;

/** Refusals that are outcomes of the state machine: the session keeps them as answers. */
const APPLIED_REASONS: ReadonlySet<string> = new Set(['missing-endpoint', 'not-found', 'invalid']);

/** Refusals of the session itself: nothing of this write was applied. */
const SESSION_REASONS: ReadonlySet<string> = new Set([
  'session-unknown',
  'sequence-gap',
  'sequence-stale',
]);

export interface Write extends Omit<Request, 'payload' | 'onFailure'> {
  /** The payload without session and sequence. */
  readonly body: Readonly<Record<string, unknown>>;
}

/**
 * Sends the write in a session of the pool. When the session is not known any more, the write goes out
 * in another one if no attempt can have been applied, and otherwise rejects with `outcome-unknown`.
 */
export async function write(request: Write, set: LinkSet, pool: SessionPool): Promise<Answered> {
  const deadlineMs = performance.now() + request.deadlineMs;
  for (let sessions = 1; ; sessions += 1) {
    const leftMs = Math.max(1, deadlineMs - performance.now());
    const open = (): Promise<OpenedSession> => openSession({ ...request, deadlineMs: leftMs }, set);
    const place = await pool.take(open, leftMs, request.signal);
    let isAnswered = false;
    try {
      const outcome = await attempt(request, deadlineMs - performance.now(), place, set);
      isAnswered = outcome.isAnswered;
      if (outcome.isSessionLost) pool.lose(place.session);
      if (outcome.kind === 'answered') return outcome.answered;
      const maySendAgain = outcome.kind === 'not-applied' && sessions < SESSIONS_A_WRITE_MAX;
      if (!maySendAgain) throw outcome.error;
    } finally {
      place.end(isAnswered);
    }
  }
}

/** `isAnswered`: the swarm has said what became of the write, so the session can go on after it. */
type Outcome = { readonly isAnswered: boolean; readonly isSessionLost: boolean } & (
  | { readonly kind: 'answered'; readonly answered: Answered }
  | { readonly kind: 'failed'; readonly error: unknown }
  /** The session is gone and the write was not applied: it may go out in another one. */
  | { readonly kind: 'not-applied'; readonly error: unknown }
);

async function attempt(
  request: Write,
  leftMs: number,
  { session, sequence, awaitedFrom }: Place,
  set: LinkSet,
): Promise<Outcome> {
  const { body, ...rest } = request;
  let uncertain = false;
  try {
    const answered = await perform(
      {
        ...rest,
        deadlineMs: leftMs,
        payload: { session: session.id, sequence, awaitedFrom, ...body },
        onFailure: (_error, verdict) => {
          uncertain ||= verdict.uncertain;
        },
      },
      set,
    );
    return { kind: 'answered', answered, isAnswered: true, isSessionLost: false };
  } catch (error) {
    const reason = (error instanceof ClientError ? error.reason : undefined) ?? '';
    if (!SESSION_REASONS.has(reason)) {
      const isAnswered = APPLIED_REASONS.has(reason);
      return { kind: 'failed', error, isAnswered, isSessionLost: false };
    }
    const lost = { isAnswered: false, isSessionLost: true };
    if (!uncertain) return { kind: 'not-applied', error, ...lost };
    return { kind: 'failed', error: outcomeUnknown(request.method, error), ...lost };
  }
}

function outcomeUnknown(method: string, error: unknown): ClientError {
  const reason = error instanceof ClientError ? error.reason : undefined;
  return new ClientError(
    'outcome-unknown',
    `${method} may or may not have been applied: an attempt was not answered, and the swarm does not ` +
      `know its session any more (${messageOf(error)}). It was not sent again; read before writing again`,
    { cause: error, reason },
  );
}

/** Opening is repeatable: a session whose answer was lost stays empty and expires. */
async function openSession(request: Write, set: LinkSet): Promise<OpenedSession> {
  const method = 'memory.openSession';
  const { body: _body, ...rest } = request;
  const answered = await perform({ ...rest, method, payload: {} }, set);
  const { session, timeoutMs, window } = parseAnswer(sessionSchema, method, answered.answer);
  return { id: session, timeoutMs, window };
}
