/**
 * The side of a node that a supervisor started. It loads everything that does not touch the
 * directory, says so, and waits until it may take it.
 */
import { NodeError, messageOf } from '../errors.js';
import type { RolloutStepId } from './files.js';
import type { Release } from './identity.js';
import { REASON_CHARACTERS_MAX } from './limits.js';
import { CHANNEL_VERSION, fromSupervisor } from './messages.js';
import type { FromChild, FromSupervisor } from './messages.js';

type Go = Extract<FromSupervisor, { type: 'go' }>;

type Answer = Pick<Extract<FromSupervisor, { type: 'answer' }>, 'problem' | 'isPassing'>;

/** The part of `process` that is used. */
interface Channel {
  readonly connected?: boolean;
  send?(message: unknown, sent?: (error: Error | null) => void): boolean;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  once(event: 'disconnect', listener: () => void): unknown;
}

const FAILURES_OF_PLACE = new Set<unknown>([
  'address-in-use',
  'address-unavailable',
  'disk-full',
  'locked',
  'read-only',
]);

/** Whether any release would fail so here: of its port, its disk, or who else has the directory. */
function isOfPlace(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, reason } = error as { readonly code?: unknown; readonly reason?: unknown };
  return FAILURES_OF_PLACE.has(code) || FAILURES_OF_PLACE.has(reason) || isOfPlace(error.cause);
}

export class SupervisedChild {
  readonly #channel: Channel;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #requests = 0;
  #go!: (go: Go) => void;
  #leave!: () => void;
  #drain!: (how: { isHandOver: boolean }) => void;
  /** The directory is free for this process. */
  readonly go = new Promise<Go>((resolve) => {
    this.#go = resolve;
  });
  /** The next process has the directory; also when the supervisor has gone. */
  readonly leave = new Promise<void>((resolve) => {
    this.#leave = resolve;
  });
  /** This process is to end; also when the supervisor has gone. */
  readonly drain = new Promise<{ isHandOver: boolean }>((resolve) => {
    this.#drain = resolve;
  });

  /** @throws NodeError `refused` when no supervisor started this process. */
  constructor(channel: Channel = process) {
    if (channel.send === undefined) {
      throw new NodeError('refused', '--supervised is for a supervisor; give --supervise');
    }
    this.#channel = channel;
    channel.on('message', (raw) => this.#onMessage(raw));
    const onGone = (): void => {
      this.#drain({ isHandOver: false });
      this.#leave();
    };
    channel.once('disconnect', onGone);
    // It may have gone while this process was still loading: then nothing more is heard of it.
    if (channel.connected === false) onGone();
  }

  standby(release: Release): Promise<void> {
    return this.#say({ type: 'standby', version: CHANNEL_VERSION, release });
  }

  ready(node: { nodeId: number; peerId: string; address: string }): Promise<void> {
    return this.#say({ type: 'ready', ...node });
  }

  /** `isFinal`: starting again would not help. */
  failed(error: unknown, isFinal: boolean): Promise<void> {
    const reason = messageOf(error).slice(0, REASON_CHARACTERS_MAX);
    return this.#say({ type: 'failed', reason, isFinal, isOfPlace: isOfPlace(error) });
  }

  /** This process has opened the directory, and wants the port. */
  opened(): Promise<void> {
    return this.#say({ type: 'opened' });
  }

  released(): Promise<void> {
    return this.#say({ type: 'released' });
  }

  /** Nothing will be undone any more: the supervisor may forget the release before. */
  settle(): Promise<void> {
    return this.#say({ type: 'settle' });
  }

  /**
   * Asks to hand over to another release. When that goes well this process is told to drain before
   * an answer comes.
   * @throws NodeError `refused` with what went wrong, `stopped` when that may pass or this drains.
   */
  async handOver(to: string, rollout: RolloutStepId | null): Promise<void> {
    this.#requests += 1;
    const request = this.#requests;
    const answered = new Promise<Answer>((resolve) => {
      this.#waiting.set(request, resolve);
    });
    const drained = this.drain.then((): Answer => ({ problem: 'it drains', isPassing: true }));
    try {
      await this.#say({ type: 'handOver', request, to, rollout });
      const { problem, isPassing } = await Promise.race([answered, drained]);
      if (problem !== null) throw new NodeError(isPassing ? 'stopped' : 'refused', problem);
    } finally {
      this.#waiting.delete(request);
    }
  }

  #onMessage(raw: unknown): void {
    const parsed = fromSupervisor.safeParse(raw);
    if (!parsed.success) return;
    const message = parsed.data;
    switch (message.type) {
      case 'go':
        return this.#go(message);
      case 'drain':
        return this.#drain({ isHandOver: message.isHandOver });
      case 'leave':
        return this.#leave();
      case 'ping':
        return void this.#say({ type: 'pong' });
      case 'answer':
        return this.#waiting.get(message.request)?.(message);
    }
  }

  async #say(message: FromChild): Promise<void> {
    await new Promise<void>((resolve) => {
      // Without a supervisor there is nobody to tell; the process drains then.
      if (this.#channel.connected !== true || this.#channel.send === undefined) return resolve();
      this.#channel.send(message, () => resolve());
    });
  }
}
