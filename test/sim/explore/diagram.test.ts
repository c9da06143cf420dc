import { describe, expect, it } from 'vitest';

import { drawDiagram, drawMermaid } from '../../../sim/explore/diagram.js';
import type { Moment } from '../../../sim/explore/scenario.js';
import { tellStory } from '../../../sim/explore/story.js';
import type { Story } from '../../../sim/explore/story.js';
import { crash, planOf, Synthetic } from './synthetic.js';

function message(at: number, from: string, to: string, text: string, isLost = false): Moment {
  const sentMicroseconds = at - 1_000;
  return { kind: 'message', sentMicroseconds, atMicroseconds: at, from, to, text, isLost };
}

const moments: readonly Moment[] = [
  message(2_000, 'a', 'b', 'vote'),
  message(3_000, 'b', 'a', 'granted'),
  { kind: 'note', atMicroseconds: 4_000, text: 'isolate c' },
  message(5_000, 'a', 'c', 'append', true),
  { kind: 'note', atMicroseconds: 6_000, node: 'b', text: 'leads' },
  message(7_000, 'c', 'c', 'wake'),
  message(8_000, 'a', 'b', 'a label that has no room between two columns'),
];

const story: Story = {
  plan: planOf([]),
  result: new Synthetic(() => undefined).run(planOf([])),
  moments,
  dropped: 0,
};

describe('a diagram', () => {
  it('has a column a node and a line a moment', () => {
    expect(drawDiagram(story, { width: 60 }).split('\n')).toEqual([
      '        ms  a               b               c',
      '     2.000  o---- vote ---->|               |  sent 1.000',
      '     3.000  |<-- granted ---o               |  sent 2.000',
      '     4.000  ==== isolate c',
      '     5.000  o----------- append ------------x',
      '     6.000  |               * leads',
      '     7.000  |               |               o wake to itself',
      '     8.000  o-------------->|               |  a label that has no room between two columns  sent 7.000',
    ]);
  });

  it('shows what is asked for', () => {
    const lines = drawDiagram(story, { nodes: ['c'], fromMicroseconds: 4_500 }).split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[1]).toContain('append');
    expect(lines[2]).toContain('wake');
    const last = drawDiagram(story, { last: 2, untilMicroseconds: 6_000 }).split('\n');
    expect(last[1]).toContain('... 3 moments before');
    expect(last.slice(2).map((line) => line.trim().slice(0, 5))).toEqual(['5.000', '6.000']);
    expect(drawDiagram(story, { last: 0 }).split('\n')).toHaveLength(moments.length + 1);
  });

  it('prints no control character of a message', () => {
    const hostile = { ...story, moments: [message(2_000, 'a', 'b', 'x\u001b[2J\r\ny')] };
    const text = drawDiagram(hostile);
    expect(text).toContain('x?[2J??y');
    expect(text.split('\n')).toHaveLength(2);
    expect(drawMermaid(hostile).split('\n')).toHaveLength(4);
  });

  it('is drawn for Mermaid', () => {
    expect(drawMermaid(story, { last: 5 })).toBe(
      [
        'sequenceDiagram',
        '  participant n0 as a',
        '  participant n1 as b',
        '  participant n2 as c',
        '  Note over n0,n2: 4.000 ms isolate c',
        '  n0-xn2: 5.000 ms append',
        '  Note over n1: 6.000 ms leads',
        '  n2->>n2: 7.000 ms wake',
        '  n0->>n1: 8.000 ms a label that has no room between two columns',
      ].join('\n'),
    );
  });
});

describe('a story', () => {
  it('has the faults of the plan among the moments, and the violation last', () => {
    const plan = planOf([crash(2_000, 'a'), crash(9_000, 'b')]);
    const scenario = new Synthetic(() => 'sum');
    const run = scenario.run.bind(scenario);
    const told = tellStory(
      {
        name: scenario.name,
        summary: scenario.summary,
        probes: [],
        draw: (seed) => scenario.draw(seed),
        run: (given, { observe } = {}) => {
          observe?.(message(2_000, 'a', 'b', 'early'));
          observe?.(message(5_000, 'a', 'b', 'late'));
          return { ...run(given), simulatedMicroseconds: 6_000 };
        },
      },
      plan,
    );
    // The run was over before the second crash.
    expect(told.moments.map(({ text }) => text)).toEqual([
      'crash a',
      'early',
      'late',
      'VIOLATION of sum: sum does not hold',
    ]);
  });
});
