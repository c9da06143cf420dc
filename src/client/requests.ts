/** One request, as often as it takes: chooses members, retries what passes, stops at a deadline. */

import { setTimeout as sleep } from 'node:timers/promises';

import { RpcError } from '../../transport/rpc/rpc.js';
import type { RpcConnection } from '../../transport/rpc/rpc.js';
import { ClientError, messageOf } from './errors.js';
import type { Verdict } from './failure.js';
import { judgeFailure } from './failure.js';
import {
  ATTEMPT_TIMEOUT_GROWTH,
  ATTEMPT_TIMEOUT_MS_MAX,
  BACKOFF_MS_MAX,
  BACKOFF_MS_MIN,
} from './limits.js';
import { callMember } from './lanes.js';
import type { MemberLink } from './member-link.js';
import { chooseMember } from './route.js';

/** Where a request goes and how long it may take. */
export interface RequestOptions {
  /** Peer id of the member that is asked first; others stand in for it. */
  readonly through?: string;
  /** Peer id of the only member that may answer. */
  readonly only?: string;
  /** All attempts together; the default stands in the settings of the client. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

export interface Request extends RequestOptions {
  readonly method: string;
  readonly payload: unknown;
  readonly attemptTimeoutMs: number;
  readonly deadlineMs: number;
  /** The leader is asked first, unless the caller names a member: any other would have to ask it. */
  readonly prefersLeader?: boolean;
  /** Sees each failed attempt before the request decides to go on. */
  readonly onFailure?: (error: unknown, verdict: Verdict) => void;
  /** Instead of `judgeFailure`. */
  readonly judge?: (error: unknown) => Verdict;
}

/** What a request needs from the client that makes it. */
export interface LinkSet {
  links(): Iterable<MemberLink>;
  /** Peer id of the member that leads, as far as known. */
  leader(): string | undefined;
  /** Grows by one a call. */
  nextTurn(): number;
  /** Resolves when some link changes, at the latest after the given time. */
  changed(withinMs: number, signal: AbortSignal | undefined): Promise<void>;
}

export interface Answered {
  readonly answer: unknown;
  /** Peer id of the member that answered. */
  readonly servedBy: string;
  readonly attempts: number;
}

/** Sends the request until it is answered; a `ClientError` says why it was not. */
export async function perform(request: Request, set: LinkSet): Promise<Answered> {
  const deadlineMs = performance.now() + request.deadlineMs;
  const tried = new Set<string>();
  let preferred = preferredBy(request, set);
  let attemptTimeoutMs = request.attemptTimeoutMs;
  let backoffMs = BACKOFF_MS_MIN;
  let attempts = 0;
  let lastError: unknown;
  for (;;) {
    const leftMs = deadlineMs - performance.now();
    if (isCancelled(request)) throw cancelled(request);
    if (leftMs <= 0) throw late(request, attempts, lastError);
    const link = choose(request, set, preferred, tried);
    const connection = link?.connection;
    if (link === undefined || connection === undefined) {
      // Everyone was tried, or nobody is connected: a round is over.
      const waitMs = Math.min(leftMs, backoffMs * (0.5 + Math.random() / 2));
      backoffMs = Math.min(backoffMs * 2, BACKOFF_MS_MAX);
      if (tried.size > 0) await pause(waitMs, request.signal);
      else await set.changed(Math.min(leftMs, BACKOFF_MS_MAX), request.signal);
      tried.clear();
      preferred = preferredBy(request, set);
      continue;
    }
    attempts += 1;
    try {
      const answer = await callMember(connection, request.method, request.payload, {
        timeoutMs: Math.max(1, Math.min(attemptTimeoutMs, leftMs)),
        ...(request.signal === undefined ? {} : { signal: request.signal }),
      });
      return { answer, servedBy: link.peerId, attempts };
    } catch (error) {
      if (isCancelled(request)) throw cancelled(request);
      const verdict = (request.judge ?? judgeFailure)(error);
      request.onFailure?.(error, verdict);
      if (!verdict.retry) throw final(request, link, error, attempts);
      lastError = error;
      tried.add(link.peerId);
      noteFailure(link, connection, verdict);
      if (verdict.suspect) {
        attemptTimeoutMs = Math.min(
          attemptTimeoutMs * ATTEMPT_TIMEOUT_GROWTH,
          ATTEMPT_TIMEOUT_MS_MAX,
        );
      }
      if (verdict.wantsLeader) preferred = request.only ?? set.leader() ?? preferred;
      if (verdict.wait) {
        await pause(Math.min(leftMs, backoffMs * (0.5 + Math.random() / 2)), request.signal);
        backoffMs = Math.min(backoffMs * 2, BACKOFF_MS_MAX);
      }
    }
  }
}

function preferredBy(request: Request, set: LinkSet): string | undefined {
  const named = request.only ?? request.through;
  return named ?? (request.prefersLeader === true ? set.leader() : undefined);
}

function choose(
  request: Request,
  set: LinkSet,
  preferred: string | undefined,
  tried: ReadonlySet<string>,
): MemberLink | undefined {
  const nowMs = performance.now();
  const links = [...set.links()].filter(
    (link) => request.only === undefined || link.peerId === request.only,
  );
  const candidates = links.map((link) => ({
    peerId: link.peerId,
    healthy: link.state === 'open',
    connected: link.state !== 'connecting' && link.connection !== undefined,
    avoided: link.isAvoided(nowMs),
  }));
  const chosen = chooseMember(candidates, { preferred, tried, turn: set.nextTurn() });
  return links.find((link) => link.peerId === chosen?.peerId);
}

function noteFailure(link: MemberLink, connection: RpcConnection, verdict: Verdict): void {
  if (verdict.suspect) link.suspect(connection);
  if (verdict.avoidMs > 0) link.avoid(performance.now() + verdict.avoidMs);
}

async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  // An abort is answered at the top of the loop, in one place.
  await sleep(milliseconds, undefined, signal === undefined ? {} : { signal }).catch(
    () => undefined,
  );
}

function isCancelled(request: Request): boolean {
  return request.signal?.aborted === true;
}

function cancelled(request: Request): ClientError {
  return new ClientError('cancelled', `${request.method} was cancelled by its caller`);
}

function late(request: Request, attempts: number, lastError: unknown): ClientError {
  const seconds = (request.deadlineMs / 1000).toFixed(1);
  const who = request.only === undefined ? 'member' : `member ${request.only}`;
  const what =
    attempts === 0
      ? `no ${who} was connected`
      : `${attempts} attempts failed, the last one with: ${messageOf(lastError)}`;
  return new ClientError(
    'deadline-exceeded',
    `${request.method} got no answer within ${seconds} s: ${what}`,
    {
      cause: lastError,
      reason: lastError instanceof RpcError ? lastError.reason : undefined,
      attempts,
    },
  );
}

function final(request: Request, link: MemberLink, error: unknown, attempts: number): ClientError {
  const where = `${link.address.host}:${link.address.port}`;
  const message = `${request.method} at ${where} failed: ${messageOf(error)}`;
  const cause = { cause: error, attempts };
  if (!(error instanceof RpcError)) return new ClientError('failed', message, cause);
  const code =
    error.code === 'refused'
      ? 'refused'
      : error.code === 'permission-denied'
        ? 'permission-denied'
        : 'failed';
  return new ClientError(code, message, { ...cause, reason: error.reason });
}
