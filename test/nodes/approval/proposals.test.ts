/** Plans that members ask to be approved: nobody can make another member's request useless. */
import { describe, expect, it } from 'vitest';

import { REQUEST_HEIGHTS } from '../../../nodes/approval/limits.js';
import { Proposals, batchOf } from '../../../nodes/approval/proposals.js';
import { encodeValue } from '../../../nodes/approval/value.js';
import { encodeBatch, makeCommand } from '../../../nodes/bft/batch.js';
import { valueOf } from './approving.js';

const VALUE = valueOf(4);
const DATA = encodeValue(VALUE);

describe('a request of another member', () => {
  it('is taken up as it is by who asks for the same plan', () => {
    const proposals = new Proposals();
    const asked = proposals.receive('a', encodeBatch([makeCommand(DATA, REQUEST_HEIGHTS)]), 0);
    const own = proposals.propose('me', VALUE, 1);
    expect(batchOf(own)).toEqual(batchOf(asked));
  });

  it('is refused when it could never be decided, so that the plan is asked for anew', () => {
    const useless = [
      makeCommand(DATA, 0),
      makeCommand(DATA, REQUEST_HEIGHTS - 1),
      makeCommand(DATA, REQUEST_HEIGHTS + 1),
      makeCommand(DATA, 2 ** 48),
      makeCommand(DATA, REQUEST_HEIGHTS, 'change'),
      makeCommand(DATA, REQUEST_HEIGHTS, 'evidence'),
    ];
    const proposals = new Proposals();
    for (const command of useless) {
      expect(() => proposals.receive('a', encodeBatch([command]), 0)).toThrow(/until height/);
    }
    const own = proposals.propose('me', VALUE, 1);
    expect(own.command).toMatchObject({ kind: 'application', lastHeight: REQUEST_HEIGHTS });
  });

  it('is one command, of a plan in its only form', () => {
    const proposals = new Proposals();
    const command = makeCommand(DATA, REQUEST_HEIGHTS);
    for (const batch of [encodeBatch([]), encodeBatch([command, command]), Buffer.from('none')]) {
      expect(() => proposals.receive('a', batch, 0)).toThrow(/one command/);
    }
    const other = makeCommand(Buffer.concat([DATA, Buffer.of(0)]), REQUEST_HEIGHTS);
    expect(() => proposals.receive('a', encodeBatch([other]), 0)).toThrow();
    expect(proposals.of(0)).toEqual([]);
  });
});
