import { describe, expect, it } from 'vitest';

import type { View } from '../../../examples/rolling-migration/table.js';
import { LiveTable, plainLine, tableLines } from '../../../examples/rolling-migration/table.js';
import { operation } from './facts.js';

const VIEW: View = {
  seconds: 12.34,
  phase: 'rollout',
  nodes: [
    { nodeId: 1, peerId: 'p1', role: 'leader', engine: 'v1', step: 'pending' },
    { nodeId: 2, peerId: 'p2', role: 'down', engine: 'v2', step: 'done' },
  ],
  requests: 40,
  failed: 0,
  recent: [1, 2, 3, 4].map((at) =>
    operation({ servedBy: 'p1', callMicroseconds: 0, returnMicroseconds: at * 1000 }),
  ),
  windowSeconds: 2,
};

class Paper {
  text = '';
  readonly isTTY: boolean;

  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }

  write(text: string): void {
    this.text += text;
  }
}

describe('the live table', () => {
  it('shows role, engine, step, throughput and p99 of each node', () => {
    const lines = tableLines(VIEW).map((line) => line.trim().split(/ +/));
    expect(lines[0]?.join(' ')).toBe('12.3 s rollout 40 requests');
    expect(lines[2]).toEqual(['1', 'leader', 'v1', 'pending', '2', '4.0']);
    expect(lines[3]).toEqual(['2', 'down', 'v2', 'done', '0', '0.0']);
    expect(lines[4]).toEqual(['all', '2', '4.0']);
  });

  it('draws over itself on a terminal, below a sentence', () => {
    const paper = new Paper(true);
    const table = new LiveTable(paper);
    table.show(VIEW, 0);
    expect(paper.text).not.toContain('\u001b[5A');
    table.show(VIEW, 10);
    expect(paper.text).toContain('\u001b[5A');
    paper.text = '';
    table.say('killed');
    table.show(VIEW, 20);
    expect(paper.text).not.toContain('\u001b[5A');
  });

  it('writes one line a second elsewhere', () => {
    const paper = new Paper(false);
    const table = new LiveTable(paper);
    for (let ms = 0; ms < 3_000; ms += 100) table.show(VIEW, ms);
    expect(paper.text.split('\n').length - 1).toBe(3);
    expect(paper.text).not.toContain('\u001b');
    expect(plainLine({ ...VIEW, failed: 2 })).toContain('2 failed');
  });
});
