import { describe, expect, it } from 'vitest';

import { FailureDetection, disagreement } from '../../../sim/checkers/failure-detection.js';
import { runCampaign } from '../../../sim/explore/campaign.js';
import { runPlan } from '../../../sim/explore/run-plan.js';
import { gossip } from '../../../sim/gossip/scenario.js';

const CALM_EVERY = 8;
const drawn = Number(process.env['SEED'] ?? 1_000 + (Date.now() % 1_000_000));
/** Of three seeds that follow each other none is calm, which takes longer. */
const first = drawn - (drawn % CALM_EVERY) + 1;
console.log(`gossip: SEED=${first}`);

describe('membership by gossip', () => {
  it('owes nothing with seeds that nobody chose', () => {
    const report = runCampaign({ scenario: gossip, firstSeed: first, lastSeed: first + 2 });
    expect(report.failures).toEqual([]);
    expect(report.counts['verdicts']).toBeGreaterThan(5);
    expect(report.probes['stranger']).toBeGreaterThan(0);
  });

  it('takes nobody for dead who is well, in 10 minutes under 30 % loss', () => {
    const plan = gossip.draw(CALM_EVERY);
    expect(plan.settings).toMatchObject({ lossPercent: 30, isCalm: true });
    const small = { ...plan, settings: { ...plan.settings, nodes: 5 } };
    const { failure, simulatedMicroseconds, counts } = runPlan(gossip, small);
    expect(failure).toBeUndefined();
    expect(simulatedMicroseconds).toBeGreaterThan(600_000_000);
    // Somebody was suspected, so that the time for refutations mattered.
    expect(counts['suspicions']).toBeGreaterThan(5);
  });

  it('replays a plan to the same events', () => {
    const once = runPlan(gossip, gossip.draw(3));
    expect(runPlan(gossip, gossip.draw(3))).toEqual(once);
  });

  it.each([
    ['nodes', 2, 'settings.nodes is 2'],
    ['lossPercent', 61, 'settings.lossPercent is 61'],
    ['isCalm', 1, 'settings.isCalm is 1'],
    ['unknown', 1, 'settings.unknown is unknown'],
  ])('refuses a plan whose %s is %s', (name, value, message) => {
    const plan = gossip.draw(1);
    const settings = { ...plan.settings, [name]: value };
    expect(() => runPlan(gossip, { ...plan, settings })).toThrow(message);
  });
});

describe('the checker of failure detection', () => {
  it('finds a verdict on a node that has been well for longer than the grace', () => {
    const checker = new FailureDetection(10);
    checker.noted('a', true, 0);
    expect(() => checker.verdict('b', 'a', 9)).not.toThrow();
    expect(() => checker.verdict('b', 'a', 11)).toThrow('b takes a for dead');
    checker.noted('a', false, 20);
    expect(() => checker.verdict('b', 'a', 50)).not.toThrow();
    checker.noted('a', true, 55);
    checker.noted('a', true, 64);
    expect(() => checker.verdict('b', 'a', 64)).not.toThrow();
    expect(() => checker.verdict('b', 'a', 65)).toThrow('b takes a for dead');
  });

  it('finds who does not know what is so, of the others', () => {
    const expected = new Map([
      ['a', 'alive'],
      ['b', 'dead'],
    ]);
    const views = (b: string) => new Map([['a', new Map([['b', b]])]]);
    expect(disagreement(views('dead'), expected)).toBeUndefined();
    expect(disagreement(views('suspect'), expected)).toBe('a takes b for suspect, and it is dead');
  });
});
