/**
 * kill -9 of the supervisor, of its node, of the standby, or of several, at random points of hand-overs.
 * Afterwards one release runs, and nothing that was acknowledged is lost. `SEED=N ROUNDS=N` repeats.
 */
import { randomInt } from 'node:crypto';

import { expect, it } from 'vitest';

import { connectTo, initSwarm } from '../e2e/support/swarm.js';
import { copyBuild } from './builds.js';
import {
  add,
  killNow,
  processesOf,
  recordOf,
  startSupervised,
  statusIfAny,
  untilServing,
  use,
} from './supervised.js';
import { Writes } from './writes.js';
import { sleep, until } from '../waiting.js';

const seed = Number(process.env['SEED'] ?? randomInt(2 ** 31));
const rounds = Number(process.env['ROUNDS'] ?? 4);
/** Longer than a standby takes to warm, so that all of a hand-over is hit. */
const KILL_WITHIN_MS = 12_000;

/** Numerical Recipes; the same seed gives the same numbers. */
function randomFrom(start: number): (below: number) => number {
  let state = start >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const VICTIMS = ['supervisor', 'main', 'standby', 'supervisor and main', 'all'] as const;

it(`loses nothing when processes are killed in hand-overs (SEED=${seed} ROUNDS=${rounds})`, async () => {
  const random = randomFrom(seed);
  const created = await initSwarm();
  const { directory } = created;
  const args = ['--data', directory];
  let supervisor = await startSupervised(args);
  const releases = [
    (await untilServing(directory)).main?.release ?? '',
    await add(directory, copyBuild('second')),
  ];
  const writes = new Writes(await connectTo(created));
  for (let round = 0; round < rounds; round += 1) {
    const before = await untilServing(directory);
    const to = releases.find((each) => each !== before.main?.release) ?? '';
    const asked = use(directory, to).catch(() => undefined);
    const victim = VICTIMS[random(VICTIMS.length)] ?? 'all';
    await sleep(random(KILL_WITHIN_MS));
    const now = (await statusIfAny(directory)) ?? before;
    const isAll = victim === 'all';
    if (isAll || victim === 'standby') killNow(now.standby?.pid);
    if (isAll || victim.includes('main')) killNow(now.main?.pid);
    if (isAll || victim.includes('supervisor')) {
      await supervisor.kill();
      supervisor = await startSupervised(args);
    }
    await asked;
    const after = await untilServing(directory);
    const where = `round ${round}, ${victim} killed in ${now.main?.stage}/${now.standby?.stage}`;
    const record = await recordOf(directory);
    expect(releases, where).toContain(after.main?.release);
    expect({ current: record.current, isTrial: record.isTrial }, where).toEqual({
      current: after.main?.release,
      isTrial: false,
    });
    await until(`one process is left (${where})`, async () => processesOf(directory).length === 1);
  }
  expect(await writes.lost()).toEqual([]);
  expect(writes.acknowledged.length).toBeGreaterThan(rounds);
});
