/** Nodes that cannot be told apart, as native/twins.h keeps them: one in the graph, the others in a chain. */
import { NONE } from '../kernel.js';
import { clearBit, setBit, STATE, type Arena } from './arena.js';

/** Places in the links of a twin, which has none. */
const NEXT = 0;
const BEFORE = 1;
const NODE = 2;

/** Of int8 the codes and, behind them, scale and squares; of narrow codes the originals. */
export function isTwin(x: Arena, a: number, b: number): boolean {
  if (x.narrow !== null) return x.hasSameOriginal(a, b);
  const startA = (a + 1) * x.strideWords;
  const startB = (b + 1) * x.strideWords;
  for (let i = 0; i < x.headerWord + 2; i += 1) {
    if (x.words[startA + i] !== x.words[startB + i]) return false;
  }
  return true;
}

export function nextTwinOf(x: Arena, slot: number): number {
  return x.words[x.baseLinksOf(slot) + NEXT]!;
}

export function nodeOfTwin(x: Arena, slot: number): number {
  return x.words[x.baseLinksOf(slot) + NODE]!;
}

export function addTwin(x: Arena, slot: number, node: number): void {
  const first = x.firstTwinOf(node);
  const links = x.baseLinksOf(slot);
  x.words[links + NEXT] = first;
  x.words[links + BEFORE] = NONE;
  x.words[links + NODE] = node;
  if (first !== NONE) x.words[x.baseLinksOf(first) + BEFORE] = slot;
  x.setFirstTwin(node, slot);
  x.setState(slot, STATE.twin);
  setBit(x.linkedBits, slot);
  x.linked += 1;
}

export function removeTwin(x: Arena, slot: number): void {
  const next = nextTwinOf(x, slot);
  const before = x.words[x.baseLinksOf(slot) + BEFORE]!;
  if (next !== NONE) x.words[x.baseLinksOf(next) + BEFORE] = before;
  if (before !== NONE) x.words[x.baseLinksOf(before) + NEXT] = next;
  else x.setFirstTwin(nodeOfTwin(x, slot), next);
  clearBit(x.linkedBits, slot);
  x.linked -= 1;
}

/** The twins of a node that goes wait to be linked again; the first of them will be a node. */
export function parkTwins(x: Arena, node: number): void {
  for (let slot = x.firstTwinOf(node); slot !== NONE; slot = x.firstTwinOf(node)) {
    removeTwin(x, slot);
    x.putPending(slot);
  }
}
