import { strict as assert } from 'node:assert';
import { describe } from 'vitest';
import { type ConfChange, encodeConfChange } from '../../../../consensus/raft/index.js';
import { seeded } from '../mit/seeds.js';
import { stored } from '../single.js';
import { campaign, confState, foundedAs, lead, scripted } from './script.js';

const TRIO = [1, 2, 3];
const REMOVE_1: ConfChange = { transition: 'auto', changes: [{ type: 'remove', node: 1 }] };

describe('named bugs: membership', () => {
  seeded('bug 2: no change before an entry of the own term is committed', (seed) => {
    const add: ConfChange = { transition: 'auto', changes: [{ type: 'addVoter', node: 4 }] };
    const lab = scripted(4, { seed, stored: () => foundedAs(confState(TRIO)) });
    lab.wire.isLost = ({ type }) => type === 'appendRequest';
    lead(lab, 1);
    assert.equal(lab.change(1, add), 'change-pending');
    lab.wire.isLost = () => false;
    lab.sleep(500);
    assert.equal(lab.change(1, add), undefined);
    lab.agree('a', 4);
    assert.deepEqual(lab.node(4).status().confState.voters, [1, 2, 3, 4]);
    lab.end();
  });

  seeded('bug 3: a joint configuration is entered and left only when it is committed', (seed) => {
    const data = encodeConfChange({ ...REMOVE_1, transition: 'jointImplicit' });
    const entries = [{ term: 2, index: 2, type: 'confChange', data } as const];
    // Only node 2 has the change on its disk, not committed, and restarts with it.
    const disk = stored(TRIO, [], { term: 2 });
    const lab = scripted(3, { seed, stored: (id) => (id === 2 ? { ...disk, entries } : disk) });
    lab.wire.isLost = ({ type }) => type === 'appendRequest';
    lead(lab, 2);
    lab.sleep(500);
    const { confState: before, lastIndex } = lab.node(2).status();
    assert.deepEqual(before, confState(TRIO));
    assert.equal(lastIndex, 3, 'the change and the first entry of the term, nothing that leaves');
    lab.wire.isLost = () => false;
    lab.sleep(500);
    assert.deepEqual(lab.node(2).status().confState, confState([2, 3]));
    assert.equal(lab.node(2).status().lastIndex, 4);
    lab.end();
  });

  seeded('bug 3: a joint configuration in effect is left after its log is committed', (seed) => {
    const joint = { ...confState([2, 3]), votersOutgoing: TRIO, autoLeave: true };
    const lab = scripted(3, { seed, stored: () => foundedAs(joint) });
    lab.wire.isLost = ({ type }) => type === 'appendRequest';
    lead(lab, 2);
    lab.sleep(500);
    assert.equal(lab.node(2).status().lastIndex, 2, 'nothing leaves it before its first commit');
    lab.wire.isLost = () => false;
    lab.sleep(500);
    assert.deepEqual(lab.node(2).status().confState, confState([2, 3]));
    lab.end();
  });

  seeded('bug 9: a leader leads until its removal is committed, and not after', (seed) => {
    const lab = scripted(3, { seed });
    lead(lab, 1);
    lab.agree('a', 3);
    lab.wire.isLost = ({ type }) => type === 'appendResponse';
    assert.equal(lab.change(1, REMOVE_1), undefined);
    lab.sleep(300);
    assert.ok(lab.node(1).isLeader, 'it steps down before its removal is committed');
    assert.ok(lab.propose(1, 'b') !== undefined);
    lab.wire.isLost = () => false;
    lab.sleep(300);
    assert.ok(!lab.node(1).isLeader, 'it leads although it is no member');
    assert.equal(lab.propose(1, 'c'), undefined);
    assert.ok(!campaign(lab, 1));
    const { term } = lab.node(1).status();
    // Either of the two may have missed that the removal is committed; a refusal tells it.
    assert.ok(campaign(lab, 2) || campaign(lab, 2));
    lab.wire.disconnect(1);
    lab.agree('d', 2);
    assert.ok(lab.node(2).status().term <= term + 2);
    lab.end();
  });
});
