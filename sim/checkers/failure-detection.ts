import { Violation } from './violation.js';

/** What one node holds of the others: a status by name. */
export type Views = ReadonlyMap<string, ReadonlyMap<string, string>>;

/**
 * What a failure detector owes (Chandra and Toueg 1996), with bounds in time: completeness (who has
 * crashed is known to be dead by all), accuracy (who is well is taken for dead by nobody), and that
 * all agree once nothing is wrong any more.
 */
export class FailureDetection {
  readonly #graceMicroseconds: number;
  /** Since when each node has been well; those that are not here are down or paused. */
  readonly #wellSince = new Map<string, number>();

  /** A node that has been well for less than `graceMicroseconds` may still be taken for dead. */
  constructor(graceMicroseconds: number) {
    this.#graceMicroseconds = graceMicroseconds;
  }

  /** Call when a node starts or goes on, and with `isWell` false when it stops, pauses or leaves. */
  noted(node: string, isWell: boolean, atMicroseconds: number): void {
    if (!isWell) this.#wellSince.delete(node);
    else if (!this.#wellSince.has(node)) this.#wellSince.set(node, atMicroseconds);
  }

  /** `by` has come to hold `about` for dead, in a network without partitions. */
  verdict(by: string, about: string, atMicroseconds: number): void {
    const since = this.#wellSince.get(about);
    if (since === undefined || atMicroseconds - since < this.#graceMicroseconds) return;
    const seconds = ((atMicroseconds - since) / 1_000_000).toFixed(1);
    throw new Violation(
      'failure-detection',
      `${by} takes ${about} for dead, which has been well and connected for ${seconds} s`,
    );
  }
}

/** Of those that `views` names, who does not hold `about` for what it is; undefined if all do. */
export function disagreement(
  views: Views,
  expected: ReadonlyMap<string, string>,
): string | undefined {
  for (const [by, view] of views) {
    for (const [about, status] of expected) {
      if (about === by || view.get(about) === status) continue;
      return `${by} takes ${about} for ${view.get(about) ?? 'unknown'}, and it is ${status}`;
    }
  }
  return undefined;
}
