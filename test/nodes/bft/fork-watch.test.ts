import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { freePort } from '../../../examples/rolling-migration/ports.js';
import { encodeBatch, makeCommand } from '../../../nodes/bft/batch.js';
import { ForkWatch } from '../../../nodes/bft/fork-watch.js';
import { FramedLog } from '../../../nodes/bft/framed-log.js';
import {
  type ForkReport,
  type Validator,
  ValidatorError,
  openValidator,
} from '../../../nodes/bft/index.js';
import { CHECKS_BURST, IDS_KEPT_MAX, IDS_PER_ANSWER_MAX } from '../../../nodes/bft/limits.js';
import { PeerGuard } from '../../../nodes/bft/peer-guard.js';
import { nodeDisk } from '../../../nodes/storage/index.js';
import { until } from '../../waiting.js';
import { Signers } from './signers.js';

const root = mkdtempSync(join(tmpdir(), 'bft-watch-'));
const running: Validator[] = [];

afterAll(async () => {
  for (const validator of running) await validator.close();
  rmSync(root, { recursive: true, force: true });
});

type Answer = (method: string, height: number) => unknown;
const REPORT: ForkReport = { height: 3, culprits: [], polkas: [] };

/** One that watches a peer which answers as it likes; `proven`: whether what it shows makes a fork. */
function watching(answer: Answer, proven: true | string = true) {
  const forks: ForkReport[] = [];
  const asked: string[] = [];
  const guard = new PeerGuard(() => undefined);
  const watch = new ForkWatch(guard, {
    call: async (_peer, method, payload) => {
      asked.push(`${method} ${String(payload)}`);
      return answer(method, payload as number);
    },
    investigate: async () => {
      if (proven !== true) throw new ValidatorError('bad-option', proven);
      return REPORT;
    },
    others: () => ['peer', 'another'],
    own: async () => new Uint8Array([0]),
    onFork: (report) => void forks.push(report),
    log: () => undefined,
  });
  const faults = () => guard.counts(0).get('peer')?.faults;
  return { watch, forks, asked, faults };
}

/** A peer that has decided the same, but for some heights. */
function peerWith(heights: number, others: readonly number[] = []): Answer {
  const { watch } = watching(() => null);
  for (let height = 1; height <= heights; height += 1) {
    watch.decided(height, others.includes(height) ? `other ${height}` : `value ${height}`);
  }
  return (method, height) =>
    method === 'bft.ids' ? watch.idsFrom(height) : [new Uint8Array([height])];
}

function decide(watch: ForkWatch, first: number, last: number): void {
  for (let height = first; height <= last; height += 1) watch.decided(height, `value ${height}`);
}

describe('a comparison with another validator', () => {
  it('finds nothing where the same was decided, and asks only for what is new', async () => {
    const { watch, forks, asked } = watching(peerWith(20));
    decide(watch, 1, 10);
    expect(await watch.compare('peer')).toBe(true);
    expect(await watch.compare('peer')).toBe(true);
    decide(watch, 11, 30);
    expect(await watch.compare('peer')).toBe(true);
    expect(asked).toEqual(['bft.ids 1', 'bft.ids 11', 'bft.ids 21']);
    expect(forks).toEqual([]);
  });

  it('finds the first height that differs, whatever comes after it', async () => {
    const { watch, forks, asked } = watching(peerWith(20, [3, 7]));
    decide(watch, 1, 10);
    expect(await watch.compare('peer')).toBe(false);
    // Both sides are shown to all.
    const shown = ['bft.fork 3', 'bft.fork 0'];
    expect(asked).toEqual(['bft.ids 1', 'bft.decisions 3', ...shown, ...shown]);
    expect(forks).toEqual([REPORT]);
  });

  it('goes on where an answer ends, over many heights', async () => {
    const heights = 2 * IDS_PER_ANSWER_MAX + 5;
    const { watch, asked, forks } = watching(peerWith(heights, [heights - 1]));
    decide(watch, 1, heights);
    expect(await watch.compare('peer')).toBe(false);
    expect(asked.length).toBe(4 + 4);
    expect(forks.length).toBe(1);
  });

  it('begins with the first height that is known here', async () => {
    const { watch, asked } = watching(peerWith(5_000));
    decide(watch, 4_000, 4_010);
    expect(await watch.compare('peer')).toBe(true);
    expect(asked).toEqual(['bft.ids 4000']);
    expect(watch.idsFrom(3_999).length).toBe(0);
    expect(watch.idsFrom(4_009).length).toBe(32);
    expect(watch.idsFrom(4_011).length).toBe(0);
    expect(watch.idsFrom(-1e9).length).toBe(0);
  });

  it('forgets the oldest of very many', () => {
    const { watch } = watching(() => null);
    decide(watch, 1, 2 * IDS_KEPT_MAX + 1);
    expect(watch.idsFrom(IDS_KEPT_MAX + 1).length).toBe(0);
    expect(watch.idsFrom(IDS_KEPT_MAX + 2).length).toBe(16 * IDS_PER_ANSWER_MAX);
    expect(watch.idsFrom(2 * IDS_KEPT_MAX + 1).length).toBe(16);
  });

  it.each([
    ['cannot be reached', (): unknown => Promise.reject(new Error('no way'))],
    ['is not that far', (): unknown => new Uint8Array()],
    ['is of a release before', (): unknown => null],
  ] as const)('says nothing of one that %s', async (_what, answer) => {
    const { watch, faults } = watching(answer);
    decide(watch, 1, 10);
    expect(await watch.compare('peer')).toBe(true);
    expect(faults()).toBeUndefined();
  });

  it.each([
    ['half an id', new Uint8Array(17)],
    ['more than anybody asks for', new Uint8Array(16 * (IDS_PER_ANSWER_MAX + 1))],
  ])('counts %s as a fault', async (_what, answer) => {
    const { watch, faults } = watching(() => answer);
    decide(watch, 1, 10);
    expect(await watch.compare('peer')).toBe(true);
    expect(faults()?.garbage).toBe(1);
  });

  it.each([
    ['shows nothing', () => []],
    ['shows no bytes', () => ['x']],
    ['shows what proves nothing', () => [new Uint8Array([1])]],
  ] as const)('takes nothing of one that %s, and asks it no more', async (_what, shown) => {
    const { watch, forks, faults, asked } = watching(
      (method) => (method === 'bft.ids' ? new Uint8Array(32) : shown()),
      'no proof',
    );
    decide(watch, 1, 10);
    expect(await watch.compare('peer')).toBe(false);
    expect(await watch.compare('peer')).toBe(false);
    expect(asked.length).toBe(2);
    expect(forks).toEqual([]);
    expect(faults()?.['bad-decision']).toBe(1);
  });

  it('asks again one that did not answer what it was asked to show', async () => {
    let isUp = false;
    const peer = peerWith(5, [2]);
    const { watch, forks } = watching((method, height) => {
      if (method === 'bft.decisions' && !isUp) throw new Error('overloaded');
      return peer(method, height);
    });
    decide(watch, 1, 5);
    expect(await watch.compare('peer')).toBe(true);
    expect(forks).toEqual([]);
    isUp = true;
    expect(await watch.compare('peer')).toBe(false);
    expect(forks.length).toBe(1);
  });

  it('takes the others in turn', async () => {
    const asked = new Set<string>();
    const watch = new ForkWatch(new PeerGuard(() => undefined), {
      call: async (peer) => {
        asked.add(peer);
        return null;
      },
      investigate: () => Promise.reject(new Error('nothing differs')),
      others: () => [],
      own: () => Promise.reject(new Error('nothing differs')),
      onFork: () => undefined,
      log: () => undefined,
    });
    decide(watch, 1, 2);
    for (let beat = 0; beat < 50; beat += 1) await watch.onBeat(['a', 'b', 'c']);
    expect([...asked].toSorted()).toEqual(['a', 'b', 'c']);
    await watch.onBeat([]);
  });
});

describe('what somebody shows as a side of a fork', () => {
  const signers = new Signers([1, 2, 3, 4]);

  it.each([
    ['the same as here', signers.decision([0, 1, 2], 0, 'value 1', 1)],
    ['of a height that is not decided here', signers.decision([0, 1, 2], 0, 'x', 9)],
  ])('says nothing if it is %s', async (_what, bytes) => {
    const { watch, forks, faults } = watching(() => null);
    decide(watch, 1, 5);
    await watch.told('peer', bytes);
    expect(forks).toEqual([]);
    expect(faults()).toBeUndefined();
  });

  it('is judged, and told to the others, if it is something else', async () => {
    const { watch, forks, asked } = watching(() => true);
    decide(watch, 1, 5);
    const bytes = signers.decision([0, 1, 2], 0, 'x', 3);
    await watch.told('peer', bytes);
    await watch.told('peer', bytes);
    expect(forks).toEqual([REPORT]);
    expect(asked.length).toBe(4);
  });

  it('is looked at as often as signatures are checked for one, also when it cannot be judged', async () => {
    let looked = 0;
    const watch = new ForkWatch(new PeerGuard(() => undefined), {
      call: () => Promise.resolve(null),
      investigate: () => {
        looked += 1;
        return Promise.reject(new ValidatorError('pruned', 'what came before is not here'));
      },
      others: () => [],
      own: () => Promise.reject(new Error('nothing is shown')),
      onFork: () => undefined,
      log: () => undefined,
    });
    decide(watch, 1, 5);
    const bytes = signers.decision([0, 1, 2], 0, 'x', 3);
    // Both decisions are checked: two proposals, and three votes of each.
    const most = Math.floor(CHECKS_BURST / 8);
    for (let count = 0; count < 2 * most; count += 1) await watch.told('peer', bytes);
    expect(looked).toBeGreaterThanOrEqual(most);
    expect(looked).toBeLessThan(1.5 * most);
  });

  it.each([
    ['no bytes', 'x', 'garbage'],
    ['bytes that cannot be read', new Uint8Array([9, 9]), 'garbage'],
    ['no proof', signers.decision([0, 1, 2], 0, 'x', 3), 'bad-decision'],
  ] as const)('is a fault if it is %s', async (_what, payload, fault) => {
    const { watch, forks, faults } = watching(() => true, 'no proof');
    decide(watch, 1, 5);
    await watch.told('peer', payload);
    expect(forks).toEqual([]);
    expect(faults()?.[fault]).toBe(1);
  });
});

describe('validators that are on two sides of a fork', () => {
  const value = (text: string): Uint8Array => encodeBatch([makeCommand(Buffer.from(text), 100)]);

  it.each([
    ['at the same height', 1],
    ['of which one is ahead', 3],
  ])(
    '%s name who made it, and take part no more',
    async (_what, heights) => {
      const ports = [await freePort(), await freePort(), await freePort(), await freePort()];
      const signers = new Signers(ports, `fork-${heights}`);
      const open = async (at: number, decided: readonly Uint8Array[]) => {
        const directory = mkdtempSync(join(root, 'validator-'));
        const path = join(directory, 'decisions');
        const { digest: chain } = signers.chain;
        const log = await FramedLog.open({ path, magic: 'AFBFTde', chain }, nodeDisk);
        for (const each of decided) await log.append(each);
        await log.close();
        const told: { report?: ForkReport; error?: Error } = {};
        const validator = await openValidator({
          directory,
          identity: signers.identities[at]!,
          genesis: signers.genesis,
          apply: () => {},
          onFork: (report) => (told.report = report),
          onFailed: (error) => (told.error = error),
        });
        running.push(validator);
        return { validator, told };
      };
      const later = [2, 3].slice(0, heights - 1);
      const ahead = later.map((height) => signers.decided([1, 2, 3], height, value(`x${height}`)));
      const [one, other] = await Promise.all([
        open(0, [signers.decided([0, 1, 2], 1, value('v'))]),
        open(3, [signers.decided([1, 2, 3], 1, value('w')), ...ahead]),
      ]);
      for (const { told, validator } of [one, other]) {
        await until('it has found the fork', () => told.error !== undefined);
        expect(signers.named(told.report!)).toBe('equivocation 1,2');
        expect(told.error).toMatchObject({ code: 'failed', cause: { code: 'forked' } });
        await expect(validator.submit(Buffer.from('x'))).rejects.toMatchObject({ code: 'failed' });
      }
      // Nothing of the other side was taken.
      expect([one.validator.height, other.validator.height]).toEqual([1, heights]);
    },
    180_000,
  );
});
