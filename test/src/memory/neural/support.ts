/** Reference values of PyTorch, and the check of gradients against differences. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';

import { SeededRandom } from '../../../../src/memory/seeded-random.js';
import {
  dot,
  type Matrix,
  matrixOf,
  rowOf,
  type Step,
  zeros,
} from '../../../../src/memory/neural/matrix.js';
import type { Parameter } from '../../../../src/memory/neural/parameter.js';

export interface ReferenceCase {
  readonly inputs: Readonly<Record<string, number[][]>>;
  readonly output: number[][];
  readonly slopes: number[][];
  readonly gradients: Readonly<Record<string, number[][]>>;
}

interface Reference {
  readonly edges: [number, number, number][];
  readonly cases: Readonly<Record<string, ReferenceCase>>;
  readonly adam: {
    readonly before: number[][];
    readonly slopes: number[][][];
    readonly after: number[][][];
  };
}

/** Made by `pytorch.py` beside it. */
export const REFERENCE = JSON.parse(
  readFileSync(join(process.cwd(), 'test/src/memory/neural/pytorch-values.json'), 'utf8'),
) as Reference;

export function reference(name: string): ReferenceCase {
  return REFERENCE.cases[name]!;
}

export function expectRows(found: Matrix, expected: number[][], digits = 12): void {
  expect([found.rows, found.columns]).toEqual([expected.length, expected[0]?.length]);
  const flat = expected.flat();
  for (const [at, value] of found.values.entries()) expect(value).toBeCloseTo(flat[at]!, digits);
}

/** Gives parameters the values of a case, by name. */
export function fill(
  parameters: Readonly<Record<string, Parameter>>,
  { inputs }: ReferenceCase,
): void {
  for (const [name, parameter] of Object.entries(parameters)) {
    parameter.values.set(matrixOf(inputs[name]!).values);
  }
}

/** A layer's output and all of its gradients as PyTorch has them. */
export function expectLayer(
  name: string,
  parameters: Readonly<Record<string, Parameter>>,
  forward: (rows: Matrix) => Step,
): void {
  const known = reference(name);
  fill(parameters, known);
  const step = forward(matrixOf(known.inputs['rows']!));
  expectRows(step.output, known.output);
  const slopes = step.backward(matrixOf(known.slopes));
  expectRows(slopes, known.gradients['rows']!);
  for (const [part, { gradient }] of Object.entries(parameters)) {
    expectRows(gradient, known.gradients[part]!);
  }
}

export function randomMatrix(
  rows: number,
  columns: number,
  random: SeededRandom,
  scale = 1,
): Matrix {
  const made = zeros(rows, columns);
  for (let i = 0; i < made.values.length; i += 1) {
    made.values[i] = scale * (2 * random.fraction() - 1);
  }
  return made;
}

/** The seed of a random test, printed so that it can be given back. */
export function seedOf(): number {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  process.stdout.write(`SEED=${seed}\n`);
  return seed;
}

/** Small, so that hardly ever a function with a bend has it in between. */
const difference = 1e-7;

/**
 * Compares gradients with central differences of the loss `output . slopes`. `extra` is what the way
 * back counts beside the output.
 */
export function expectGradients(
  inputs: readonly Matrix[],
  forward: () => { readonly output: Matrix; readonly extra?: number },
  slopes: Matrix,
  gradients: readonly Matrix[],
): void {
  const loss = (): number => {
    const { output, extra = 0 } = forward();
    return dot(output.values, slopes.values) + extra;
  };
  for (const [which, { values }] of inputs.entries()) {
    for (let at = 0; at < values.length; at += 1) {
      const before = values[at]!;
      values[at] = before + difference;
      const above = loss();
      values[at] = before - difference;
      const below = loss();
      values[at] = before;
      const expected = (above - below) / (2 * difference);
      const error = Math.abs(gradients[which]!.values[at]! - expected);
      expect(error, `input ${which}, value ${at}`).toBeLessThan(1e-6 * (1 + Math.abs(expected)));
    }
  }
}

export function rowsOf(matrix: Matrix): number[][] {
  return Array.from({ length: matrix.rows }, (_, row) => [...rowOf(matrix, row)]);
}
