/** What `agentic-flow chaos` refuses. It runs in `npm run test:network`, which wants root. */
import { describe, expect, it } from 'vitest';

import { run } from './support/processes.js';

describe('chaos', () => {
  it.each([
    [['--nodes', '99'], /--nodes.*1 to 15/],
    [['--seconds', '1'], /--seconds.*5 to/],
    [['--faults', 'partition,earthquake'], /'earthquake' is none of partition/],
    [['--loss', '101'], /--loss.*0 to 100/],
    [['--seed', 'x'], /'x' is not a number/],
    [['--minutes', '1', '--seconds', '5'], /cannot be used with/],
    [['--schedule', 'a.json', '--nodes', '3'], /cannot be used with/],
  ])('refuses %j', async (args, message) => {
    const { code, stdout, stderr } = await run(['chaos', ...args]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(message);
  });

  it('says what this machine lacks', async () => {
    const { code, stdout, stderr } = await run(['chaos'], { asNobody: true });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^error: chaos cannot run here: .*(?:root|Linux)/);
  });
});
