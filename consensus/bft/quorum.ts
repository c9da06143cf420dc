/**
 * Arithmetic of weights. With validators of weight n in all, of which less than n / 3 is faulty, two
 * quorums share a correct validator, and more than a third holds one (Tendermint section 2.2, where
 * they are 2f + 1 and f + 1 of n = 3f + 1).
 */

/** Whether `weight` is more than two thirds of `total`. */
export function isQuorum(weight: number, total: number): boolean {
  return 3 * weight > 2 * total;
}

/** Whether `weight` is more than a third of `total`, so that one of those who hold it is correct. */
export function hasCorrect(weight: number, total: number): boolean {
  return 3 * weight > total;
}
