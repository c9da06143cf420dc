import { readFileSync } from 'node:fs';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  compareWithExpectation,
  parsePlanFile,
  writePlanFile,
} from '../../../sim/explore/plan-file.js';
import type { PlanFile } from '../../../sim/explore/plan-file.js';
import { runPlan } from '../../../sim/explore/run-plan.js';
import { scenarios } from '../../../sim/scenarios/index.js';
import { crash, operation, planOf, restart, Synthetic } from './synthetic.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
console.log(`plan files: SEED=${seed}`);

const file: PlanFile = {
  plan: planOf([crash(1_000, 'a'), restart(2_000, 'a')], [operation(500, 7)], { nodes: 3 }),
  expect: { checker: 'linearizability' },
  mustReach: ['even'],
};

/** Plan files of this release, which every later one must read. */
const golden = readFileSync(new URL('plans/version-1.json', sourceOf(import.meta.url)), 'utf8');

/** Data lies beside the source, not beside what is compiled from it. */
function sourceOf(url: string): string {
  return url.replace('/dist/test/', '/test/');
}

describe('a plan file', () => {
  it('is read as it was written', () => {
    expect(parsePlanFile(writePlanFile(file))).toEqual(file);
  });

  it.each(scenarios.map(({ name }) => name))('holds what %s draws', (name) => {
    const scenario = scenarios.find((one) => one.name === name)!;
    const plan = scenario.draw(11);
    const read = parsePlanFile(writePlanFile({ plan, expect: 'pass', mustReach: [] }));
    expect(read.plan).toEqual(plan);
    expect(runPlan(scenario, read.plan)).toEqual(runPlan(scenario, plan));
  });

  it('of version 1 is written and read as ever', () => {
    expect(parsePlanFile(golden)).toEqual(file);
    expect(writePlanFile(file)).toBe(golden);
  });
});

/** Changes of a good file, and what must be said of each. */
const spoilt: readonly (readonly [change: (text: string) => string, message: string])[] = [
  [() => '', 'it is not JSON (line 1, column 1)'],
  // Node names no place here, so that none is claimed.
  [() => 'no\nJSON\n', 'it is not JSON: Unexpected token'],
  [() => 'no\nJSON\n', '"no JSON " is not valid JSON'],
  [(text) => text.slice(0, -30), 'it is not JSON (line '],
  [(text) => text.replace('"seed": 1,', '"seed": 1,,'), 'it is not JSON (line 7, column 13)'],
  [() => '[]', '$ is an array of 0; it must be an object'],
  [() => '{}', '$.format is missing; it must be a text'],
  [(text) => text.replace('sim plan', 'sim play'), '$.format is "agentic-flow sim play"'],
  [(text) => text.replace('"version": 1', '"version": 2'), 'written by a later release'],
  [(text) => text.replace('"version": 1', '"version": 0'), '$.version is 0; it must be'],
  [(text) => text.replace('"seed": 1,', '"seed": -1,'), '$.seed is -1; it must be a whole number'],
  [(text) => text.replace('"seed": 1,', '"seed": 1e300,'), '$.seed is 1e+300'],
  [(text) => text.replace('{"checker":"linearizability"}', '"fail"'), '$.expect must be "pass" or'],
  [(text) => text.replace('"checker"', '"checkers"'), '$.expect.checkers is unknown'],
  [(text) => text.replace('["even"]', '[5]'), '$.mustReach[0] is 5; it must be a text'],
  [
    (text) => text.replace('"settings": {', '"settings": [{').replace('3}', '3}]'),
    '$.settings is an',
  ],
  [(text) => text.replace('"client":1', '"client":1.5'), '$.operations[0].client is 1.5'],
  [(text) => text.replace('"client":1', '"client":1,"who":2'), '$.operations[0].who is unknown'],
  [(text) => text.replace('"kind":"crash"', '"kind":"explode"'), '$.schedule:'],
  [(text) => text.replace('"node":"a"', '"node":"z"'), '$.schedule:'],
  [(text) => text.replace('"atMicroseconds":1000', '"atMicroseconds":"now"'), '$.schedule:'],
  [(text) => text.replace('{"nodes":3}', '{"__proto__":{"a":1}}'), '$.settings.__proto__ is not'],
  [
    (text) => text.replace('{"nodes":3}', `{"a":${'['.repeat(5_000)}${']'.repeat(5_000)}}`),
    'nests deeper than 32',
  ],
  [
    (text) => text.replace('{"nodes":3}', `{"a":[${'0,'.repeat(100_001)}0]}`),
    '$.settings.a has 100002 members',
  ],
  [(text) => text + ' '.repeat(17 * 1024 * 1024), 'the file has 1782'],
];

describe('a spoilt plan file', () => {
  it.each(spoilt.map(([change, message], at) => [at, message, change] as const))(
    '%i is refused: %s',
    (_at, message, change) => {
      const text = writePlanFile(file);
      const changed = change(text);
      expect(changed).not.toBe(text);
      expect(() => parsePlanFile(changed)).toThrow(message);
      expect(() => parsePlanFile(changed)).toThrow(
        expect.objectContaining({ name: 'SimulationError', code: 'invalid-plan' }),
      );
    },
  );

  it('is refused in this way whatever is wrong with it', () => {
    const text = writePlanFile(file);
    fc.assert(
      fc.property(
        fc.nat(text.length - 1),
        fc.nat(12),
        fc.string({ maxLength: 6 }),
        (at, cut, put) => {
          const changed = text.slice(0, at) + put + text.slice(at + cut);
          try {
            parsePlanFile(changed);
          } catch (error) {
            expect(error).toMatchObject({ name: 'SimulationError', code: 'invalid-plan' });
          }
        },
      ),
      { seed, numRuns: 3_000 },
    );
  });
});

describe('the end of a run', () => {
  const passing = new Synthetic(() => undefined).run({ ...file.plan, seed: 2 });
  const failing = new Synthetic(() => 'sum').run({ ...file.plan, seed: 3 });

  it.each([
    ['pass', [], passing, []],
    ['pass', ['even'], passing, []],
    ['pass', ['never'], passing, ['it must reach never, but did not']],
    ['pass', [], failing, ['it must pass, but sum failed: sum does not hold']],
    [{ checker: 'sum' }, [], failing, []],
    [{ checker: 'sum' }, [], passing, ['sum must fail, but everything held']],
    [{ checker: 'other' }, [], failing, ['other must fail, but sum failed: sum does not hold']],
  ] as const)('is compared with %j and %j', (expected, mustReach, result, found) => {
    expect(compareWithExpectation({ ...file, expect: expected, mustReach }, result)).toEqual(found);
  });
});
