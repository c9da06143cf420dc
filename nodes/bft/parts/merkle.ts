/**
 * The Merkle tree of RFC 6962 (section 2.1) over the parts of a value: leaves and nodes are hashed with
 * different first bytes, so that none passes for the other. A proof is the audit path of section 2.1.1.
 */
import { createHash } from 'node:crypto';

export const HASH_BYTES = 32;
const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

function leafHash(data: Uint8Array): Uint8Array {
  return createHash('sha256').update(LEAF).update(data).digest();
}

function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return createHash('sha256').update(NODE).update(left).update(right).digest();
}

/** See the head of this file. */
export class MerkleTree {
  /** Hashes of the leaves, of the pairs of them, and so on up to the root. */
  readonly #levels: (readonly Uint8Array[])[];

  /** Of at least one leaf. */
  constructor(leaves: readonly Uint8Array[]) {
    let level: readonly Uint8Array[] = leaves.map(leafHash);
    this.#levels = [level];
    while (level.length > 1) {
      const below = level;
      level = below.flatMap((left, at) => {
        if (at % 2 === 1) return [];
        const right = below[at + 1];
        // One that is left over goes up as it is: the left half is the greatest power of two.
        return [right === undefined ? left : nodeHash(left, right)];
      });
      this.#levels.push(level);
    }
  }

  get root(): Uint8Array {
    return this.#levels.at(-1)![0]!;
  }

  /** The hashes that lead from a leaf to the root, the lowest first. */
  proof(leaf: number): readonly Uint8Array[] {
    const path: Uint8Array[] = [];
    let at = leaf;
    for (const level of this.#levels) {
      const sibling = level[at ^ 1];
      if (sibling !== undefined) path.push(sibling);
      at >>= 1;
    }
    return path;
  }
}

/** Most hashes that a proof among so many leaves has. */
export function proofHashesMax(leaves: number): number {
  return Math.ceil(Math.log2(leaves));
}

/** Whether data is the leaf at a place of a tree of so many with this root (RFC 9162 section 2.1.3.2). */
export function isLeafOf(
  root: Uint8Array,
  leaves: number,
  place: number,
  data: Uint8Array,
  proof: readonly Uint8Array[],
): boolean {
  if (place >= leaves) return false;
  let at = place;
  let last = leaves - 1;
  let hash = leafHash(data);
  for (const sibling of proof) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      hash = nodeHash(sibling, hash);
      while (at % 2 === 0 && at !== 0) {
        at >>= 1;
        last >>= 1;
      }
    } else hash = nodeHash(hash, sibling);
    at >>= 1;
    last >>= 1;
  }
  return last === 0 && Buffer.compare(hash, root) === 0;
}
