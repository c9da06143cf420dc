import { Violation } from './violation.js';

interface Reported {
  readonly replica: string;
  readonly delivered: ReadonlySet<string>;
  readonly state: string;
}

/**
 * Strong eventual consistency (Shapiro et al., "Conflict-free Replicated Data Types", 2011, section
 * 2.2): replicas that have delivered the same updates have equal states, in whatever order the
 * updates came.
 */
export class CrdtConvergence {
  readonly #delivered = new Map<string, Set<string>>();
  /** What was reported, by the number of updates behind it and a sum over their names. */
  readonly #reported = new Map<string, Reported[]>();
  readonly #sums = new Map<string, number>();

  /** `replica` has delivered `update` for the first time. Each update has a name of its own. */
  delivered(replica: string, update: string): void {
    const updates = this.#updatesOf(replica);
    if (updates.has(update)) {
      throw new Violation('crdt-convergence', `replica ${replica} delivers ${update} twice`);
    }
    updates.add(update);
    this.#sums.set(replica, (this.#sums.get(replica) ?? 0) ^ hashOf(update));
  }

  /** The state of `replica` now, in a form that is equal for equal states. */
  holds(replica: string, state: string): void {
    const updates = this.#updatesOf(replica);
    const key = `${updates.size}/${this.#sums.get(replica) ?? 0}`;
    const reported = this.#reported.get(key) ?? [];
    const known = reported.find(({ delivered }) => isSubset(updates, delivered));
    if (known === undefined) {
      reported.push({ replica, delivered: new Set(updates), state });
      this.#reported.set(key, reported);
    } else if (known.state !== state) {
      throw new Violation(
        'crdt-convergence',
        `replicas ${known.replica} and ${replica} have delivered the same ${updates.size} updates ` +
          `and hold different states: ${known.state} and ${state}`,
      );
    }
  }

  #updatesOf(replica: string): Set<string> {
    let updates = this.#delivered.get(replica);
    if (updates === undefined) {
      updates = new Set();
      this.#delivered.set(replica, updates);
    }
    return updates;
  }
}

/** Of two sets of equal size: whether they are equal. */
function isSubset(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  for (const item of a) if (!b.has(item)) return false;
  return true;
}

/** FNV-1a over the characters; only to find equal sets fast. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return hash;
}
