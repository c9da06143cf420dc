/** Spearman's rank correlation: Pearson's of the ranks, where equal values share their mean rank. */
export function spearman(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length || a.length < 2) {
    throw new RangeError(`${a.length} and ${b.length} values have no rank correlation`);
  }
  return pearson(ranks(a), ranks(b));
}

function ranks(values: readonly number[]): number[] {
  const order = [...values.keys()].sort((i, j) => values[i]! - values[j]!);
  const ranked = Array.from({ length: values.length }, () => 0);
  for (let first = 0; first < order.length;) {
    let next = first + 1;
    while (next < order.length && values[order[next]!] === values[order[first]!]) next += 1;
    for (let at = first; at < next; at += 1) ranked[order[at]!] = (first + next - 1) / 2;
    first = next;
  }
  return ranked;
}

function pearson(a: readonly number[], b: readonly number[]): number {
  const meanA = mean(a);
  const meanB = mean(b);
  let product = 0;
  let squareA = 0;
  let squareB = 0;
  for (const [at, value] of a.entries()) {
    const awayA = value - meanA;
    const awayB = b[at]! - meanB;
    product += awayA * awayB;
    squareA += awayA ** 2;
    squareB += awayB ** 2;
  }
  return product / Math.sqrt(squareA * squareB);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
