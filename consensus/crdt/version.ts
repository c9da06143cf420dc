/** Name of a replica. No two replicas ever have the same one, and one that lost its disk takes another. */
export type ReplicaId = string;

/** Names one update: the `sequence`-th of a replica, from 1 on. */
export interface Dot {
  readonly replica: ReplicaId;
  readonly sequence: number;
}

/**
 * How many updates of each replica are covered. Updates are applied in causal order, so that the
 * numbers say it all: this is the causal context of Almeida, Shoker and Baquero (2018, section 7)
 * without a cloud of single dots.
 */
export type VersionVector = ReadonlyMap<ReplicaId, number>;

/** Whether the update that the dot names is covered. */
export function covers(version: VersionVector, { replica, sequence }: Dot): boolean {
  return (version.get(replica) ?? 0) >= sequence;
}

/** Whether `a` covers everything that `b` does. */
export function includes(a: VersionVector, b: VersionVector): boolean {
  for (const [replica, sequence] of b) if ((a.get(replica) ?? 0) < sequence) return false;
  return true;
}

/** What either covers. */
export function joined(a: VersionVector, b: VersionVector): Map<ReplicaId, number> {
  const result = new Map(a);
  for (const [replica, sequence] of b) {
    if ((result.get(replica) ?? 0) < sequence) result.set(replica, sequence);
  }
  return result;
}

/** What all of them cover. */
export function meet(versions: readonly VersionVector[]): Map<ReplicaId, number> {
  const [first = new Map<ReplicaId, number>(), ...others] = versions;
  const result = new Map<ReplicaId, number>();
  for (const [replica, sequence] of first) {
    const least = others.reduce((now, one) => Math.min(now, one.get(replica) ?? 0), sequence);
    if (least > 0) result.set(replica, least);
  }
  return result;
}

/** The order of dots within a place, and of texts in bytes: the same at each replica. */
export function compareDots(a: Dot, b: Dot): number {
  return compareTexts(a.replica, b.replica) || a.sequence - b.sequence;
}

/** By code units; a locale would differ between machines. */
export function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
