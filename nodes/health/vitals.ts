/** What a process knows of itself and of its disk. */
import { randomUUID } from 'node:crypto';
import { statfs } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';

import { EVENT_LOOP_RESOLUTION_MS, SLOT_MS, WINDOW_MS_MAX } from './limits.js';

export interface VitalSigns {
  /** Names this process: another name means that the node was restarted. */
  readonly incarnation: string;
  readonly uptimeMs: number;
  readonly rssBytes: number;
  readonly heapUsedBytes: number;
  /** The longest that anything had to wait for its turn in the window. */
  readonly eventLoopDelayMs: number;
  /** Null when the file system does not say. */
  readonly diskFreeBytes: number | null;
}

const SLOTS = Math.ceil(WINDOW_MS_MAX / SLOT_MS);

export class Vitals {
  readonly #directory: string;
  readonly #incarnation = randomUUID();
  readonly #startedMs = performance.now();
  readonly #delay = monitorEventLoopDelay({ resolution: EVENT_LOOP_RESOLUTION_MS });
  /** The longest delay of each of the last slots, newest last. */
  readonly #delaysMs: number[] = [];
  readonly #timer: NodeJS.Timeout;

  /** `directory`: of whose disk the free bytes are told. */
  constructor(directory: string) {
    this.#directory = directory;
    this.#delay.enable();
    this.#timer = setInterval(() => this.#takeDelay(), SLOT_MS);
    this.#timer.unref();
  }

  async read(windowMs: number): Promise<VitalSigns> {
    const { rss, heapUsed } = process.memoryUsage();
    const slots = Math.ceil(windowMs / SLOT_MS);
    return {
      incarnation: this.#incarnation,
      uptimeMs: Math.round(performance.now() - this.#startedMs),
      rssBytes: rss,
      heapUsedBytes: heapUsed,
      eventLoopDelayMs: Math.max(this.#longestMs(), ...this.#delaysMs.slice(-slots)),
      diskFreeBytes: await this.#diskFreeBytes(),
    };
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#delay.disable();
  }

  #takeDelay(): void {
    this.#delaysMs.push(this.#longestMs());
    if (this.#delaysMs.length > SLOTS) this.#delaysMs.shift();
    this.#delay.reset();
  }

  /** Beyond what a timer of this resolution waits anyway. */
  #longestMs(): number {
    return Math.max(0, Math.round(this.#delay.max / 1e6) - EVENT_LOOP_RESOLUTION_MS);
  }

  async #diskFreeBytes(): Promise<number | null> {
    try {
      const { bavail, bsize } = await statfs(this.#directory);
      return bavail * bsize;
    } catch {
      return null;
    }
  }
}
