import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { perCharacterEnv } from '../../../../src/migrate/config/per-character.js';
import { seed as newSeed } from '../../memory/support.js';

/** `addServer` of `dist/cli/mcp-manager.js` in agentic-flow 1.10.2, given the text that commander gives. */
function asV1Stored(option: string): Record<string, string> {
  const env: Record<string, string> = {};
  for (const envStr of option) {
    const [key, ...valueParts] = envStr.split('=');
    env[key!] = valueParts.join('=');
  }
  return env;
}

/** Each row: what the user typed, and the variable that is found. */
const rows: readonly (readonly [option: string, variable: string | undefined])[] = [
  ['API_KEY=dummy', 'API_KEY'],
  ['GITHUB_TOKEN=ghp_1', 'GITHUB_TOKEN'],
  ['WX_KEY=1', 'WX_KEY'],
  // OPENAI_KEY and OPENAI_API_KEY leave the same characters.
  ['OPENAI_API_KEY=sk-1', undefined],
  ['FOO_BAZ=1', undefined],
];

describe('a variable that v1 stored one character an entry', () => {
  it.each(rows)('%s is recovered only where one name fits', (option, variable) => {
    const found = perCharacterEnv(asV1Stored(option))!;
    expect(found.variable).toBe(variable);
  });

  it('names those that fit', () => {
    const found = perCharacterEnv(asV1Stored('OPENAI_API_KEY=sk-1'))!;
    expect([...found.candidates].sort()).toEqual(['OPENAI_API_KEY', 'OPENAI_KEY']);
  });

  it('leaves variables that are whole', () => {
    expect(perCharacterEnv({})).toBeUndefined();
    expect(perCharacterEnv({ A: '', B: '' })).toBeUndefined();
    expect(perCharacterEnv({ API_KEY: 'x', DEBUG: '' })).toBeUndefined();
    const mixed = perCharacterEnv({ ...asV1Stored('API_KEY=x'), HOST: 'h' })!;
    expect(mixed.characters).not.toContain('HOST');
  });

  it('is recognised whatever was typed', () => {
    const random = newSeed();
    const name = fc.stringMatching(/^[A-Z][A-Z0-9_]{3,20}$/);
    fc.assert(
      fc.property(name, fc.string(), (variable, value) => {
        fc.pre(new Set(variable).size >= 2 && !value.includes('__proto__'));
        const stored = asV1Stored(`${variable}=${value}`);
        const found = perCharacterEnv(stored);
        expect(found?.characters.toSorted()).toEqual(Object.keys(stored).toSorted());
        if (found?.variable !== undefined && found.variable !== variable) {
          // Never a name that leaves other characters than those that are there.
          const trace = Object.keys(asV1Stored(found.variable)).filter((key) => !/\d/.test(key));
          expect(Object.keys(stored)).toEqual(expect.arrayContaining(trace));
        }
      }),
      { seed: random, numRuns: 1_000 },
    );
  });
});
