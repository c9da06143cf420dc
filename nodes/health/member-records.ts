/** What one leader remembers of members from the moment in which it saw that they had switched. */
import type { MemberFigures } from '../rollout/guards.js';
import type { Roles } from '../rollout/judged.js';
import { figuresOf } from './figures.js';
import { WINDOW_MS_MIN } from './limits.js';
import type { HealthReport } from './report.js';

interface MemberRecord {
  readonly sinceMs: number;
  isSwitching: boolean;
  rssAtSwitchBytes: number | null;
  incarnation: string | null;
  restarts: number;
}

export class MemberRecords {
  readonly #records = new Map<number, MemberRecord>();
  readonly #report: (nodeId: number, windowMs: number) => Promise<HealthReport>;

  constructor(report: (nodeId: number, windowMs: number) => Promise<HealthReport>) {
    this.#report = report;
  }

  /** Call often: a record begins when the member is first seen as switched. */
  notice({ judged, switching }: Roles): void {
    const known = new Set([...judged, ...switching].map(({ nodeId }) => nodeId));
    for (const nodeId of this.#records.keys()) if (!known.has(nodeId)) this.#records.delete(nodeId);
    for (const { nodeId } of switching) this.#begin(nodeId, true);
    for (const { nodeId } of judged) this.#begin(nodeId, false);
  }

  /** Milliseconds since the record began; 0 without one. */
  watchedForMs(nodeId: number, nowMs: number): number {
    const record = this.#records.get(nodeId);
    return record === undefined ? 0 : nowMs - record.sinceMs;
  }

  /** The figures of a judged member. `commitIndex`: when it was asked. */
  figuresOf(report: HealthReport, commitIndex: number): MemberFigures {
    this.#take(report);
    const record = this.#records.get(report.nodeId);
    return {
      serving: report.serving,
      runs: report.release === '' ? [report.engine] : [report.engine, report.release],
      clients: figuresOf([report]),
      applyLagEntries: Math.max(0, commitIndex - report.appliedIndex),
      rssBytes: report.rssBytes,
      rssAtSwitchBytes: record?.rssAtSwitchBytes ?? null,
      diskFreeBytes: report.diskFreeBytes,
      restarts: record?.restarts ?? 0,
    };
  }

  #begin(nodeId: number, isSwitching: boolean): void {
    const known = this.#records.get(nodeId);
    if (known?.isSwitching === isSwitching) return;
    const record = {
      sinceMs: performance.now(),
      isSwitching,
      rssAtSwitchBytes: null,
      incarnation: null,
      restarts: 0,
    };
    this.#records.set(nodeId, record);
    // The memory that it has now is what its growth is told from; later reports stand in for this one.
    if (!isSwitching)
      void this.#report(nodeId, WINDOW_MS_MIN).then(
        (report) => this.#take(report),
        () => undefined,
      );
  }

  #take({ nodeId, incarnation, rssBytes }: HealthReport): void {
    const record = this.#records.get(nodeId);
    if (record === undefined || record.isSwitching) return;
    if (record.incarnation !== null && record.incarnation !== incarnation) record.restarts += 1;
    record.incarnation = incarnation;
    record.rssAtSwitchBytes ??= rssBytes;
  }
}
