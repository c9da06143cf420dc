import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { runV1Oracle } from './v1.js';

const fixtures = join(process.cwd(), '..', 'shared', 'v1', 'fixtures');

describe('installations that v1 itself wrote', () => {
  it('are migrated, accounted for and rolled back', { timeout: 3_600_000 }, async () => {
    if (!existsSync(fixtures)) {
      throw new Error(
        'the installations are missing: put the shared folder, with v1/fixtures, beside the project',
      );
    }
    const { passed, failed, lines } = await runV1Oracle(fixtures);
    expect(failed, lines.join('\n')).toBe(0);
    expect(passed).toBeGreaterThanOrEqual(16);
  });
});
