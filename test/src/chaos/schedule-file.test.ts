import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { generateSchedule, type Schedule } from '../../../sim/nemesis/index.js';
import { nodeNames } from '../../../src/chaos/places.js';
import { readScheduleFile, scheduleText } from '../../../src/chaos/schedule-file.js';

const sound: Schedule = {
  seed: 1,
  nodes: ['n1', 'n2', 'n3'],
  durationMicroseconds: 10_000_000,
  faults: [
    { atMicroseconds: 5, action: { kind: 'crash', node: 'n1' } },
    { atMicroseconds: 9, action: { kind: 'restart', node: 'n1' } },
  ],
};

function read(text: string): Schedule {
  const directory = mkdtempSync(join(tmpdir(), 'chaos-schedule-'));
  try {
    const path = join(directory, 'schedule.json');
    writeFileSync(path, text);
    return readScheduleFile(path);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const [first] = sound.faults;
const withAction = (action: unknown): unknown => ({
  ...sound,
  faults: [{ atMicroseconds: 5, action }],
});

describe('a schedule file', () => {
  it('gives back what was written', () => {
    expect(read(scheduleText(sound))).toEqual(sound);
    for (let seed = 1; seed <= 20; seed++) {
      const options = { nodes: nodeNames(5), durationMicroseconds: 120_000_000 };
      const schedule = generateSchedule(seed, options);
      expect(read(scheduleText(schedule))).toEqual(schedule);
    }
  });

  it.each<[unknown, string]>([
    [{ ...sound, nodes: [] }, 'nodes'],
    [{ ...sound, nodes: ['n1', 'n3'] }, 'its nodes must be n1 n2'],
    [{ ...sound, durationMicroseconds: 0 }, 'durationMicroseconds'],
    [{ ...sound, more: 1 }, 'more'],
    [{ ...sound, faults: sound.faults.toReversed() }, 'not in the order of their times'],
    [{ ...sound, faults: [{ ...first, atMicroseconds: 10_000_001 }] }, 'behind its end'],
    [withAction({ kind: 'crash', node: 'n4' }), 'crash names n4'],
    [withAction({ kind: 'isolate' }), 'node'],
    [withAction({ kind: 'earthquake' }), 'kind'],
    [withAction({ kind: 'loss', probability: 2 }), 'probability'],
    [withAction({ kind: 'partition', groups: [['n1'], ['n9']] }), 'partition names n9'],
    [withAction({ kind: 'bridge', left: ['n1'], middle: 'x', right: ['n3'] }), 'bridge names x'],
  ])('is refused with a sentence: %j', (value, sentence) => {
    expect(() => read(JSON.stringify(value))).toThrow(sentence);
  });

  it('is refused when it is no JSON or not there', () => {
    expect(() => read('{')).toThrow('is not JSON');
    expect(() => readScheduleFile('/nowhere/schedule.json')).toThrow('cannot be read');
  });
});
