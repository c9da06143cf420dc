import { strict as assert } from 'node:assert';
import { describe } from 'vitest';
import { type Cost, Lab } from './lab.js';
import { seeded } from './seeds.js';

const SNAPSHOT_EVERY = 10;
/** Bytes of log on any disk. */
const LOG_BYTES_MAX = 2000;

interface Victims {
  readonly isReliable: boolean;
  /** What happens to one node a round while the others go on. */
  readonly fault?: 'disconnect' | 'crash';
}

/** Rounds in which a node misses enough that the others compact what it needs. */
function snapshots(seed: number, { isReliable, fault }: Victims): Cost {
  const lab = new Lab(3, { seed, isReliable, snapshotEvery: SNAPSHOT_EVERY });
  lab.agree(lab.newCommand(), 3);
  let leader = lab.oneLeader();
  const expected = fault === undefined ? 3 : 2;
  for (let round = 0; round < 30; round += 1) {
    const other = lab.after(leader, 1);
    const [sender, victim] = round % 3 === 1 ? [other, leader] : [leader, other];
    if (fault === 'disconnect') lab.wire.disconnect(victim);
    if (fault === 'crash') lab.crash(victim);
    if (fault !== undefined) lab.agree(lab.newCommand(), expected);

    const count = SNAPSHOT_EVERY / 2 + lab.random.below(SNAPSHOT_EVERY);
    for (let i = 0; i < count; i += 1) lab.propose(sender, lab.newCommand());
    lab.agree(lab.newCommand(), expected);
    for (const id of lab.ids) {
      const { logBytes } = lab.disk(id);
      assert.ok(logBytes < LOG_BYTES_MAX, `the log of ${id} has grown to ${logBytes} bytes`);
    }
    if (fault === undefined) continue;
    if (fault === 'disconnect') lab.wire.connect(victim);
    else lab.start(victim);
    lab.agree(lab.newCommand(), 3);
    leader = lab.oneLeader();
  }
  return lab.end();
}

describe('MIT 6.5840, part 3D: snapshots', () => {
  seeded('snapshots basic', (seed) => {
    const { snapshots: sent } = snapshots(seed, { isReliable: true });
    // Where requests overtake each other a follower asks again, perhaps for what is compacted.
    assert.ok(sent <= 20, `${sent} snapshots in 30 rounds in which nobody lags`);
  });

  const INSTALLING: Record<string, Victims> = {
    'install snapshots (disconnect)': { isReliable: true, fault: 'disconnect' },
    'install snapshots (disconnect+unreliable)': { isReliable: false, fault: 'disconnect' },
    'install snapshots (crash)': { isReliable: true, fault: 'crash' },
    'install snapshots (unreliable+crash)': { isReliable: false, fault: 'crash' },
  };
  for (const [name, victims] of Object.entries(INSTALLING)) {
    seeded(name, (seed) => {
      const { snapshots: sent } = snapshots(seed, victims);
      assert.ok(sent > 0, 'a run without a snapshot on the wire proves nothing');
    });
  }

  seeded('crash and restart all nodes', (seed) => {
    const lab = new Lab(3, { seed, isReliable: false, snapshotEvery: SNAPSHOT_EVERY });
    lab.agree(lab.newCommand(), 3);
    for (let round = 0; round < 5; round += 1) {
      const count = SNAPSHOT_EVERY / 2 + lab.random.below(SNAPSHOT_EVERY);
      for (let i = 0; i < count; i += 1) lab.agree(lab.newCommand(), 3);
      const before = lab.agree(lab.newCommand(), 3);
      lab.restart(...lab.ids);
      const after = lab.agree(lab.newCommand(), 3);
      assert.ok(after > before, `the index went from ${before} back to ${after}`);
    }
    lab.end();
  });

  seeded('snapshot initialization after crash', (seed) => {
    const lab = new Lab(3, { seed, snapshotEvery: SNAPSHOT_EVERY });
    for (let i = 0; i < SNAPSHOT_EVERY + 2; i += 1) lab.agree(lab.newCommand(), 3);
    lab.restart(...lab.ids);
    // One write after the restart must not lose what the snapshot holds.
    lab.agree(lab.newCommand(), 3);
    lab.restart(...lab.ids);
    assert.equal(lab.ordinal(lab.agree(lab.newCommand(), 3)), SNAPSHOT_EVERY + 4);
    lab.end();
  });
});
