import { describe, expect, it } from 'vitest';
import { ApplyOrder } from '../../../sim/checkers/apply-order.js';
import { violationOf } from './violations.js';

describe('apply order', () => {
  it('holds for entries in order, behind a snapshot, and behind what a restart begins with', () => {
    const checker = new ApplyOrder();
    checker.started(1, 0, 0);
    checker.handedOut(1, 1, 3);
    checker.handedOut(1, 4, 4);
    checker.installed(1, 9);
    checker.handedOut(1, 10, 12);
    // An older snapshot changes nothing.
    checker.installed(1, 11);
    checker.handedOut(1, 13, 13);
    checker.started(1, 9, 12);
    checker.handedOut(1, 10, 13);
  });

  it('is violated by an entry that is handed out twice, or left out', () => {
    const checker = new ApplyOrder();
    checker.started(2, 4, 6);
    checker.handedOut(2, 5, 6);
    const { checker: name, message } = violationOf(() => checker.handedOut(2, 6, 8));
    expect(name).toBe('apply-order');
    expect(message).toBe('node 2 applies entry 6 after 6');
    expect(violationOf(() => checker.handedOut(2, 8, 8)).message).toMatch(/entry 8 after 6/);
  });

  it('is violated by a node that starts with a commit index behind what it has applied', () => {
    const checker = new ApplyOrder();
    const { message } = violationOf(() => checker.started(3, 7, 6));
    expect(message).toBe('node 3 starts with commit index 6, and has applied entry 7');
  });
});
