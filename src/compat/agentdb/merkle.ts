/** A Merkle tree over hashes in hexadecimal; an odd one at the end of a level goes up as it is. */
import { createHash } from 'node:crypto';

export interface ProofStep {
  readonly hash: string;
  /** On which side of the own hash it is joined. */
  readonly position: 'left' | 'right';
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Levels from the leaves to the root. */
export function merkleLevels(leaves: readonly string[]): readonly (readonly string[])[] {
  const levels: (readonly string[])[] = [leaves];
  for (let level = leaves; level.length > 1;) {
    const above: string[] = [];
    for (let at = 0; at < level.length; at += 2) {
      const [left = '', right] = [level[at], level[at + 1]];
      above.push(right === undefined ? left : sha256(left + right));
    }
    levels.push(above);
    level = above;
  }
  return levels;
}

/** Empty where there are no leaves. */
export function merkleRoot(leaves: readonly string[]): string {
  return merkleLevels(leaves).at(-1)?.[0] ?? '';
}

/** What a leaf is joined with on its way to the root. */
export function merkleProof(levels: readonly (readonly string[])[], leaf: number): ProofStep[] {
  return levels.slice(0, -1).flatMap((level, height): ProofStep[] => {
    const at = leaf >> height;
    const isLeft = at % 2 === 0;
    const hash = level[isLeft ? at + 1 : at - 1];
    return hash === undefined ? [] : [{ hash, position: isLeft ? 'right' : 'left' }];
  });
}
