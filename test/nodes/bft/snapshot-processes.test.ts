/** Validators as processes that prune, and those that come when what they need is deleted. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { freePort } from '../../../examples/rolling-migration/ports.js';
import { openPostQuantumKey } from '../../../nodes/bft/index.js';
import { ForkedProcess } from '../../forked-process.js';
import { until } from '../../waiting.js';
import { makePlainGenesis } from './plain-genesis.js';
import type { Methods, SnapshotStart } from './snapshot-process.js';

const SCRIPT = fileURLToPath(new URL('snapshot-process.js', import.meta.url));
const EVERY = 4;
const root = mkdtempSync(join(tmpdir(), 'bft-snapshots-'));
const started: ForkedProcess<Methods>[] = [];

afterAll(async () => {
  await Promise.all(started.map((each) => each.kill()));
  rmSync(root, { recursive: true, force: true });
});

async function chainOf(count: number) {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  const { identities, genesis } = makePlainGenesis('snapshots', ports);
  const directories = identities.map((_, at) => join(root, String(at)));
  const keys: string[] = [];
  for (const directory of directories) {
    mkdirSync(directory);
    const { publicKey } = await openPostQuantumKey(join(directory, 'post-quantum'));
    keys.push(Buffer.from(publicKey).toString('hex'));
  }
  const validators = genesis.validators.map((each, at) => ({
    ...each,
    postQuantumKey: keys[at]!,
  }));
  const open = async (at: number, how: Partial<SnapshotStart> = {}) => {
    const made = new ForkedProcess<Methods>(SCRIPT);
    started.push(made);
    const { privateKeyPem } = identities[at]!;
    await made.call('start', {
      directory: directories[at]!,
      privateKeyPem,
      lies: false,
      dies: null,
      genesis: { ...genesis, validators, checkpointsEvery: EVERY },
      ...how,
    });
    return made;
  };
  return { open, ids: identities.map(({ peerId }) => peerId) };
}

describe('four validators that prune, of which one gives wrong chunks', () => {
  it('let one in that has nothing, and one that was away, also if it is killed in between', async () => {
    const { open, ids } = await chainOf(4);
    const liar = await open(0, { lies: true });
    const others = [await open(1), await open(2)];
    let height = 0;
    let count = 0;
    const goOn = async (heights: number): Promise<void> => {
      for (let done = 0; done < heights; done += 1) {
        count += 1;
        height = await others[count % 2]!.call('submit', `word ${count}`);
      }
    };
    const pruned = (up: number) =>
      until(`height ${up} is deleted`, async () => {
        const found = await Promise.all([liar, ...others].map((each) => each.call('decision', up)));
        return found.every((each) => each === 'pruned');
      });
    await goOn(3 * EVERY);
    await pruned(1);

    // It has nothing, and ends with the old decisions to be deleted, then with half of the state.
    const ended = 'the process ended';
    const passing = await open(3, { dies: 'passing over' });
    await expect(passing.call('forever')).rejects.toThrow(ended);
    await expect(open(3, { dies: 'restoring' })).rejects.toThrow(ended);
    const late = await open(3);
    const sameState = (): Promise<true> =>
      until('the same state', async () => {
        const states = await Promise.all([liar, ...others, late].map((each) => each.call('state')));
        return states.every(({ hash }) => hash === states[0]!.hash) && true;
      });
    await sameState();
    expect((await late.call('state')).words).toBe(count);
    expect(await late.call('restored')).toBeGreaterThan(0);
    expect(await late.call('decision', 1)).toBe('pruned');

    // It decides and signs checkpoints with the others.
    await goOn(2 * EVERY);
    await sameState();
    await until('the same checkpoint', async () => {
      const found = await Promise.all([...others, late].map((each) => each.call('checkpoint')));
      return found.every((each) => {
        const isLate = (each?.height ?? 0) >= height - EVERY;
        return isLate && each!.isPostQuantum && each!.digest === found[0]!.digest;
      });
    });

    // One that was away for so long that what it needs is deleted everywhere.
    const last = height;
    await others.pop()!.kill();
    others.push(late);
    await goOn(4 * EVERY);
    await until(`height ${last + 1} is deleted`, async () => {
      const found = [liar, ...others].map((each) => each.call('decision', last + 1));
      return (await Promise.all(found)).every((each) => each === 'pruned');
    });
    const back = await open(2);
    others.push(back);
    await until('it has come back', async () => {
      const [one, other] = await Promise.all([back, late].map((each) => each.call('state')));
      return one!.hash === other!.hash;
    });
    expect(await back.call('restored')).toBeGreaterThan(last);

    // Who gave a wrong chunk was cut off, and nobody else.
    const { faults } = await back.call('status');
    for (const [id, wrong, cuts] of faults) {
      if (id === ids[0]) expect(Math.min(wrong, cuts)).toBeGreaterThan(0);
      else expect([wrong, cuts]).toEqual([0, 0]);
    }
    expect(faults.some(([id]) => id === ids[0])).toBe(true);
  }, 120_000);
});
