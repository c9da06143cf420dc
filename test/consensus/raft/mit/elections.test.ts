import { strict as assert } from 'node:assert';
import { describe } from 'vitest';
import { ELECTION_MS, Lab } from './lab.js';
import { seeded } from './seeds.js';

describe('MIT 6.5840, part 3A: elections', () => {
  seeded('initial election', (seed) => {
    const lab = new Lab(3, { seed });
    lab.oneLeader();
    lab.sleep(50);
    const term = lab.oneTerm();
    assert.ok(term >= 1);
    // Nothing fails, so nothing changes.
    lab.sleep(2 * ELECTION_MS);
    assert.equal(lab.oneTerm(), term);
    lab.oneLeader();
    lab.end();
  });

  seeded('election after network failure', (seed) => {
    const lab = new Lab(3, { seed });
    const first = lab.oneLeader();
    lab.wire.disconnect(first);
    lab.oneLeader();

    // The old leader comes back and follows.
    lab.wire.connect(first);
    const second = lab.oneLeader();

    // No quorum, no leader.
    lab.wire.disconnect(second, lab.after(second, 1));
    lab.sleep(2 * ELECTION_MS);
    lab.noLeader();

    lab.wire.connect(lab.after(second, 1));
    lab.oneLeader();
    lab.wire.connect(second);
    lab.oneLeader();
    lab.end();
  });

  seeded('multiple elections', (seed) => {
    const lab = new Lab(7, { seed });
    lab.oneLeader();
    for (let round = 0; round < 9; round += 1) {
      const away = [lab.anyone(), lab.anyone(), lab.anyone()];
      lab.wire.disconnect(...away);
      // At least four are left: the leader is among them, or they elect one.
      lab.oneLeader();
      lab.wire.connect(...away);
    }
    lab.oneLeader();
    lab.end();
  });
});
