/** Validators that aggregate what they decide, over links that lose messages, some of them faulty. */
import { afterAll, describe, expect, it } from 'vitest';
import { type WireMessage, isAggregated } from '../../../../consensus/bft/index.js';
import { isBitmapOf } from '../../../../consensus/bitmap.js';
import type { BlsKey } from '../../../../nodes/bft/aggregates/bls.js';
import { LightClient } from '../../../../nodes/bft/index.js';
import { readEnvelope, shownIn } from '../../../../nodes/bft/proven.js';
import { sleep, until } from '../../../waiting.js';
import { type Change, Cluster } from './cluster.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
console.log(`bft aggregates: SEED=${seed}`);

const clusters: Cluster[] = [];
afterAll(async () => {
  for (const each of clusters) await each.end();
});

async function start(...options: ConstructorParameters<typeof Cluster>): Promise<Cluster> {
  const cluster = new Cluster(...options);
  clusters.push(cluster);
  await cluster.start();
  return cluster;
}

/** Signs something else with its key, so that its shares look like shares. */
const signsElse =
  (bls: BlsKey, self: string): Change =>
  (message: WireMessage) => {
    if (message.type !== 'share' || message.vote.from !== self) return message;
    return { type: 'share', vote: { ...message.vote, share: bls.sign(Buffer.from('else')) } };
  };

/** Sends precommits without shares, as on other chains. */
const hasNoShares = (): Change => (message: WireMessage) =>
  message.type === 'share' ? { type: 'vote', vote: message.vote } : message;

/** Has so many heights decided by the correct ones, which all come to the same. */
async function decide(cluster: Cluster, heights: number, some = cluster.correct): Promise<void> {
  let count = 0;
  await until(`${heights} heights`, () => {
    expect(cluster.failures).toEqual([]);
    const submitter = some[count % some.length]!;
    if (submitter.height === Math.max(...some.map(({ height }) => height))) {
      count += 1;
      submitter.submit(`command ${count}`);
    }
    return some.every(({ height }) => height >= heights);
  });
  const chains = some.map(({ applied }) => applied.slice(0, heights).join());
  expect(new Set(chains).size).toBe(1);
}

/** All that a member has decided, read by somebody who knows the genesis alone. */
async function follow(cluster: Cluster, at: number, heights: number): Promise<number[]> {
  const client = new LightClient(cluster.genesis);
  const lengths: number[] = [];
  for (let height = 1; height <= heights; height += 1) {
    const envelope = await cluster.correct[at]!.decision(height);
    expect(client.follow(envelope).height).toBe(height);
    const { decision, value } = shownIn(readEnvelope(envelope))!;
    if (!isAggregated(decision)) throw new Error('it is not aggregated');
    expect(isBitmapOf(decision.signers, cluster.members.length)).toBe(true);
    lengths.push(envelope.length - value.length);
  }
  return lengths;
}

describe('31 validators', () => {
  it('prove what they decide by one signature', async () => {
    const cluster = await start(31, { seed, lost: 0, timeoutMs: 4_000 });
    await decide(cluster, 3);
    const lengths = await follow(cluster, 30, 3);
    // One signature of each of 21 would be more than 3,000 bytes.
    for (const length of lengths) expect(length).toBeLessThan(500);
    expect(cluster.seen).toContain('share');
  });
});

describe('seven validators over links that lose a tenth', () => {
  it('decide with two whose shares are wrong, count it, and one that is away catches up', async () => {
    const faulty = [signsElse, hasNoShares];
    const cluster = await start(7, { seed, lost: 0.1, timeoutMs: 500, faulty });
    const [signer, other] = cluster.members;
    await decide(cluster, 3);
    const faults = cluster.correct.map(({ guard }) => guard.counts(performance.now()));
    const sum = (of: (counts: (typeof faults)[number]) => number | undefined): number =>
      faults.reduce((all, each) => all + (of(each) ?? 0), 0);
    expect(sum((each) => each.get(signer!.id)?.faults['bad-signature'])).toBeGreaterThan(0);
    expect(sum((each) => each.get(other!.id)?.faults.garbage)).toBeGreaterThan(0);
    // No correct one has sent anything wrong to another.
    for (const { id } of cluster.correct) {
      expect(sum((each) => each.get(id)?.faults['bad-signature'])).toBe(0);
      expect(sum((each) => each.get(id)?.faults.garbage)).toBe(0);
    }
    // Neither of the two is in a certificate: its share would spoil it.
    await follow(cluster, 0, 3);

    // Without one of the five the two have to do it right: they do not, and nothing is decided.
    const away = cluster.correct[4]!;
    await away.stop();
    cluster.correct[0]!.submit('waits');
    await sleep(1_500);
    expect(cluster.correct.flatMap(({ applied }) => applied.flat())).not.toContain('waits');
    const height = Math.max(...cluster.correct.map((each) => each.height));
    await away.start();
    await decide(cluster, height + 2);
    await follow(cluster, 4, height + 2);
  });
});

describe('four validators of which one is stopped', () => {
  it('go on, and it gets what was decided with proofs of one signature', async () => {
    const cluster = await start(4, { seed, lost: 0.05, timeoutMs: 500 });
    await decide(cluster, 1);
    const [away, ...others] = cluster.members;
    await away!.stop();
    const before = away!.height;
    await decide(cluster, before + 3, others);
    await away!.start();
    await decide(cluster, before + 5);
    const [own, other] = await Promise.all(
      [away!, others[0]!].map((each) => each.decision(before + 2)),
    );
    const aggregates = [own!, other!].map((each) => shownIn(readEnvelope(each))!.decision);
    for (const each of aggregates) expect(isAggregated(each)).toBe(true);
    await follow(cluster, 0, before + 5);
  });
});
