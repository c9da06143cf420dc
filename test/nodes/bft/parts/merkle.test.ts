/** The tree of RFC 6962, by the vectors of the reference implementation of Certificate Transparency. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { MerkleTree, isLeafOf, proofHashesMax } from '../../../../nodes/bft/parts/merkle.js';

const bytesOf = (hex: string): Uint8Array => Buffer.from(hex, 'hex');
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const LEAVES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
].map(bytesOf);

/** Roots of the first leaf, the first two, and so on. */
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

describe('a Merkle tree', () => {
  it('has the roots of the reference implementation', () => {
    const roots = ROOTS.map((_, at) => hexOf(new MerkleTree(LEAVES.slice(0, at + 1)).root));
    expect(roots).toEqual(ROOTS);
  });

  it('proves each leaf at its place in a tree of its size, and nothing else', () => {
    for (let count = 1; count <= 40; count += 1) {
      const leaves = Array.from({ length: count }, (_, at) => Uint8Array.of(at, count));
      const tree = new MerkleTree(leaves);
      for (const [at, leaf] of leaves.entries()) {
        const proof = tree.proof(at);
        expect(proof.length).toBeLessThanOrEqual(proofHashesMax(count));
        const isProven = (place: number, data: Uint8Array, hashes = proof, of = count) =>
          isLeafOf(tree.root, of, place, data, hashes);
        expect(isProven(at, leaf)).toBe(true);
        for (let other = 0; other <= count; other += 1) {
          if (other !== at) expect(isProven(other, leaf), `${at} as ${other}`).toBe(false);
        }
        expect(isProven(at, Uint8Array.of(at, count + 1))).toBe(false);
        expect(isProven(at, leaf, [...proof, tree.root])).toBe(false);
        if (proof.length > 0) expect(isProven(at, leaf, proof.slice(1))).toBe(false);
        if (proof.length > 0) expect(isProven(at, leaf, proof.slice(0, -1))).toBe(false);
      }
    }
  });

  it('takes no node for a leaf', () => {
    const tree = new MerkleTree(LEAVES.slice(0, 4));
    const [left, right] = [tree.proof(2)[1]!, tree.proof(0)[1]!];
    const node = Buffer.concat([left, right]);
    // What hashes to the root as a node is one leaf of a tree of one, if nothing tells them apart.
    expect(isLeafOf(tree.root, 1, 0, node, [])).toBe(false);
    const plain = createHash('sha256').update(node).digest();
    expect(hexOf(plain)).not.toBe(hexOf(tree.root));
  });
});
