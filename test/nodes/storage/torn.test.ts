/**
 * A crash or power cut at any point costs nothing that was acknowledged, and what it leaves of the
 * write under way is told from damage: no log is refused.
 */
import { describe, expect, it } from 'vitest';
import { between, difference, eachSeed, expectOften, lostOf, underSnapshot } from './expected.js';
import { type Expected, History, pick, randomOf } from './history.js';
import { DIRECTORY, FIRST, entries, entry, framesAt, open, reopen, terms } from './log-fixtures.js';
import { MemoryDisk } from './memory-disk.js';
import { afterPowerCut } from './power-cut.js';

/** A log of three entries, and the same with a last write of two frames: terms 2 and 3. */
async function lastWrite(): Promise<{ before: Buffer; after: Buffer }> {
  const disk = new MemoryDisk();
  const { store } = await open(disk);
  await store.append({ hardState: { term: 1, vote: 1, commit: 1 }, entries: entries(1, 3) });
  const before = Buffer.from(disk.bytes(DIRECTORY, FIRST));
  await store.append({
    hardState: { term: 3, vote: 0, commit: 4 },
    entries: [...entries(4, 5, 2), entry(6, 3)],
  });
  return { before, after: Buffer.from(disk.bytes(DIRECTORY, FIRST)) };
}

function diskOf(bytes: Uint8Array): MemoryDisk {
  const disk = new MemoryDisk();
  disk.put(`${DIRECTORY}/${FIRST}`, bytes);
  return disk;
}

async function expectWritable(disk: MemoryDisk): Promise<void> {
  const { store, restored } = await open(disk);
  const last = restored.entries.at(-1)!;
  const next = entry(last.index + 1, 9);
  await store.append({ entries: [next], hardState: { ...restored.hardState, term: 9 } });
  const found = await reopen(disk.afterPowerCut());
  expect(terms(found)).toBe(`${terms(restored)} ${terms({ entries: [next] })}`);
  expect(found.warnings.filter((text) => !text.includes('lost'))).toEqual([]);
}

describe('a crash in the middle of a write', () => {
  it('at any byte of its frames or slots costs that write only', async () => {
    const { before, after } = await lastWrite();
    const frames = framesAt(after);
    const [first, second] = frames.slice(-2) as [(typeof frames)[0], (typeof frames)[0]];
    const counts = { none: 0, one: 0, both: 0 };
    for (const preallocated of [false, true]) {
      for (let end = first.offset; end <= after.length; end += 1) {
        const bytes = Buffer.from(before);
        const grown = Buffer.alloc(
          preallocated ? after.length + 1000 : Math.max(end, before.length),
        );
        bytes.copy(grown);
        after.copy(grown, first.offset, first.offset, end);
        // The frames are written before the slots.
        const slotEnds =
          end < after.length ? [first.slot] : slotBytes(first.slot, second.slot + 64);
        for (const slotEnd of slotEnds) {
          after.copy(grown, first.slot, first.slot, slotEnd);
          const found = await reopen(diskOf(grown));
          const where = `${end} of ${after.length}, slots to ${slotEnd}`;
          const expected = partOf(terms(found), where);
          counts[expected] += 1;
          // The byte that ends a frame says nothing.
          if (end >= after.length - 1) expect(expected, where).toBe('both');
          else if (end >= second.offset - 1) expect(expected, where).toBe('one');
          else expect(expected, where).toBe('none');
          expect(found.hardState).toEqual(HARD_STATES[expected]);
          await expectWritable(diskOf(grown));
        }
      }
    }
    expect(Object.values(counts).every((count) => count > 50)).toBe(true);
  });

  it('may leave any of its frames and slots', async () => {
    const { before, after } = await lastWrite();
    const [first, second] = framesAt(after)
      .slice(-2)
      .map(({ slot, offset, bytes }) => ({
        slot: [slot, slot + 64] as const,
        frame: [offset, offset + bytes] as const,
      })) as [Pieces, Pieces];
    // F: frame, S: slot, of the first and the second frame; as the log is read after it.
    const table: Record<string, string> = {
      '-- --': '1/1 1/2 1/3',
      '-- F-': '1/1 1/2 1/3',
      '-- -S': '1/1 1/2 1/3',
      '-- FS': '1/1 1/2 1/3',
      'F- --': '1/1 1/2 1/3 2/4 2/5',
      'F- F-': '1/1 1/2 1/3 2/4 2/5 3/6',
      'F- -S': '1/1 1/2 1/3 2/4 2/5 3/6?',
      'F- FS': '1/1 1/2 1/3 2/4 2/5 3/6',
      '-S --': '1/1 1/2 1/3 2/4? 2/5?',
      '-S F-': '1/1 1/2 1/3 2/4? 2/5? 3/6',
      '-S -S': '1/1 1/2 1/3 2/4? 2/5? 3/6?',
      '-S FS': '1/1 1/2 1/3 2/4? 2/5? 3/6',
      'FS --': '1/1 1/2 1/3 2/4 2/5',
      'FS F-': '1/1 1/2 1/3 2/4 2/5 3/6',
      'FS -S': '1/1 1/2 1/3 2/4 2/5 3/6?',
      'FS FS': '1/1 1/2 1/3 2/4 2/5 3/6',
    };
    for (const [kept, expected] of Object.entries(table)) {
      const bytes = Buffer.alloc(after.length + 1000);
      before.copy(bytes);
      for (const [pieces, text] of [
        [first, kept.slice(0, 2)],
        [second, kept.slice(3)],
      ] as const) {
        if (text[0] === 'F') after.copy(bytes, pieces.frame[0], ...pieces.frame);
        if (text[1] === 'S') after.copy(bytes, pieces.slot[0], ...pieces.slot);
      }
      expect(terms(await reopen(diskOf(bytes))), kept).toBe(expected);
      await expectWritable(diskOf(bytes));
    }
  });

  it('that makes the store leaves nothing to mend by hand', async () => {
    const disk = new MemoryDisk();
    disk.journal = [];
    await (await open(disk)).store.close();
    const { journal } = disk;
    for (let length = 0; length <= journal.length; length += 1) {
      for (const keeps of [true, false]) {
        const steps = journal.slice(0, length);
        const cut = afterPowerCut(
          steps,
          () => keeps,
          (count) => (keeps ? count : 0),
        );
        expect(terms(await reopen(cut))).toBe('');
      }
    }
  });
});

interface Pieces {
  readonly slot: readonly [number, number];
  readonly frame: readonly [number, number];
}

const HARD_STATES = {
  none: { term: 1, vote: 1, commit: 1 },
  one: { term: 3, vote: 0, commit: 1 },
  both: { term: 3, vote: 0, commit: 4 },
};

function partOf(found: string, where: string): keyof typeof HARD_STATES {
  if (found === '1/1 1/2 1/3') return 'none';
  if (found === '1/1 1/2 1/3 2/4 2/5') return 'one';
  expect(found, where).toBe('1/1 1/2 1/3 2/4 2/5 3/6');
  return 'both';
}

function slotBytes(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, at) => from + at);
}

describe('a power cut at any point of a history', () => {
  it('keeps what was acknowledged, and loses entries of the write under way only', async () => {
    const counts = { whole: 0, lost: 0 };
    await eachSeed(async (seed) => {
      const history = await History.run(seed, 30, { snapshots: seed % 2 === 0 });
      const random = randomOf(seed + 5);
      for (let round = 0; round < 40; round += 1) {
        const length = pick(random, history.disk.journal!.length + 1);
        const share = [0, 0.5, 0.9, 1][pick(random, 4)]!;
        const steps = history.disk.journal!.slice(0, length);
        const cut = afterPowerCut(
          steps,
          () => random() < share,
          (count) => pick(random, count + 1),
        );
        const acknowledged = history.acknowledged.findLastIndex((at) => at <= length);
        const allowed = allowedAfter(history, acknowledged);
        cut.journal = [];
        const base = cut.copy();
        const restored = await expectOneOf(cut, allowed, history.states[acknowledged]);
        if (lostOf(restored).length > 0) counts.lost += 1;
        else counts.whole += 1;
        // Another one while the first is mended.
        const again = cut.journal.slice(0, pick(random, cut.journal.length + 1));
        const second = afterPowerCut(
          again,
          () => random() < share,
          (count) => pick(random, count + 1),
          base,
        );
        await expectOneOf(second, allowed, history.states[acknowledged]);
      }
    });
    expectOften(counts.whole, 10);
    expectOften(counts.lost, 0.5);
  });
});

/** The state that was acknowledged, the next one, and those that a part of its write leaves. */
function allowedAfter(history: History, acknowledged: number): Expected[] {
  const state = history.states[acknowledged];
  const next = history.states[acknowledged + 1];
  const empty = { hardState: { term: 0, vote: 0, commit: 0 }, snapshotIndex: 0, snapshotTerm: 0 };
  const from: Expected = state ?? { ...empty, entries: [] };
  if (next === undefined) return [from];
  const isSnapshot = next.snapshotIndex > from.snapshotIndex;
  return [from, ...between(from, next), next, ...(isSnapshot ? [underSnapshot(from, next)] : [])];
}

async function expectOneOf(
  disk: MemoryDisk,
  allowed: readonly Expected[],
  acknowledged: Expected | undefined,
) {
  const { store, restored } = await open(disk);
  await store.close();
  const differences = allowed.map((expected) => difference(restored, expected));
  if (!differences.includes(null)) throw new Error(`other than written: ${differences.join('; ')}`);
  const isAcknowledged = (index: number, term: number): boolean =>
    acknowledged?.entries.some((each) => each.index === index && each.term === term) ?? false;
  for (const { type, index, term } of restored.entries) {
    if (type === 'lost') expect(isAcknowledged(index, term), `${term}/${index}`).toBe(false);
  }
  return restored;
}
