import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { scratch } from '../src/documents/support.js';
import { runCrdtOracle } from './crdt.js';

const file = join(process.cwd(), '..', 'shared', 'oracles', 'crdt', 'automerge-paper.json.gz');

/** The example of the format's description, and edits of two agents at the same time. */
const CONCURRENT = {
  kind: 'concurrent',
  endContent: 'yoooo ho ho🎈!\n',
  numAgents: 2,
  txns: [
    { parents: [], numChildren: 2, agent: 0, time: '', patches: [[0, 0, 'hi there\n']] },
    {
      parents: [0],
      numChildren: 1,
      agent: 0,
      patches: [
        [0, 8, ''],
        [0, 0, 'yoooo'],
      ],
    },
    { parents: [0], agent: 1, patches: [[8, 0, '🎈!']] },
    { parents: [1, 2], agent: 1, patches: [[5, 0, ' ho ho', '2023-11-22T04:51:00+00:00']] },
  ],
};

function written(value: unknown, name = 'trace.json'): string {
  const path = join(scratch(), name);
  const text = JSON.stringify(value);
  writeFileSync(path, name.endsWith('.gz') ? gzipSync(text) : text);
  return path;
}

describe('an editing trace', () => {
  it('of 259,778 edits ends as it must', async () => {
    if (!existsSync(file)) {
      throw new Error(
        'the oracles are missing: put the shared folder, with oracles/crdt, beside the project',
      );
    }
    const { failed, lines } = await runCrdtOracle(file);
    expect(lines.join()).toMatch(/sequential, 259778 edits, 2 of 2 peers end with endContent/);
    expect(failed).toBe(0);
  });

  it('of several agents ends as it must, and not as something else', async () => {
    const right = await runCrdtOracle(written(CONCURRENT, 'trace.json.gz'));
    expect(right).toMatchObject({ passed: 1, failed: 0 });
    expect(right.lines.join()).toMatch(/concurrent, 2 agents, 5 edits, 3 of 3 peers/);
    const wrong = await runCrdtOracle(written({ ...CONCURRENT, endContent: 'else' }));
    expect(wrong).toMatchObject({ passed: 0, failed: 1 });
  });

  it('begins with its startContent', async () => {
    const trace = { startContent: 'ab', endContent: 'aXb', txns: [{ patches: [[1, 0, 'X']] }] };
    expect(await runCrdtOracle(written(trace))).toMatchObject({ passed: 1, failed: 0 });
  });

  it.each([
    ['no trace', { txns: 1 }, /is no editing trace/],
    ['a parent to come', { ...CONCURRENT, txns: [{ parents: [3], patches: [] }] }, /not there/],
  ])('that is %s is refused', async (_what, value, message) => {
    await expect(runCrdtOracle(written(value))).rejects.toThrow(message);
  });
});
