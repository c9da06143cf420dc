/**
 * Whatever bytes of a log are damaged, opening it gives the log that was written, with lost entries
 * where the damage is, or the error `damaged` and changes nothing. SEED=n runs one seed, SEEDS=n
 * more or fewer, FIRST_SEED=n others.
 */
import { describe, expect, it } from 'vitest';
import { SLOT_BYTES, slotAt, slotOffset } from '../../../nodes/storage/frame-format.js';
import { StorageError } from '../../../nodes/storage/index.js';
import {
  ONLY_SEED,
  between,
  difference,
  eachSeed,
  expectOften,
  lostOf,
  segmentsOf,
  underSnapshot,
} from './expected.js';
import { type Expected, History, pick, randomOf } from './history.js';
import { DIRECTORY, FIRST, entry, framesAt, open } from './log-fixtures.js';
import { MemoryDisk } from './memory-disk.js';

function areSame(a: MemoryDisk, b: MemoryDisk): boolean {
  const [names, others] = [a.names(), b.names()];
  const isSame = (name: string): boolean => {
    return a.bytes(DIRECTORY, name).equals(b.bytes(DIRECTORY, name));
  };
  return names.length === others.length && names.every((n, at) => n === others[at] && isSame(n));
}

interface Outcome {
  /** Indexes of lost entries, or null if the log was refused. */
  readonly lost: readonly number[] | null;
}

/** Opens a damaged log and throws unless the result is one that is allowed. */
async function outcomeOf(disk: MemoryDisk, allowed: readonly Expected[]): Promise<Outcome> {
  const before = disk.copy();
  const opened = await open(disk).catch((error: unknown) => error);
  if (!('store' in (opened as object))) {
    expect(opened).toBeInstanceOf(StorageError);
    const { code, message, detail } = opened as StorageError;
    // Of a header that is damaged where its version stands.
    if (code !== 'newer-version') expect(code, message).toBe('damaged');
    expect(detail.path).toContain(DIRECTORY);
    expect(areSame(disk, before), 'nothing was changed').toBe(true);
    return { lost: null };
  }
  const { store, restored } = opened as Awaited<ReturnType<typeof open>>;
  const differences = allowed.map((expected) => difference(restored, expected));
  if (!differences.includes(null)) throw new Error(`other than written: ${differences.join('; ')}`);
  const expected = allowed[differences.indexOf(null)]!;
  const lost = lostOf(restored);
  // What was mended is right: the log can be written on, repaired, and opens again as it was.
  const last = expected.snapshotIndex + expected.entries.length;
  const hardState = { ...restored.hardState, term: restored.hardState.term + 1 };
  const next = entry(last + 1, hardState.term);
  await store.append({ entries: [next], hardState });
  await store.close();
  const longer = { ...expected, hardState, entries: [...expected.entries, next] };
  const again = await open(disk);
  expect(difference(again.restored, longer)).toBeNull();
  expect(lostOf(again.restored)).toEqual(lost);
  const repaired = expected.entries.filter(({ index }) => lost.includes(index));
  await again.store.append({ entries: [], repaired });
  await again.store.close();
  const third = await open(disk);
  await third.store.close();
  expect(difference(third.restored, longer)).toBeNull();
  expect(lostOf(third.restored)).toEqual([]);
  return { lost };
}

/** Damages of which each is one event: a changed bit, a lost or misplaced block, a cut or lost file. */
const DAMAGES: Record<string, (disk: MemoryDisk, name: string, random: () => number) => void> = {
  'flipped bit': (disk, name, random) => {
    const bytes = disk.bytes(DIRECTORY, name);
    bytes[pick(random, bytes.length)]! ^= 1 << pick(random, 8);
  },
  'flipped bit of what is written': (disk, name, random) => {
    const bytes = disk.bytes(DIRECTORY, name);
    const written = [...bytes.keys()].filter((at) => bytes[at] !== 0);
    bytes[written[pick(random, written.length)] ?? 0]! ^= 1 << pick(random, 8);
  },
  'changed bytes': (disk, name, random) => {
    const bytes = disk.bytes(DIRECTORY, name);
    const from = pick(random, bytes.length);
    for (let at = from; at < Math.min(from + 20, bytes.length); at += 1)
      bytes[at] = pick(random, 256);
  },
  'zeroed block': (disk, name, random) => {
    const bytes = disk.bytes(DIRECTORY, name);
    const from = 4096 * pick(random, Math.ceil(bytes.length / 4096));
    bytes.subarray(from, from + 4096).fill(0);
  },
  'zeroed sector': (disk, name, random) => {
    const bytes = disk.bytes(DIRECTORY, name);
    const from = 512 * pick(random, Math.ceil(bytes.length / 512));
    bytes.subarray(from, from + 512).fill(0);
  },
  'block of noise': (disk, name, random) => {
    const bytes = disk.bytes(DIRECTORY, name);
    const from = 4096 * pick(random, Math.ceil(bytes.length / 4096));
    for (let at = from; at < Math.min(from + 4096, bytes.length); at += 1)
      bytes[at] = pick(random, 256);
  },
  'swapped blocks': (disk, name, random) => {
    const [a, b] = [blockOf(disk, name, random), blockOf(disk, name, random)];
    const kept = Buffer.from(a);
    a.set(b.subarray(0, a.length));
    b.set(kept.subarray(0, b.length));
  },
  'block written over another': (disk, name, random) => {
    const from = blockOf(disk, name, random);
    const to = blockOf(disk, name, random);
    to.set(from.subarray(0, to.length));
  },
  'cut file': (disk, name, random) => {
    const bytes = disk.bytes(DIRECTORY, name);
    disk.put(`${DIRECTORY}/${name}`, bytes.subarray(0, pick(random, bytes.length)));
  },
  'missing file': (disk, name) => {
    disk.files.delete(`${DIRECTORY}/${name}`);
  },
};

/** A block of this file or another one. */
function blockOf(disk: MemoryDisk, name: string, random: () => number): Buffer {
  const names = segmentsOf(disk);
  const of = random() < 0.7 ? name : names[pick(random, names.length)]!;
  const bytes = disk.bytes(DIRECTORY, of);
  const from = 4096 * pick(random, Math.ceil(bytes.length / 4096));
  return bytes.subarray(from, from + 4096);
}

/**
 * Of how many of the last frames nothing is left, neither slot nor frame, so that they look like ones
 * that never came to their sync. Only two damages together can do that, and no log could tell.
 */
function unwrittenFrames(disk: MemoryDisk, whole: MemoryDisk): number {
  const written = (name: string) => framesAt(whole.bytes(DIRECTORY, name));
  const name = segmentsOf(whole).findLast((each) => written(each).length > 0)!;
  const bytes = disk.files.get(`${DIRECTORY}/${name}`);
  if (bytes === undefined) return 0;
  const isZero = (from: number, to: number): boolean =>
    bytes.subarray(from, to).every((byte) => byte === 0);
  let count = 0;
  for (const { slot, offset, bytes: length } of written(name).toReversed()) {
    let isLeft = !isZero(slot, slot + SLOT_BYTES);
    const sectors = [];
    for (let at = offset - (offset % 512); at < offset + length; at += 512) sectors.push(at);
    const isTorn = sectors.some((at) => isZero(Math.max(at, offset), at + 512));
    isLeft ||= !isTorn && !isZero(offset + length - 1, offset + length);
    if (isLeft) break;
    count += 1;
  }
  return count;
}

/** Every fourth one is long: some blocks of slots, and entries longer than a block. */
function historyOf(seed: number): Promise<History> {
  const snapshots = seed % 2 === 0;
  if (seed % 4 !== 3) return History.run(seed, 25, { snapshots });
  return History.run(seed, 150, { snapshots, segmentBytes: 1 << 16, dataBytes: 5000 });
}

describe('a log of which something is damaged', () => {
  it('is whole but for one entry whichever byte of it has a turned bit', async () => {
    const history = await History.run(Number(ONLY_SEED ?? 5), 22, { segmentBytes: 900 });
    const { disk: whole, expected } = history;
    const counts = { whole: 0, lost: 0 };
    const random = randomOf(Number(ONLY_SEED ?? 5));
    for (const name of segmentsOf(whole)) {
      for (const [at, byte] of whole.bytes(DIRECTORY, name).entries()) {
        // Two bits of each byte that is written, one bit of some that are not.
        if (byte === 0 && random() > 0.02) continue;
        const bits = [pick(random, 8), ...(byte === 0 ? [] : [pick(random, 8)])];
        for (const bit of bits) {
          const disk = whole.copy();
          disk.bytes(DIRECTORY, name)[at]! ^= 1 << bit;
          const { lost } = await outcomeOf(disk, [expected]).catch((error: unknown) => {
            throw new Error(`bit ${bit} of byte ${at} of ${name}: ${String(error)}`);
          });
          expect(lost, `bit ${bit} of byte ${at} of ${name}`).not.toBeNull();
          expect(lost!.length).toBeLessThanOrEqual(1);
          if (lost!.length === 1) counts.lost += 1;
          else counts.whole += 1;
        }
      }
    }
    expect(counts.lost).toBeGreaterThan(200);
    expect(counts.whole).toBeGreaterThan(200);
  });

  for (const [what, damage] of Object.entries(DAMAGES)) {
    it(`by one ${what} is what was written, or refused`, async () => {
      let opened = 0;
      await eachSeed(async (seed) => {
        const history = await historyOf(seed);
        const random = randomOf(seed + 7);
        for (let round = 0; round < 25; round += 1) {
          const disk = history.disk.copy();
          const names = segmentsOf(disk);
          if (names.length < 2 && what === 'missing file') continue;
          damage(disk, names[pick(random, names.length)]!, random);
          const { lost } = await outcomeOf(disk, [history.expected]);
          if (lost !== null) opened += 1;
        }
      });
      expectOften(opened, what === 'missing file' ? 0 : 1);
    });
  }

  it('in two places is what was written, or refused', async () => {
    const counts = { opened: 0, refused: 0, cut: 0 };
    await eachSeed(async (seed) => {
      const history = await historyOf(seed);
      const random = randomOf(seed + 99);
      const kinds = Object.keys(DAMAGES);
      for (let round = 0; round < (seed % 4 === 3 ? 25 : 100); round += 1) {
        const disk = history.disk.copy();
        const done: string[] = [];
        for (let damages = 0; damages < 2; damages += 1) {
          const names = segmentsOf(disk);
          if (names.length === 0) break;
          const name = names[pick(random, names.length)]!;
          const kind = kinds[pick(random, kinds.length)]!;
          DAMAGES[kind]!(disk, name, random);
          done.push(`${kind} in ${name}`);
        }
        if (segmentsOf(disk).length === 0 && history.expected.snapshotIndex === 0) continue;
        const unwritten = unwrittenFrames(disk, history.disk);
        const states = history.states.slice(-1 - unwritten);
        const allowed = states
          .flatMap((state, at) =>
            at === 0 ? [state] : [...between(states[at - 1]!, state), state],
          )
          .map((state) => underSnapshot(state, history.expected));
        const { lost } = await outcomeOf(disk, allowed).catch((error: unknown) => {
          throw new Error(`${done.join(', ')}: ${String(error)}`, { cause: error });
        });
        if (unwritten > 0) counts.cut += 1;
        else if (lost === null) counts.refused += 1;
        else counts.opened += 1;
      }
    });
    expectOften(counts.opened, 30);
    expectOften(counts.refused, 1);
    // The logs are small: slots and frames of many are in one block each.
    if (ONLY_SEED === undefined) expect(counts.cut).toBeLessThan(counts.opened / 5);
  });

  it("by blocks of slots in each other's places is whole, since frames say the same", async () => {
    const disk = new MemoryDisk();
    const { store } = await open(disk, 1 << 17);
    const hardState = { term: 1, vote: 2, commit: 0 };
    const written = Array.from({ length: 150 }, (_, at) => entry(at + 1));
    for (const each of written) await store.append({ hardState, entries: [each] });
    await store.close();
    const expected = { hardState, snapshotIndex: 0, snapshotTerm: 0, entries: written };
    for (const [into, from] of [
      [2, 3],
      [3, 2],
    ] as const) {
      for (const isSwapped of [false, true]) {
        const damaged = disk.copy();
        const block = (number: number): Buffer => {
          return damaged.bytes(DIRECTORY, FIRST).subarray(4096 * number, 4096 * (number + 1));
        };
        const kept = Buffer.from(block(into));
        block(into).set(block(from));
        if (isSwapped) block(from).set(kept);
        expect(await outcomeOf(damaged, [expected])).toEqual({ lost: [] });
      }
    }
  });

  it('names what is lost: the entries, the file and the byte', async () => {
    const { disk, expected } = await History.run(3, 20, { segmentBytes: 1 << 14 });
    const name = segmentsOf(disk)[0]!;
    const bytes = disk.bytes(DIRECTORY, name);
    const salt = bytes.readUInt32LE(24);
    const numbers = framesAt(bytes).map((_, number) => slotAt(bytes, slotOffset(number), salt)!);
    const facts = numbers.findLast(({ kind, count }) => kind === 'append' && count > 1)!;
    bytes.fill(0xff, facts.offset, facts.offset + facts.bytes);
    const { restored, warnings, store } = await open(disk);
    await store.close();
    expect(difference(restored, expected)).toBeNull();
    const text = warnings.join('\n');
    expect(text).toContain(`${DIRECTORY}/${name}: frame ${facts.number} at byte ${facts.offset}`);
    expect(text).toContain(`of term ${facts.term} are lost`);
  });
});
