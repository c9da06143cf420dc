/** A write that is applied once, however often it is sent. */

import { parseAnswer, sessionSchema } from './answers.js';
import { ClientError, messageOf } from './errors.js';
import type { Answered, LinkSet, Request } from './requests.js';
import { perform } from './requests.js';
import type { Session, SessionPool } from './sessions.js';

/** Fresh sessions that one write may ask for before it gives up. */
const SESSIONS_A_WRITE_MAX = 4;

/** Refusals that are outcomes of the state machine: the session counts them as its last answer. */
const APPLIED_REASONS: ReadonlySet<string> = new Set(['missing-endpoint']);

/** Refusals of the session itself: nothing of this write was applied. */
const SESSION_REASONS: ReadonlySet<string> = new Set(['session-unknown', 'sequence-gap']);

export interface Write extends Omit<Request, 'payload' | 'onFailure'> {
  /** The payload without session and sequence. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** Sends the write under a session of the pool, which is free again afterwards or given up. */
export async function write(request: Write, set: LinkSet, pool: SessionPool): Promise<Answered> {
  const deadlineMs = performance.now() + request.deadlineMs;
  let session = await pool.acquire();
  let keep = false;
  try {
    for (let sessions = 1; ; sessions += 1) {
      const leftMs = Math.max(1, deadlineMs - performance.now());
      session ??= await openSession({ ...request, deadlineMs: leftMs }, set);
      const outcome = await attempt(request, deadlineMs - performance.now(), session, set);
      if (outcome.kind === 'answered') {
        keep = true;
        return outcome.answered;
      }
      if (outcome.kind === 'failed') {
        keep = outcome.keep;
        throw outcome.error;
      }
      if (sessions >= SESSIONS_A_WRITE_MAX) throw outcome.error;
      session = undefined;
    }
  } finally {
    if (keep && session !== undefined) pool.release(session);
    else pool.discard();
  }
}

type Outcome =
  | { readonly kind: 'answered'; readonly answered: Answered }
  | { readonly kind: 'failed'; readonly error: unknown; readonly keep: boolean }
  /** The session is gone and the write was not applied: it may go out under another one. */
  | { readonly kind: 'no-session'; readonly error: unknown };

async function attempt(
  request: Write,
  leftMs: number,
  session: Session,
  set: LinkSet,
): Promise<Outcome> {
  const { body, ...rest } = request;
  let uncertain = false;
  try {
    const answered = await perform(
      {
        ...rest,
        deadlineMs: leftMs,
        payload: { session: session.id, sequence: session.sequence, ...body },
        onFailure: (_error, verdict) => {
          uncertain ||= verdict.uncertain;
        },
      },
      set,
    );
    session.sequence += 1;
    return { kind: 'answered', answered };
  } catch (error) {
    const reason = error instanceof ClientError ? error.reason : undefined;
    if (reason !== undefined && APPLIED_REASONS.has(reason)) {
      session.sequence += 1;
      return { kind: 'failed', error, keep: true };
    }
    if (reason === undefined || !SESSION_REASONS.has(reason)) {
      return { kind: 'failed', error, keep: false };
    }
    if (!uncertain) return { kind: 'no-session', error };
    const unknown = new ClientError(
      'outcome-unknown',
      `${request.method} may or may not have been applied: its session ended before a repeated ` +
        `attempt was answered (${messageOf(error)}); read before writing again`,
      { cause: error, reason },
    );
    return { kind: 'failed', error: unknown, keep: false };
  }
}

/** Opening is repeatable: a session whose answer was lost stays empty and expires. */
async function openSession(request: Write, set: LinkSet): Promise<Session> {
  const method = 'memory.openSession';
  const { body: _body, ...rest } = request;
  const answered = await perform({ ...rest, method, payload: {} }, set);
  return { id: parseAnswer(sessionSchema, method, answered.answer).session, sequence: 1 };
}
