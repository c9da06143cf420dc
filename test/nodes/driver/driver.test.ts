import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OPEN_SESSION, Trio } from './trio.js';
import { until } from '../../waiting.js';

describe('the driver', () => {
  let trio: Trio;
  let releases: (() => void)[] = [];

  beforeEach(async () => {
    trio = await Trio.start();
  });

  afterEach(async () => {
    for (const release of releases) release();
    releases = [];
    await trio.stop();
    expect(trio.hosts.flatMap(({ errors }) => errors)).toEqual([]);
  });

  function hang(position: number): void {
    releases.push(trio.hosts[position]!.hang());
  }

  it('answers a proposal once it is applied, with one sync for all of one turn', async () => {
    const leader = await trio.leader();
    await leader.driver.propose(OPEN_SESSION);
    const syncsBefore = leader.disk.operations.filter(([what]) => what === 'datasync').length;
    const results = await Promise.all(
      Array.from({ length: 50 }, () => leader.driver.propose(OPEN_SESSION)),
    );
    const syncs = leader.disk.operations.filter(([what]) => what === 'datasync').length;
    expect(new Set(results.map(({ index }) => index)).size).toBe(50);
    expect(syncs - syncsBefore).toBeLessThan(5);
  });

  it('proposes nothing that nobody could read from the log, and goes on', async () => {
    const leader = await trio.leader();
    const reason = 'x'.repeat(5_000);
    const refused = leader.driver.propose({ type: 'abortRollout', rolloutId: 1, reason });
    await expect(refused).rejects.toMatchObject({
      code: 'malformed',
      message: 'command: reason must be at most 4096 characters',
    });
    expect((await leader.driver.propose(OPEN_SESSION)).ok).toBe(true);
  });

  it('acknowledges nothing before the disk has it', async () => {
    const leader = await trio.leader();
    for (const position of [0, 1, 2]) hang(position);
    let answered = false;
    const proposal = leader.driver.propose(OPEN_SESSION).then(
      () => {
        answered = true;
      },
      () => {},
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(answered).toBe(false);
    for (const release of releases) release();
    await proposal;
  });

  it('goes on while the disk of one follower hangs', async () => {
    const leader = await trio.leader();
    hang(leader.id % 3);
    for (let i = 0; i < 20; i += 1) await leader.driver.propose(OPEN_SESSION);
    expect(leader.replica.status().role).toBe('leader');
  });

  it('hands over when the disk of the leader hangs, although its heartbeats go out', async () => {
    const old = await trio.leader();
    await old.driver.propose(OPEN_SESSION);
    hang(old.id - 1);
    const lost = old.driver.propose(OPEN_SESSION).catch((error: unknown) => error);
    const next = await until(() =>
      trio.hosts.find((host) => host !== old && host.replica.status().role === 'leader'),
    );
    expect(old.sent).toContain('timeoutNow');
    await next.driver.propose(OPEN_SESSION);
    expect(await lost).toMatchObject({ failure: 'leader-changed' });
  });

  it('falls silent when nobody takes over from a leader whose disk hangs', async () => {
    const old = await trio.leader();
    await old.driver.propose(OPEN_SESSION);
    trio.drops = ({ type }) => type === 'timeoutNow';
    hang(old.id - 1);
    old.driver.propose(OPEN_SESSION).catch(() => {});
    const next = await until(() =>
      trio.hosts.find((host) => host !== old && host.replica.status().role === 'leader'),
    );
    await next.driver.propose(OPEN_SESSION);
  });

  it('stops the node when a sync fails', async () => {
    const leader = await trio.leader();
    leader.disk.failing = (what) => (what === 'datasync' ? 'EIO' : undefined);
    leader.driver.propose(OPEN_SESSION).catch(() => {});
    await until(() => (leader.errors.length > 0 ? true : undefined));
    expect(leader.errors.splice(0)).toMatchObject([{ code: 'io' }]);
    const next = await until(() =>
      trio.hosts.find((host) => host !== leader && host.replica.status().role === 'leader'),
    );
    await next.driver.propose(OPEN_SESSION);
  });

  it('serves reads that see every write before them, on all nodes', async () => {
    const leader = await trio.leader();
    const { index } = await leader.driver.propose(OPEN_SESSION);
    for (const { driver, replica } of trio.hosts) {
      await driver.readBarrier();
      expect(replica.appliedIndex).toBeGreaterThanOrEqual(index);
    }
  });
});
