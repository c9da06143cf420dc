/** Convergence of replicated data types and agreement of Byzantine consensus: runs made by hand. */
import { describe, expect, it } from 'vitest';
import { BftAgreement } from '../../../sim/checkers/bft-agreement.js';
import { CrdtConvergence } from '../../../sim/checkers/crdt-convergence.js';
import { violationOf } from './violations.js';

describe('CRDT convergence', () => {
  it('holds for equal states after equal updates, in any order', () => {
    const checker = new CrdtConvergence();
    for (const update of ['x', 'y', 'z']) checker.delivered('a', update);
    for (const update of ['z', 'x', 'y']) checker.delivered('b', update);
    checker.holds('a', 'xyz');
    checker.holds('b', 'xyz');
  });

  it('says nothing about replicas that have delivered different updates', () => {
    const checker = new CrdtConvergence();
    checker.holds('a', '');
    checker.delivered('a', 'x');
    checker.holds('a', 'x');
    checker.delivered('b', 'y');
    checker.holds('b', 'y');
    checker.delivered('b', 'x');
    checker.holds('b', 'xy');
  });

  it('is violated by an order that matters', () => {
    const checker = new CrdtConvergence();
    for (const update of ['x', 'y']) checker.delivered('a', update);
    for (const update of ['y', 'x']) checker.delivered('b', update);
    checker.holds('a', 'xy');
    const { checker: name, message } = violationOf(() => checker.holds('b', 'yx'));
    expect(name).toBe('crdt-convergence');
    expect(message).toBe(
      'replicas a and b have delivered the same 2 updates and hold different states: xy and yx',
    );
  });

  it('is violated by a replica that changes without an update, and by one delivered twice', () => {
    const checker = new CrdtConvergence();
    checker.delivered('a', 'x');
    checker.holds('a', '1');
    expect(violationOf(() => checker.holds('a', '2')).message).toMatch(/the same 1 updates/);
    expect(violationOf(() => checker.delivered('a', 'x')).message).toBe(
      'replica a delivers x twice',
    );
  });

  it('compares with a state of before, although its replica has gone on', () => {
    const checker = new CrdtConvergence();
    checker.delivered('a', 'x');
    checker.holds('a', '1');
    checker.delivered('a', 'y');
    checker.delivered('b', 'x');
    expect(violationOf(() => checker.holds('b', '9')).message).toMatch(/replicas a and b/);
  });
});

describe('BFT agreement', () => {
  it('holds for equal values at each height, in whatever rounds', () => {
    const checker = new BftAgreement();
    checker.decided('a', 1, 0, 'v');
    checker.decided('b', 1, 3, 'v');
    checker.decided('a', 2, 0, 'w');
    checker.resumed('c', 1);
    checker.decided('c', 2, 1, 'w');
  });

  it('is violated by two values at a height', () => {
    const checker = new BftAgreement();
    checker.decided('a', 1, 0, 'v');
    const { checker: name, message } = violationOf(() => checker.decided('b', 1, 1, 'w'));
    expect(name).toBe('bft-agreement');
    expect(message).toBe('at height 1 node a decides on v in round 0, and node b on w in round 1');
  });

  it('is violated by a node that decides twice, or passes a height over', () => {
    const checker = new BftAgreement();
    checker.decided('a', 1, 0, 'v');
    expect(violationOf(() => checker.decided('a', 1, 1, 'v')).message).toBe(
      'node a decides at height 1 after height 1',
    );
    expect(violationOf(() => checker.decided('a', 4, 0, 'x')).message).toMatch(/4 after height 1/);
  });
});
