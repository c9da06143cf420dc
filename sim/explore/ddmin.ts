/**
 * Delta debugging: Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input" (IEEE
 * Transactions on Software Engineering 28:2, 2002), section 3.
 */

/** Thrown out of a minimization whose bound is reached; what is smallest so far stands. */
export class BoundReached extends Error {
  override readonly name = 'BoundReached';
}

/**
 * Leaves out items as long as the rest still fails. `fails` is not asked about `items` itself,
 * which must fail. The result is 1-minimal: without any one item it does not fail.
 * `keep` is told each smaller list that fails, so that it is known if `fails` throws.
 */
export function ddmin<Item>(
  items: readonly Item[],
  fails: (subset: readonly Item[]) => boolean,
  keep: (subset: readonly Item[]) => void = () => undefined,
): readonly Item[] {
  if (items.length === 0) return items;
  if (fails([])) {
    keep([]);
    return [];
  }
  let current = items;
  let parts = Math.min(2, current.length);
  while (current.length >= 2) {
    const next = reduce(current, parts, fails);
    if (next !== undefined) {
      current = next.items;
      parts = next.parts;
      keep(current);
    } else if (parts < current.length) {
      parts = Math.min(current.length, parts * 2);
    } else {
      break;
    }
  }
  return current;
}

/** One round of ddmin: reduce to a subset, or else to a complement. */
function reduce<Item>(
  items: readonly Item[],
  parts: number,
  fails: (subset: readonly Item[]) => boolean,
): { readonly items: readonly Item[]; readonly parts: number } | undefined {
  const bounds = Array.from({ length: parts + 1 }, (_, i) =>
    Math.floor((i * items.length) / parts),
  );
  const chunks = bounds.slice(1).map((end, i) => [bounds[i]!, end] as const);
  for (const [start, end] of chunks) {
    const subset = items.slice(start, end);
    if (subset.length < items.length && fails(subset)) return { items: subset, parts: 2 };
  }
  // With two parts the complements are the subsets.
  if (parts === 2) return undefined;
  for (const [start, end] of chunks) {
    const complement = [...items.slice(0, start), ...items.slice(end)];
    if (fails(complement)) return { items: complement, parts: Math.max(parts - 1, 2) };
  }
  return undefined;
}
