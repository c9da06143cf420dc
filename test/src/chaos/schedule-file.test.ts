import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { generateSchedule, type Schedule } from '../../../sim/nemesis/index.js';
import { nodeNames } from '../../../src/chaos/places.js';
import { readScheduleFile, scheduleText } from '../../../src/chaos/schedule-file.js';
import { chaosKinds } from '../../../src/chaos/treatments.js';

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
      const options = {
        nodes: nodeNames(5),
        kinds: chaosKinds,
        durationMicroseconds: 120_000_000,
        targets: ['@leader'],
      };
      const schedule = generateSchedule(seed, options);
      expect(read(scheduleText(schedule))).toEqual(schedule);
    }
  });

  it.each<[unknown, string]>([
    [{ ...sound, nodes: [] }, 'names nobody'],
    [{ ...sound, nodes: ['n1', 'n3'], faults: [] }, 'its nodes must be n1 n2'],
    [{ ...sound, durationMicroseconds: 0, faults: [] }, 'it lasts 0 seconds'],
    [{ ...sound, more: 1 }, 'more'],
    [{ ...sound, faults: sound.faults.toReversed() }, 'is before the one above'],
    [{ ...sound, faults: [{ ...first, atMicroseconds: 10_000_001 }] }, 'behind its end'],
    [withAction({ kind: 'crash', node: 'n4' }), 'no node of the schedule'],
    [withAction({ kind: 'crash', node: '@follower' }), '@follower is none of @leader, @random'],
    [withAction({ kind: 'isolate' }), 'has no node'],
    [withAction({ kind: 'earthquake' }), 'no action of a schedule'],
    [withAction({ kind: 'disk-full', node: 'n1' }), 'simulated nodes only'],
    [withAction({ kind: 'loss', probability: 2 }), 'probability'],
  ])('is refused with a sentence: %j', (value, sentence) => {
    expect(() => read(JSON.stringify(value))).toThrow(sentence);
  });

  it('is refused when it is no JSON or not there', () => {
    expect(() => read('{')).toThrow('JSON');
    expect(() => readScheduleFile('/nowhere/schedule.json')).toThrow('no such file');
  });
});
