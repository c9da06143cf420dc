/** The health of one node, as it tells it: its requests, its process, its place in the log. */
import type { SwarmNode } from '../node.js';
import { WINDOW_MS_MAX, WINDOW_MS_MIN } from './limits.js';
import type { HealthReport } from './report.js';
import { RequestMeter } from './request-meter.js';
import { Vitals } from './vitals.js';

/** What it needs of the node. */
export type HealthSubject = Pick<SwarmNode, 'file' | 'control' | 'engines' | 'serving' | 'replica'>;

export class NodeHealth {
  readonly meter = new RequestMeter();
  readonly #node: HealthSubject;
  readonly #vitals: Vitals;

  constructor(node: HealthSubject, directory: string) {
    this.#node = node;
    this.#vitals = new Vitals(directory);
  }

  /** The last `windowMs`, within the bounds of what a node remembers. */
  async report(wantedMs: number): Promise<HealthReport> {
    const windowMs = Math.min(WINDOW_MS_MAX, Math.max(WINDOW_MS_MIN, Math.round(wantedMs)));
    const { file, control, engines, replica } = this.#node;
    const vitals = await this.#vitals.read(windowMs);
    return {
      nodeId: file.nodeId,
      engine: engines.activeVersion(control),
      release: '',
      serving: this.#node.serving,
      windowMs,
      ...this.meter.window(windowMs),
      appliedIndex: replica.appliedIndex,
      ...vitals,
    };
  }

  stop(): void {
    this.#vitals.stop();
  }
}
