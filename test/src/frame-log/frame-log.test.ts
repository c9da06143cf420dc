/** The file of a namespace, as any file of frames. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

import { FrameFile } from '../../../src/frame-log/frame-file.js';
import { FrameLog } from '../../../src/frame-log/frame-log.js';

const folder = mkdtempSync(join(tmpdir(), 'agentic-flow-frames-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const frames = new FrameFile<'all' | 'one'>({
  magic: 'AFtest1\n',
  kinds: { all: 1, one: 2 },
  what: 'a test',
  remedy: 'make it again',
  bytesMax: 1_000_000,
  compactionBytesMin: 100_000,
  fail: (_code, sentence) => new Error(sentence),
  isOwn: (error): error is Error => error instanceof Error && !('code' in error),
});

/** Opens it, appends a number, and returns what was there before. */
async function append(path: string, number: number, anew: boolean): Promise<number[]> {
  const before: number[] = [];
  const snapshot = () => [{ kind: 'all' as const, bytes: Uint8Array.from([...before, number]) }];
  const { log, records } = await FrameLog.open({ path, name: 'n', frames, snapshot, anew });
  before.push(...records.flatMap(({ bytes }) => [...bytes]));
  await log.append({ kind: 'one', bytes: Uint8Array.of(number) });
  await log.close();
  return before;
}

describe('a file of frames', () => {
  it('is another one after a failure of the disk, with all that could be read', async () => {
    const path = join(folder, 'file');
    const inodes: bigint[] = [];
    for (const [number, anew] of [false, false, true, false].entries()) {
      const before = await append(path, number, anew);
      expect(before).toEqual(Array.from({ length: number }, (_, at) => at));
      inodes.push(statSync(path, { bigint: true }).ino);
    }
    // No sync would bring to the disk what the system holds for the old one.
    expect(inodes[1]).toBe(inodes[0]);
    expect(inodes[2]).not.toBe(inodes[1]);
    expect(inodes[3]).toBe(inodes[2]);
  });
});
