/**
 * The leader's side: a member whose log begins too late is told so, again and again, until it has
 * installed a snapshot. Each offer is made anew from the present state, so that nothing depends on one
 * that was lost, and a new leader goes on where the one before it stopped.
 */
import type { Message, RaftStatus } from '../../consensus/raft/index.js';
import { isUnknownMethod } from '../../transport/rpc/rpc.js';
import { messageOf } from '../errors.js';
import {
  FOLLOW_TIMEOUT_MS,
  OFFER_FAILING_MS_MAX,
  OFFER_INTERVAL_MS,
  OFFER_TIMEOUT_MS,
  PINNED_ENTRIES_MAX,
  PINNED_LOG_BYTES_MAX,
  SOURCES_MAX,
} from './limits.js';
import { packOffer, parseProgress } from './messages.js';
import type { Offer, Progress } from './messages.js';

export interface OfferPorts {
  status(): RaftStatus;
  call(nodeId: number, method: string, payload: unknown, timeoutMs: number): Promise<unknown>;
  /** Keeps the log from being compacted until the returned function is called. */
  pinLog(): () => void;
  /** D5 of the Raft core: how the transfer of a snapshot message ended. */
  report(nodeId: number, ok: boolean): void;
  /** Bytes of the log on the disk. */
  logBytes(): Promise<number>;
  /** Sends a snapshot to a member of the release before, which cannot read; never rejects. */
  push(nodeId: number): Promise<boolean>;
  log(message: string): void;
  now(): number;
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
}

export class SnapshotOffers {
  readonly #ports: OfferPorts;
  readonly #abort = new AbortController();
  /** By the member that needs a snapshot. */
  readonly #offering = new Map<number, Promise<void>>();
  readonly #progress = new Map<number, Progress>();

  constructor(ports: OfferPorts) {
    this.#ports = ports;
  }

  /** What the members said that are being brought up to date. */
  progress(): ReadonlyMap<number, Progress> {
    return this.#progress;
  }

  /** Takes over a snapshot message of the core: it will end in a report. */
  begin({ to }: Message): void {
    if (this.#offering.has(to) || this.#abort.signal.aborted) return;
    this.#ports.log(`node ${to} needs a snapshot: the log begins too late for it`);
    this.#offering.set(to, this.#bringUp(to));
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await Promise.all(this.#offering.values());
  }

  /**
   * Until the core feeds the member from the log. What the core says decides at each turn, so that
   * a message of it that comes in between is not lost. Another leader offers by itself.
   */
  async #bringUp(to: number): Promise<void> {
    const pin = new Pin(this.#ports);
    const failing = { sinceMs: undefined as number | undefined };
    let followUntilMs = Number.POSITIVE_INFINITY;
    while (!this.#abort.signal.aborted) {
      const status = this.#ports.status();
      const member = status.role === 'leader' ? status.progress.get(to) : undefined;
      if (member === undefined || member.state === 'replicate') break;
      if (this.#ports.now() >= followUntilMs && member.state !== 'snapshot') break;
      await pin.renew(status);
      if (member.state === 'snapshot') {
        await this.#offerOnce(to, failing);
        followUntilMs = this.#ports.now() + FOLLOW_TIMEOUT_MS;
      }
      await this.#ports.sleep(OFFER_INTERVAL_MS, this.#abort.signal);
    }
    this.#offering.delete(to);
    this.#progress.delete(to);
    pin.release();
  }

  /** Reports to the core when the member is done, or has not answered for long. */
  async #offerOnce(to: number, failing: { sinceMs: number | undefined }): Promise<void> {
    const { log, report, call, now } = this.#ports;
    try {
      const offer = packOffer(offerOf(this.#ports.status(), to));
      const progress = parseProgress(await call(to, 'raft.snapshotOffer', offer, OFFER_TIMEOUT_MS));
      failing.sinceMs = undefined;
      this.#progress.set(to, progress);
      if (progress.phase !== 'installed') return;
      log(`node ${to} has applied a snapshot: it is at index ${progress.index}`);
      report(to, true);
    } catch (error) {
      if (isUnknownMethod(error)) {
        report(to, await this.#ports.push(to));
        return;
      }
      failing.sinceMs ??= now();
      if (now() - failing.sinceMs < OFFER_FAILING_MS_MAX) return;
      failing.sinceMs = undefined;
      log(`node ${to} does not take a snapshot now: ${messageOf(error)}`);
      report(to, false);
    }
  }
}

/**
 * What a leader offers to a member. Followers that keep up come first, another one for each member,
 * so that neither the leader nor one follower serves all of them; the leader is the last resort.
 */
export function offerOf(status: RaftStatus, to: number): Offer {
  const { id, term, firstIndex, progress } = status;
  const leastIndex = Math.max(firstIndex - 1, 1);
  const followers = [...progress]
    .filter(([nodeId, { state, match, recentActive }]) => {
      const keepsUp = state === 'replicate' && recentActive && match >= leastIndex;
      return nodeId !== id && nodeId !== to && keepsUp;
    })
    .map(([nodeId]) => nodeId)
    .sort((a, b) => a - b);
  const first = followers.length === 0 ? 0 : to % followers.length;
  const sources = [...followers.slice(first), ...followers.slice(0, first), id];
  return { term, leader: id, leastIndex, sources: sources.slice(-SOURCES_MAX) };
}

/**
 * Keeps the log for a member that reads a snapshot, up to a number of entries: beyond, the log is
 * compacted once, whatever snapshot is on its way is of use only if it is new enough, and the log is
 * kept from there on.
 */
class Pin {
  readonly #ports: OfferPorts;
  #release: (() => void) | undefined;
  #firstIndex = 0;

  constructor(ports: OfferPorts) {
    this.#ports = ports;
  }

  async renew({ applied, firstIndex }: RaftStatus): Promise<void> {
    if (this.#release === undefined) {
      // Let go before: kept again as soon as the log has been compacted.
      if (firstIndex === this.#firstIndex) return;
      this.#release = this.#ports.pinLog();
      this.#firstIndex = firstIndex;
      return;
    }
    const entries = applied - firstIndex;
    const bytes = await this.#ports.logBytes();
    if (entries < PINNED_ENTRIES_MAX && bytes < PINNED_LOG_BYTES_MAX) return;
    this.#ports.log(`the log has ${entries} entries in ${bytes} bytes: compacted under a snapshot`);
    this.release();
  }

  release(): void {
    this.#release?.();
    this.#release = undefined;
  }
}
