import { describe, expect, it } from 'vitest';

import { RandomStream } from '../../../../sim/world/random.js';
import { scratch, seed } from '../support.js';
import { killRounds } from './kill-rounds.js';

describe('a store whose process is killed', () => {
  // `npm run test:kill9 -- --rounds 200` is the long one.
  it('has everything that was acknowledged, round after round', async () => {
    const random = new RandomStream(seed(), 'kill');
    const result = await killRounds(scratch('killed.db'), 5, () => random.fraction());
    expect(result.acknowledged).toBeGreaterThan(50);
    expect(result.records).toBeGreaterThan(0);
  });
});
