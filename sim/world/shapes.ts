/** Shapes of partitions: which directions are blocked. All else passes. */

/** A direction, from and to. */
export type Pair = readonly [from: string, to: string];

/** Groups that do not reach each other, in either direction. */
export function splitPairs(groups: readonly (readonly string[])[]): Pair[] {
  return groups.flatMap((group, index) =>
    groups
      .slice(index + 1)
      .flatMap((other) => [...oneWayPairs(group, other), ...oneWayPairs(other, group)]),
  );
}

/** Nothing goes from any of one group to any of another; answers still pass. */
export function oneWayPairs(from: readonly string[], to: readonly string[]): Pair[] {
  return from.flatMap((sender) => to.map((receiver): Pair => [sender, receiver]));
}

/** One node that reaches none of the others, and that none of them reaches. */
export function isolatePairs(node: string, others: readonly string[]): Pair[] {
  return splitPairs([[node], others.filter((other) => other !== node)]);
}

/** Two halves that only `middle` reaches, from both sides. */
export function bridgePairs(
  left: readonly string[],
  middle: string,
  right: readonly string[],
): Pair[] {
  const without = (group: readonly string[]): string[] => group.filter((name) => name !== middle);
  return splitPairs([without(left), without(right)]);
}

/** Only the center reaches the leaves, and they reach nobody else. */
export function starPairs(center: string, leaves: readonly string[]): Pair[] {
  return splitPairs(leaves.filter((leaf) => leaf !== center).map((leaf) => [leaf]));
}

/**
 * A ring of majorities, after Jepsen: each node reaches itself and its nearest neighbours on both
 * sides, just enough for a majority, and no two reach the same nodes. Of three nodes, only the
 * first and the last do not reach each other. Fewer have no such shape, and nothing is blocked.
 */
export function ringPairs(order: readonly string[]): Pair[] {
  const size = order.length;
  if (size < 3) return [];
  if (size === 3) return splitPairs([[order[0]!], [order[2]!]]);
  const majority = Math.floor(size / 2) + 1;
  const reach = Math.ceil((majority - 1) / 2);
  return order.flatMap((from, place) =>
    order
      .filter((_, other) => {
        const steps = Math.abs(place - other);
        return Math.min(steps, size - steps) > reach;
      })
      .map((to): Pair => [from, to]),
  );
}
