import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { approvalRefusal } from '../../../nodes/approval/gate.js';
import { NodeApprovals } from '../../../nodes/approval/node-approvals.js';
import { SettingsFile } from '../../../nodes/approval/settings.js';
import type { ControlState } from '../../../nodes/control-plane/state.js';
import { startRollout } from '../../../nodes/rollout/machine.js';
import type { Rollout } from '../../../nodes/rollout/state.js';
import { SWARM, certificateOf, fixedIdentities, stateOf, valueOf } from './approving.js';

const members = fixedIdentities(4);
const value = valueOf(4);
const certificate = certificateOf({ members, value });
const trusted = members.map(({ peerId }) => peerId);
const FREE = { requiredAfter: null, votedAfter: null };

const rolloutOf = (approval?: Rollout['approval'], { plan, digest } = value, id = 9): Rollout => {
  const rollout = startRollout(id, plan, digest, 0, 0);
  return approval === undefined ? rollout : { ...rollout, approval };
};
const refusal = (
  rollout: Rollout,
  settings: { requiredAfter: number | null; votedAfter: number | null },
) => approvalRefusal(rollout, { swarmId: SWARM, trusted, settings });

describe('a node that is told of a rollout', () => {
  it('takes part without approval where nobody asks for one', () => {
    expect(refusal(rolloutOf(), FREE)).toBeNull();
  });

  it('takes no part without approval where its operator wants one, or where it has voted', () => {
    expect(refusal(rolloutOf(), { ...FREE, requiredAfter: 8 })).toMatch(/--approve bft/);
    expect(refusal(rolloutOf(), { ...FREE, requiredAfter: 9 })).toBeNull();
    expect(refusal(rolloutOf(), { ...FREE, votedAfter: 0 })).toMatch(/left it out/);
    expect(refusal(rolloutOf(), { ...FREE, votedAfter: 9 })).toBeNull();
  });

  it('takes part with an approval of that plan, and with no other', () => {
    for (const settings of [FREE, { requiredAfter: 0, votedAfter: 0 }]) {
      expect(refusal(rolloutOf({ after: 0, certificate }), settings)).toBeNull();
      // It was approved as the first rollout; somebody starts the same plan once more.
      expect(refusal(rolloutOf({ after: 9, certificate }), settings)).toMatch(/after 0/);
      const other = rolloutOf({ after: 0, certificate }, valueOf(4, { soakMs: 1 }));
      expect(refusal(other, settings)).toMatch(/what was approved/);
      const disguised = { ...other, digest: value.digest };
      expect(refusal(disguised, settings)).toMatch(/of another plan/);
      const empty = rolloutOf({ after: 0, certificate: new Uint8Array() });
      expect(refusal(empty, settings)).not.toBeNull();
    }
  });
});

describe('the approvals of a node', () => {
  let directory: string;
  let approvals: NodeApprovals;
  let control: ControlState;
  const self = { nodeId: 2, swarmId: SWARM };

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'approvals-'));
    control = stateOf(4);
    await reopen();
  });
  afterEach(async () => {
    await approvals.close();
    rmSync(directory, { recursive: true });
  });

  const reopen = async (): Promise<void> => {
    approvals = await NodeApprovals.open(directory, self, () => undefined);
    const peers = { call: () => Promise.reject(new Error('alone')), tell: () => undefined };
    approvals.begin({ control, peers, releases: undefined }, members[1]!);
  };

  it('leave no file while nobody uses them', async () => {
    control.rollout = rolloutOf();
    approvals.poke();
    await approvals.requireApproved(control.rollout);
    expect(approvals.holdsV1(control)).toBe(false);
    expect(await approvals.describe()).toBeNull();
    expect(() => readFileSync(join(directory, 'settings.json'))).toThrow(/ENOENT/);
  });

  it('are remembered: what was refused stays refused, also when the members change', async () => {
    await approvals.configure({ required: true });
    control.rollout = rolloutOf();
    await expect(approvals.requireApproved(control.rollout)).rejects.toThrow(/--approve bft/);
    await approvals.close();
    control.members.delete(4);
    await reopen();
    await expect(approvals.requireApproved(control.rollout)).rejects.toThrow(/--approve bft/);
    expect(approvals.hasRefused(control.rollout)).toBe(true);
    // Its operator gives in.
    await approvals.configure({ required: false });
    await approvals.requireApproved(control.rollout);
  });

  it('go on with an approved rollout of which a member was removed meanwhile', async () => {
    control.rollout = rolloutOf({ after: 0, certificate });
    await approvals.requireApproved(control.rollout);
    control.members.delete(4);
    await approvals.close();
    await reopen();
    await approvals.requireApproved(control.rollout);
  });

  it('trust the members of before, until the operator looks at them', async () => {
    await approvals.configure({ trust: true });
    control.members.delete(4);
    control.members.set(5, { ...control.members.get(3)!, nodeId: 5, peerId: 'somebody' });
    const answer = await approvals.propose({ ...value, plan: valueOf(4).plan });
    expect(answer.state).toBe('refused');
    const five = fixedIdentities(5);
    const forged = certificateOf({ members: five, value: valueOf(5) });
    control.rollout = rolloutOf({ after: 0, certificate: forged }, valueOf(5));
    await expect(approvals.requireApproved(control.rollout)).rejects.toThrow(/told to trust/);
  });

  it('keep a node on v1 when the log says that it has switched, and nobody approved that', async () => {
    await approvals.configure({ required: true });
    control.members.get(2)!.engine = 'v2';
    expect(approvals.holdsV1(control)).toBe(true);
    control.rollout = rolloutOf();
    expect(approvals.holdsV1(control)).toBe(true);
    control.rollout = rolloutOf({ after: 0, certificate }, value, 10);
    expect(approvals.holdsV1(control)).toBe(false);
    // It is on v2 now, and stays there.
    control.rollout = null;
    expect(approvals.holdsV1(control)).toBe(false);
    control.members.get(2)!.engine = 'v1';
    approvals.poke();
    control.members.get(2)!.engine = 'v2';
    expect(approvals.holdsV1(control)).toBe(true);
  });

  it('let a node of a v2 swarm be where it is', async () => {
    control.members.get(2)!.engine = 'v2';
    await approvals.configure({ required: true });
    expect(approvals.holdsV1(control)).toBe(false);
  });

  it('concern no node that joined after the rollout was planned', async () => {
    await approvals.close();
    approvals = await NodeApprovals.open(directory, { ...self, nodeId: 5 }, () => undefined);
    const peers = { call: () => Promise.reject(new Error('alone')), tell: () => undefined };
    approvals.begin({ control, peers, releases: undefined }, fixedIdentities(5)[4]!);
    control.rollout = rolloutOf({ after: 0, certificate });
    await approvals.requireApproved(control.rollout);
  });
});

describe('the file of settings', () => {
  it('is read as it was written, and never begun anew', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'approvals-'));
    const path = join(directory, 'settings.json');
    const file = await SettingsFile.open(path);
    await Promise.all([
      file.change({ requiredAfter: 7 }),
      file.change({ trusted: ['a', 'b'], allowed: { after: 3, digest: 'd' } }),
    ]);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({
      version: 1,
      requiredAfter: 7,
      policy: 'operator',
      trusted: ['a', 'b'],
      allowed: { after: 3, digest: 'd' },
      votedAfter: null,
      mayRunV2: false,
      keys: [],
      judged: null,
    });
    expect((await SettingsFile.open(path)).value).toEqual(file.value);
    for (const text of ['', '{}', '{"version":2}', '{"version":1,"requiredAfter":"no"}']) {
      writeFileSync(path, text);
      await expect(SettingsFile.open(path)).rejects.toThrow(/cannot be used/);
    }
    rmSync(directory, { recursive: true });
  });
});
