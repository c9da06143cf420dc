/** Where the answers differ, and whether docs/v1-compatibility.md says so. */
import { isDeepStrictEqual } from 'node:util';
import type { Answer } from './replay.js';

export interface Comparison {
  readonly same: number;
  /** Calls that differ as is documented. */
  readonly documented: readonly string[];
  /** In sentences: undocumented differences, and documented ones that are none any more. */
  readonly failures: readonly string[];
}

export function compareAnswers(
  v1: readonly Answer[],
  v2: readonly Answer[],
  differences: Readonly<Record<string, string>>,
): Comparison {
  const byName = new Map(v2.map((answer) => [answer.name, answer]));
  const documented: string[] = [];
  const failures: string[] = [];
  let same = 0;
  for (const one of v1) {
    const other = byName.get(one.name);
    if (other === undefined) {
      failures.push(`${one.name}: v2 was not asked; record the answers of v1 again`);
    } else if (isDeepStrictEqual(one, other)) {
      same += 1;
      if (one.name in differences) failures.push(`${one.name}: documented as different, and equal`);
    } else if (one.name in differences) {
      documented.push(one.name);
    } else {
      failures.push(`${one.name}: v1 ${told(one)}, v2 ${told(other)}`);
    }
  }
  const unknown = v2.filter(({ name }) => !v1.some((answer) => answer.name === name));
  for (const { name } of unknown) failures.push(`${name}: v1 was not asked; record its answers`);
  return { same, documented, failures };
}

function told({ threw, answer }: Answer): string {
  return threw ? 'throws' : `answers ${JSON.stringify(answer)}`;
}
