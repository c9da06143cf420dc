import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Evidence, SignedVote } from '../../../consensus/bft/index.js';
import type { ProposedChange } from '../../../nodes/bft/change.js';
import { SignatureChecker } from '../../../nodes/bft/checking.js';
import { Culprits } from '../../../nodes/bft/culprits.js';
import { FramedLog } from '../../../nodes/bft/framed-log.js';
import type { EvidenceReport, ValidatorOptions } from '../../../nodes/bft/options.js';
import type { Peers } from '../../../nodes/bft/peers.js';
import { ChainSets } from '../../../nodes/bft/sets.js';
import { nodeDisk } from '../../../nodes/storage/index.js';
import { Signers } from './signers.js';

const root = mkdtempSync(join(tmpdir(), 'bft-culprits-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const signers = new Signers([1, 2, 3, 4]);
const ids = signers.identities.map(({ peerId }) => peerId);

async function open(name: string, options: Partial<ValidatorOptions> = {}) {
  const { chain } = signers;
  const path = join(root, name);
  const evidence = await FramedLog.open({ path, magic: 'AFBFTev', chain: chain.digest }, nodeDisk);
  const sets = new ChainSets(chain);
  const culprits = new Culprits(options as ValidatorOptions, {
    self: ids[0]!,
    sets,
    checker: new SignatureChecker(chain.digest, sets),
    peers: { others: [] } as unknown as Peers,
    store: { evidence, polkas: { answer: async () => null } },
    onFailed: (error) => {
      throw error;
    },
    log: () => undefined,
  });
  await culprits.load();
  const close = async (): Promise<void> => {
    await culprits.close();
    await evidence.close();
  };
  return { culprits, sets, close };
}

const votes = (who: number, ...some: readonly (readonly SignedVote[])[]): Evidence => {
  return { type: 'votes', culprit: ids[who]!, votes: some.flat() };
};
const amnesiaOf = (who: number): Evidence =>
  votes(who, signers.votes('precommit', [who], 0, 'v'), signers.votes('prevote', [who], 1, 'w'));

const removal = (who: number): ProposedChange => {
  return { id: ids[who]!, weight: 0, address: null, reason: 'command' };
};

describe('what is known against validators', () => {
  it('is on the disk, and told once', async () => {
    const told: EvidenceReport[] = [];
    const first = await open('kept', { onEvidence: (report) => void told.push(report) });
    await first.culprits.keep(amnesiaOf(1));
    await first.culprits.keep(amnesiaOf(1));
    const twice = votes(
      2,
      signers.votes('prevote', [2], 3, 'v'),
      signers.votes('prevote', [2], 3, 'w'),
    );
    await first.culprits.keep(twice);
    await first.close();
    expect(told).toMatchObject([
      { culprit: ids[1], kind: 'amnesia', height: 1, round: 0 },
      { culprit: ids[2], kind: 'prevote', height: 1, round: 3 },
    ]);
    const again = await open('kept');
    expect(again.culprits.reports).toEqual(told);
    expect(again.culprits.amnesiacs).toEqual([ids[1]]);
    await again.close();
  });

  it('decides what is approved when the operator says nothing', async () => {
    const { culprits, close } = await open('default');
    await culprits.keep(amnesiaOf(1));
    expect(culprits.approves(removal(1))).toBe(true);
    expect(culprits.approves(removal(2))).toBe(false);
    expect(culprits.approves({ ...removal(1), weight: 1 })).toBe(false);
    expect(culprits.approves({ ...removal(2), reason: 'evidence' })).toBe(true);
    await close();
  });

  it('is told to the operator, whose word counts', async () => {
    const asked: string[] = [];
    const { culprits, sets, close } = await open('operator', {
      approveChange: ({ id, reason }) => {
        asked.push(`${ids.indexOf(id)} ${reason}`);
        return reason === 'command';
      },
    });
    await culprits.keep(amnesiaOf(1));
    expect(culprits.approves(removal(1))).toBe(false);
    expect(culprits.approves(removal(2))).toBe(true);
    expect(culprits.approves({ ...removal(1), reason: 'evidence' })).toBe(false);
    expect(asked).toEqual(['1 amnesia', '2 command', '1 evidence']);
    // It is removed, and comes back: what it did before is paid for.
    sets.canAccuse = () => false;
    expect(culprits.amnesiacs).toEqual([]);
    expect(culprits.approves(removal(1))).toBe(true);
    await close();
  });
});
