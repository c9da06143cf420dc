/** What this server measured of the calls that it answered. */

interface Measured {
  calls: number;
  failures: number;
  totalMs: number;
  longestMs: number;
}

export interface ToolMetrics {
  readonly tool: string;
  readonly calls: number;
  readonly failures: number;
  readonly averageMs: number;
  readonly longestMs: number;
}

export class CallMetrics {
  readonly startedAtMs = Date.now();
  readonly #byTool = new Map<string, Measured>();

  add(tool: string, durationMs: number, isFailure: boolean): void {
    const measured = this.#byTool.get(tool) ?? { calls: 0, failures: 0, totalMs: 0, longestMs: 0 };
    measured.calls += 1;
    if (isFailure) measured.failures += 1;
    measured.totalMs += durationMs;
    measured.longestMs = Math.max(measured.longestMs, durationMs);
    this.#byTool.set(tool, measured);
  }

  /** Those that took the most time in all first. */
  tools(): ToolMetrics[] {
    return [...this.#byTool]
      .sort(([, a], [, b]) => b.totalMs - a.totalMs)
      .map(([tool, { calls, failures, totalMs, longestMs }]) => ({
        tool,
        calls,
        failures,
        averageMs: totalMs / calls,
        longestMs,
      }));
  }
}
