import { describe, expect, it } from 'vitest';

import { demoCommand, parseDemoOptions } from '../../../examples/rolling-migration/options.js';

function parse(...args: string[]) {
  const command = demoCommand()
    .exitOverride()
    .configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
  return parseDemoOptions(args, command);
}

describe('the options', () => {
  it('have defaults', () => {
    expect(parse()).toEqual({
      nodes: 5,
      from: undefined,
      memories: 500,
      kill: undefined,
      rollback: true,
      json: undefined,
      seconds: 5,
      clients: 16,
      thinkMs: 60,
      seed: 1,
      keep: false,
    });
  });

  it('are taken as given', () => {
    expect(
      parse('--nodes', '7', '--from', 'x', '--kill', 'leader', '--json', 'r.json', '--keep'),
    ).toMatchObject({ nodes: 7, from: 'x', kill: 'leader', json: 'r.json', keep: true });
    expect(parse('--no-rollback', '--memories', '9')).toMatchObject({
      rollback: false,
      memories: 9,
    });
  });

  const faults: readonly string[][] = [
    ['--nodes', '2'],
    ['--nodes', '3.5'],
    ['--nodes', 'many'],
    ['--seconds', '0'],
    ['--clients', '-1'],
    ['--memories', '0'],
    ['--kill', 'everybody'],
    ['--unknown'],
    ['argument'],
  ];
  for (const args of faults) {
    it(`refuse ${args.join(' ')}`, () => expect(() => parse(...args)).toThrow());
  }
});
