import { expect, it } from 'vitest';
import { MARKS, syncsBetweenMarks } from '../../bench/durable/syncs.js';

const looked = (mark: string): string => `71 access("${mark}", F_OK) = -1 ENOENT (No such file)`;

it('counts the syncs of all threads between the marks, each once', () => {
  const trace = [
    '71 fsync(20)                         = 0',
    looked(MARKS.start),
    '71 fdatasync(20)                     = 0',
    '72 fsync(21 <unfinished ...>',
    '71 msync(0x7f00, 4096, MS_SYNC)      = 0',
    '72 <... fsync resumed>)              = 0',
    '71 access("/elsewhere/fsync(1)", F_OK) = -1 ENOENT (No such file)',
    looked(MARKS.end),
    '71 fsync(20)                         = 0',
  ];
  expect(syncsBetweenMarks(`${trace.join('\n')}\n`)).toBe(3);
});

it('refuses a trace without its marks', () => {
  expect(() => syncsBetweenMarks(`${looked(MARKS.start)}\n`)).toThrow('does not show both marks');
  expect(() => syncsBetweenMarks(`${looked(MARKS.end)}\n${looked(MARKS.start)}\n`)).toThrow();
});
