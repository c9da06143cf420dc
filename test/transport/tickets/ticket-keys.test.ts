import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { TicketError, TicketKeys } from '../../../transport/tickets/index.js';
import { decodeKeyFile, encodeKeyFile } from '../../../transport/tickets/key-file.js';
import { fuzz } from '../seed.js';

const HOUR_MS = 60 * 60 * 1_000;

let directory: string;
let path: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ticket-keys-'));
  path = join(directory, 'ticket-keys');
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

/** Keys whose clock the test sets. */
function openAt(nowMs: number, options: { path?: string } = {}) {
  const clock = { nowMs };
  const problems: TicketError[] = [];
  const keys = new TicketKeys({
    ...options,
    now: () => clock.nowMs,
    onProblem: (error) => problems.push(error),
  });
  const hex = (): string[] => keys.keys().map((key) => Buffer.from(key).toString('hex'));
  return { keys, clock, problems, hex };
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof TicketError) return error.code;
    throw error;
  }
  return 'none';
}

describe('ticket keys in memory', () => {
  it('are 48 random bytes, and the same until a period is over', () => {
    const { hex, clock } = openAt(0);
    const [first, ...others] = hex();
    expect(first).toMatch(/^[0-9a-f]{96}$/);
    expect(others).toEqual([]);
    expect(openAt(0).hex()).not.toEqual([first]);
    clock.nowMs = 12 * HOUR_MS - 1;
    expect(hex()).toEqual([first]);
  });

  it('seal for one period and open for one more', () => {
    const { hex, clock } = openAt(0);
    const [first] = hex();
    clock.nowMs = 12 * HOUR_MS;
    const [second, ...previous] = hex();
    expect(second).not.toBe(first);
    expect(previous).toEqual([first]);
    clock.nowMs = 24 * HOUR_MS - 1;
    expect(hex()).toEqual([second, first]);
    clock.nowMs = 24 * HOUR_MS;
    const third = hex();
    expect(third).toHaveLength(2);
    expect(third[1]).toBe(second);
  });

  it('that nobody asked for during days are all replaced', () => {
    const { hex, clock } = openAt(0);
    const [first] = hex();
    clock.nowMs = 100 * HOUR_MS;
    expect(hex()).toHaveLength(1);
    expect(hex()).not.toContain(first);
  });

  it('that were made under a clock of next year are replaced', () => {
    const { hex, clock } = openAt(9_000 * HOUR_MS);
    const [first] = hex();
    clock.nowMs = 1_000;
    const [second, ...rest] = hex();
    expect(second).not.toBe(first);
    expect(rest).toEqual([first]);
    clock.nowMs += 24 * HOUR_MS;
    expect(hex()).not.toContain(first);
  });

  it('are used since they were made', () => {
    expect(openAt(77).keys.keysUsedSince).toBe(77);
  });
});

describe('ticket keys in a file', () => {
  it('outlive the process, and say that they were used before', () => {
    const before = openAt(1_000, { path });
    expect(before.keys.keysUsedSince).toBe(1_000);
    const after = openAt(5_000, { path });
    expect(after.hex()).toEqual(before.hex());
    expect(after.keys.keysUsedSince).toBe(1_000);
    // Even when the clock was set back in between.
    expect(openAt(500, { path }).keys.keysUsedSince).toBe(499);
  });

  it('are for the owner only, in one file', () => {
    const { hex, clock } = openAt(0, { path });
    clock.nowMs = 12 * HOUR_MS;
    hex();
    expect(readdirSync(directory)).toEqual(['ticket-keys.2']);
    expect(statSync(join(directory, 'ticket-keys.2')).mode & 0o777).toBe(0o600);
  });

  it('are taken from another process that replaced them', () => {
    const one = openAt(0, { path });
    const other = openAt(0, { path });
    one.clock.nowMs = 12 * HOUR_MS;
    const replaced = one.hex();
    // Within the time between two looks, and then after it.
    other.clock.nowMs = 12 * HOUR_MS - 1;
    expect(other.hex()).toEqual(replaced);
    other.clock.nowMs = 12 * HOUR_MS + 1_000;
    expect(other.hex()).toEqual(replaced);
  });

  it('are taken though several generations were missed, or the removal of the old was', () => {
    const sleeper = openAt(0, { path });
    const old = readFileSync(join(directory, 'ticket-keys.1'));
    const other = openAt(0, { path });
    for (const period of [1, 2, 3]) {
      other.clock.nowMs = period * 12 * HOUR_MS;
      other.hex();
    }
    expect(readdirSync(directory)).toEqual(['ticket-keys.4']);
    sleeper.clock.nowMs = 36 * HOUR_MS + 10;
    expect(sleeper.hex()).toEqual(other.hex());
    // Killed between making the one and removing the other.
    writeFileSync(join(directory, 'ticket-keys.3'), old);
    expect(openAt(36 * HOUR_MS + 20, { path }).hex()).toEqual(other.hex());
  });

  it('that are damaged are replaced, and not used for old tickets', () => {
    const before = openAt(0, { path }).hex();
    const file = join(directory, 'ticket-keys.1');
    const bytes = readFileSync(file);
    bytes[40]! ^= 1;
    writeFileSync(file, bytes);
    const after = openAt(10, { path });
    expect(after.hex()).toHaveLength(1);
    expect(after.hex()).not.toEqual(before);
    expect(after.keys.keysUsedSince).toBe(10);
    expect(readdirSync(directory)).toEqual(['ticket-keys.2']);
  });

  it('that somebody removes are used no more', () => {
    const { hex, clock } = openAt(0, { path });
    const before = hex();
    rmSync(join(directory, 'ticket-keys.1'));
    clock.nowMs = 1_000;
    const after = hex();
    expect(after).toHaveLength(1);
    expect(after).not.toEqual(before);
    expect(openAt(2_000, { path }).hex()).toEqual(after);
  });

  it('of a later version are left alone', () => {
    openAt(0, { path });
    const file = join(directory, 'ticket-keys.1');
    const bytes = readFileSync(file);
    bytes.writeUInt32BE(2, 8);
    writeFileSync(file, bytes);
    expect(codeOf(() => openAt(0, { path }))).toBe('newer-version');
    expect(readFileSync(file)).toEqual(bytes);
  });

  it('cannot be opened in a directory that is not there', () => {
    expect(codeOf(() => openAt(0, { path: join(directory, 'missing', 'keys') }))).toBe(
      'unreadable',
    );
  });

  it('that cannot be written are replaced in memory, and the problem is told once', () => {
    const { hex, clock, problems } = openAt(0, { path });
    const [first] = hex();
    renameSync(directory, `${directory}-away`);
    try {
      clock.nowMs = 12 * HOUR_MS;
      const second = hex();
      expect(second).toHaveLength(2);
      expect(second[1]).toBe(first);
      clock.nowMs += 10 * 60_000;
      expect(hex()).toEqual(second);
      expect(problems).toHaveLength(1);
      expect(problems[0]!.message).toContain(directory);
    } finally {
      renameSync(`${directory}-away`, directory);
    }
    clock.nowMs += 61_000;
    const third = hex();
    expect(third[1]).toBe(first);
    expect(openAt(clock.nowMs, { path }).hex()).toEqual(third);
    expect(problems).toHaveLength(1);
  });

  it('clears what a killed process left unfinished', () => {
    const { hex, clock } = openAt(0, { path });
    // No process has this number: it is above the largest that Linux gives.
    writeFileSync(`${path}.2.unfinished-4194305-00ff`, 'cut');
    writeFileSync(`${path}.2.unfinished-1-00ff`, 'of a process that runs');
    clock.nowMs = 12 * HOUR_MS;
    hex();
    expect(readdirSync(directory).sort()).toEqual([
      'ticket-keys.2',
      'ticket-keys.2.unfinished-1-00ff',
    ]);
  });
});

describe('the file of ticket keys', () => {
  const ring = [
    { createdAtMs: 0x0102_0304_0506, bytes: new Uint8Array(48).fill(0xaa) },
    { createdAtMs: 1, bytes: new Uint8Array(48).fill(0xbb) },
  ] as const;

  it('has these bytes', () => {
    const content = [
      '414632544b45590a', // AF2TKEY and a new line
      '0000000100000002',
      '0000010203040506' + 'aa'.repeat(48),
      '0000000000000001' + 'bb'.repeat(48),
    ].join('');
    const checksum = 'e8c7c98d3c51d29ffffa871e7c353109f27b773442b0cd15bc86b8f0ded9b735';
    expect(encodeKeyFile(ring).toString('hex')).toBe(content + checksum);
    expect(decodeKeyFile(encodeKeyFile(ring), 'keys')).toEqual(ring);
  });

  it('is told from a damaged one', () => {
    const sound = encodeKeyFile(ring);
    fuzz(
      fc.property(fc.nat(sound.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const bytes = Buffer.from(sound);
        bytes[at]! ^= change;
        expect(['damaged', 'newer-version']).toContain(codeOf(() => decodeKeyFile(bytes, 'keys')));
      }),
      200,
    );
    for (let length = 0; length < sound.length; length += 1) {
      expect(codeOf(() => decodeKeyFile(sound.subarray(0, length), 'keys'))).toBe('damaged');
    }
  });
});

type Answer = [first: string, count: number];

async function start(startMs: number): Promise<ChildProcess> {
  const script = new URL('./keys-process.js', import.meta.url);
  const child = fork(script, [path, String(startMs), '1000']);
  children.push(child);
  await once(child, 'message');
  return child;
}

async function ask(child: ChildProcess, nowMs: number): Promise<Answer> {
  const answer = once(child, 'message');
  child.send(nowMs);
  return ((await answer) as [Answer])[0];
}

describe('several processes with one file of ticket keys', () => {
  it('agree, though they start and rotate at once', async () => {
    const processes = await Promise.all([start(0), start(0), start(0)]);
    for (let nowMs = 0; nowMs <= 20_000; nowMs += 1_000) {
      const answers = await Promise.all(processes.map((child) => ask(child, nowMs)));
      expect(new Set(answers.map(([first]) => first)).size).toBe(1);
      expect(answers.every(([, count]) => count === (nowMs === 0 ? 1 : 2))).toBe(true);
    }
    expect(readdirSync(directory)).toEqual(['ticket-keys.21']);
  });

  it('find sound keys whenever one is killed', async () => {
    for (let round = 0; round < 5; round += 1) {
      const child = await start(round * 100_000);
      // Rotates with each message until it is killed in the middle of it.
      for (let step = 1; step <= 200; step += 1) child.send(round * 100_000 + step * 1_000);
      for (let answers = 0; answers <= round * 7; answers += 1) await once(child, 'message');
      child.kill('SIGKILL');
      await once(child, 'exit');
      expect(openAt(round * 100_000 + 50_000, { path }).hex().length).toBeGreaterThan(0);
    }
    const names = readdirSync(directory);
    const last = names.filter((name) => /\.\d+$/.test(name));
    expect(last).toHaveLength(1);
    expect(decodeKeyFile(readFileSync(join(directory, last[0]!)), 'keys').length).toBeGreaterThan(
      0,
    );
  });
});
