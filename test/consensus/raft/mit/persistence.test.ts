import { strict as assert } from 'node:assert';
import { describe } from 'vitest';
import type { Process } from './cluster.js';
import { ELECTION_MS, Lab } from './lab.js';
import { seeded } from './seeds.js';

describe('MIT 6.5840, part 3C: persistence', () => {
  seeded('basic persistence', (seed) => {
    const lab = new Lab(3, { seed });
    lab.agree('11', 3);
    lab.restart(...lab.ids);
    lab.agree('12', 3);

    lab.restart(lab.oneLeader());
    lab.agree('13', 3);

    const leader = lab.oneLeader();
    lab.crash(leader);
    const index = lab.agree('14', 2);
    lab.start(leader);
    lab.wait(index, 3);

    const follower = lab.after(lab.oneLeader(), 1);
    lab.crash(follower);
    lab.agree('15', 2);
    lab.start(follower);
    assert.equal(lab.ordinal(lab.agree('16', 3)), 6);
    lab.end();
  });

  seeded('more persistence', (seed) => {
    const lab = new Lab(5, { seed });
    for (let round = 0; round < 5; round += 1) {
      lab.agree(lab.newCommand(), 5);
      const leader = lab.oneLeader();
      const [second, third, fourth, fifth] = [1, 2, 3, 4].map((n) => lab.after(leader, n));
      lab.crash(second!, third!);
      lab.agree(lab.newCommand(), 3);

      // Those that saw it stop; those that missed it wait for one that did.
      lab.crash(leader, fourth!, fifth!);
      lab.start(second!);
      lab.start(third!);
      lab.sleep(ELECTION_MS);
      lab.start(fourth!);
      lab.agree(lab.newCommand(), 3);
      lab.start(fifth!);
      lab.start(leader);
    }
    assert.equal(lab.ordinal(lab.agree('1000', 5)), 16);
    lab.end();
  });

  seeded('partitioned leader and one follower crash, leader restarts', (seed) => {
    const lab = new Lab(3, { seed });
    lab.agree('101', 3);
    const leader = lab.oneLeader();
    const [follower, away] = [lab.after(leader, 1), lab.after(leader, 2)];
    lab.wire.disconnect(away);
    lab.agree('102', 2);

    lab.crash(leader, follower);
    lab.wire.connect(away);
    lab.start(leader);
    lab.agree('103', 2);

    lab.start(follower);
    assert.equal(lab.ordinal(lab.agree('104', 3)), 4);
    lab.end();
  });
});

/** A pause between two faults: mostly shorter than a round trip takes, sometimes half a second. */
function pauseMs(lab: Lab): number {
  return lab.random.chance(0.1) ? lab.random.below(ELECTION_MS / 2) : lab.random.below(13);
}

describe('MIT 6.5840, part 3C: figure 8', () => {
  seeded('Figure 8', (seed) => {
    const lab = new Lab(5, { seed });
    lab.agree(lab.newCommand(), 1);
    for (let round = 0; round < 1000; round += 1) {
      const running = lab.ids.filter((id) => lab.isRunning(id));
      const leaders = running.filter((id) => lab.propose(id, lab.newCommand()) !== undefined);
      lab.sleep(pauseMs(lab));
      // A leader crashes with what it has replicated so far, and rarely has committed.
      lab.crash(...leaders.slice(-1));
      const isMajority = running.length - leaders.length >= 3;
      const candidate = lab.anyone();
      if (!isMajority && !lab.isRunning(candidate)) lab.start(candidate);
    }
    lab.repair();
    lab.agree(lab.newCommand(), 5);
    lab.end();
  });

  seeded('Figure 8 (unreliable)', (seed) => {
    const lab = new Lab(5, { seed, isReliable: false });
    lab.agree(lab.newCommand(), 1);
    for (let round = 0; round < 1000; round += 1) {
      if (round === 200) lab.wire.hasLongReordering = true;
      const leaders = lab.ids.filter((id) => lab.propose(id, lab.newCommand()) !== undefined);
      lab.sleep(pauseMs(lab));
      const connected = leaders.filter((id) => lab.wire.isConnected(id));
      if (lab.random.chance(0.5)) lab.wire.disconnect(...connected.slice(-1));
      if (lab.reachable().length < 3) lab.wire.connect(lab.anyone());
    }
    lab.wire.connect(...lab.ids);
    lab.agree(lab.newCommand(), 5);
    lab.end();
  });
});

/** A client that proposes without end, and notes what it saw committed. */
function* client(lab: Lab, me: number, seen: string[], isStopped: () => boolean): Process {
  while (!isStopped()) {
    const command = lab.newCommand();
    let index: number | undefined;
    for (const id of lab.ids) {
      if (lab.isRunning(id)) index = lab.propose(id, command) ?? index;
    }
    if (index === undefined) {
      yield 79 + me * 17;
      continue;
    }
    // It may be committed or not; a client does not wait for ever.
    for (const waitMs of [10, 20, 50, 100, 200]) {
      const there = lab.committed(index);
      if (there.command === command) seen.push(command);
      if (there.count > 0) break;
      yield waitMs;
    }
  }
}

function churn(lab: Lab): void {
  let stopped = false;
  const seen: string[] = [];
  for (let me = 0; me < 3; me += 1) lab.spawn(client(lab, me, seen, () => stopped));

  for (let round = 0; round < 20; round += 1) {
    if (lab.random.chance(0.2)) lab.wire.disconnect(lab.anyone());
    if (lab.random.chance(0.5)) {
      const id = lab.anyone();
      if (!lab.isRunning(id)) lab.start(id);
      lab.wire.connect(id);
    }
    if (lab.random.chance(0.2)) lab.crash(lab.anyone());
    // The nodes often catch up between two faults, but not always.
    lab.sleep(0.7 * ELECTION_MS);
  }
  lab.sleep(ELECTION_MS);
  lab.repair();
  stopped = true;
  lab.sleep(ELECTION_MS);
  assert.ok(lab.isQuiet, 'the clients have ended');

  const last = lab.agree(lab.newCommand(), 5);
  const applied = new Set<string>();
  for (let index = 1; index <= last; index += 1) {
    const { count, command } = lab.committed(index);
    if (command === undefined) continue;
    assert.equal(count, 5, `all nodes have applied ${index}`);
    applied.add(command);
  }
  assert.ok(seen.length > 20, `the clients saw only ${seen.length} commands committed`);
  for (const command of seen) assert.ok(applied.has(command), `${command} was committed and lost`);
  lab.end();
}

describe('MIT 6.5840, part 3C: an unreliable network', () => {
  seeded('unreliable agreement', (seed) => {
    const lab = new Lab(5, { seed, isReliable: false });
    function* beside(command: string): Process {
      yield* lab.agreeing(command, 1, true);
    }
    for (let round = 1; round < 50; round += 1) {
      for (let other = 0; other < 4; other += 1) lab.spawn(beside(`${100 * round + other}`));
      lab.agree(`${round}`, 1);
    }
    lab.wire.isReliable = true;
    while (!lab.isQuiet) lab.sleep(100);
    // Proposed again where the answer was late, so perhaps applied twice.
    assert.ok(lab.ordinal(lab.agree('last', 5)) >= 49 * 5 + 1);
    lab.end();
  });

  seeded('churn', (seed) => churn(new Lab(5, { seed })));

  seeded('unreliable churn', (seed) => churn(new Lab(5, { seed, isReliable: false })));
});
