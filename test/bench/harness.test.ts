import { describe, expect, it } from 'vitest';
import { formatResult, median, quantile, runBench, type Bench } from '../../bench/harness.js';
import { benches } from '../../bench/registry.js';

function counting(order: string[]): Bench {
  const subject = (name: string, values: readonly number[]): Bench['subjects'][number] => {
    let round = 0;
    return {
      name,
      prepare: () => void order.push(`prepare ${name}`),
      run: () => {
        order.push(name);
        return { speed: values[round++]! };
      },
      close: () => void order.push(`close ${name}`),
    };
  };
  return {
    description: 'for this test',
    roundsDefault: 3,
    metrics: { speed: 'm/s' },
    subjects: [subject('hare', [10, 40, 20]), subject('tortoise', [5, 5, 4])],
    ratios: [{ metric: 'speed', subject: 'hare', peer: 'tortoise' }],
  };
}

const oneSubject = (measured: Record<string, number>): Bench => ({
  ...counting([]),
  subjects: [{ name: 'a', run: () => measured }],
  ratios: [],
});

describe('runBench', () => {
  it('takes turns, begins each round with another subject, and gives medians', async () => {
    const order: string[] = [];
    const { rows, ratios } = await runBench(counting(order), 3);
    expect(order.join(' ')).toBe(
      'prepare hare prepare tortoise ' +
        'hare tortoise tortoise hare hare tortoise ' +
        'close tortoise close hare',
    );
    expect(rows).toEqual([
      {
        metric: 'speed',
        unit: 'm/s',
        subject: 'hare',
        median: 20,
        min: 10,
        max: 40,
        rounds: [10, 40, 20],
      },
      {
        metric: 'speed',
        unit: 'm/s',
        subject: 'tortoise',
        median: 5,
        min: 4,
        max: 5,
        rounds: [5, 5, 4],
      },
    ]);
    expect(ratios).toEqual([{ metric: 'speed', subject: 'hare', peer: 'tortoise', ratio: 4 }]);
  });

  it('closes what it prepared when a round fails', async () => {
    const order: string[] = [];
    const bench = counting(order);
    const failing = { name: 'snail', run: () => Promise.reject(new Error('stuck')) };
    await expect(runBench({ ...bench, subjects: [...bench.subjects, failing] }, 1)).rejects.toThrow(
      'stuck',
    );
    expect(order.slice(-2)).toEqual(['close tortoise', 'close hare']);
  });

  it('refuses a metric without a unit, a number that is none, and no rounds', async () => {
    await expect(runBench(oneSubject({ weight: 1 }), 1)).rejects.toThrow(/weight = 1/);
    await expect(runBench(oneSubject({ speed: Number.NaN }), 1)).rejects.toThrow(/speed = NaN/);
    await expect(runBench(oneSubject({ speed: 1 }), 0)).rejects.toThrow(/0 rounds/);
  });

  it('says of ratios whether goals of at least and at most are met', async () => {
    const bench = counting([]);
    const ratio = bench.ratios[0]!;
    const ratios = [
      { ...ratio, goal: 4 },
      { ...ratio, goal: 4.1 },
      { ...ratio, goalMost: 4 },
      { ...ratio, goalMost: 3.9 },
    ];
    const result = await runBench({ ...bench, ratios }, 3);
    expect(result.ratios.map(({ isGoalMet }) => isGoalMet)).toEqual([true, false, true, false]);
    const text = formatResult(result);
    expect(text).toContain('hare is 4.000 times tortoise; the goal is 4.1: not met');
    expect(text).toContain('hare is 4.000 times tortoise; the goal is at most 4: met');
  });

  it('says of each goal whether the median meets it, at the bound as well', async () => {
    const goal = (subject: string, bound: 'at most' | 'at least', value: number) => {
      return { metric: 'speed', subject, bound, value };
    };
    const goals = [
      goal('hare', 'at least', 20),
      goal('hare', 'at least', 20.5),
      goal('hare', 'at most', 19.5),
      goal('tortoise', 'at most', 5),
    ];
    const result = await runBench({ ...counting([]), goals }, 3);
    expect(result.goals.map(({ isGoalMet }) => isGoalMet)).toEqual([true, false, false, true]);
    expect(result.goals[1]).toMatchObject({ ...goals[1], unit: 'm/s', median: 20 });
    const text = formatResult(result);
    expect(text).toContain('speed of hare: the goal is at least 20 m/s: met');
    expect(text).toContain('speed of hare: the goal is at least 20.5 m/s: not met');
    const unmeasured = { ...counting([]), goals: [goal('snail', 'at most', 1)] };
    await expect(runBench(unmeasured, 1)).rejects.toThrow(/snail measured no speed/);
  });

  it('hands on what a subject says of its progress', async () => {
    const said: string[] = [];
    const run = (say: (sentence: string) => void) => {
      say('half way');
      return { speed: 1 };
    };
    const bench = { ...oneSubject({}), subjects: [{ name: 'a', run }] };
    await runBench(
      bench,
      2,
      () => {},
      (sentence) => void said.push(sentence),
    );
    expect(said).toEqual(['half way', 'half way']);
  });

  it('prints a table', async () => {
    const text = formatResult(await runBench(counting([]), 3));
    expect(text).toContain('speed   hare      20 m/s  10 to 40');
    expect(text).toContain('speed: hare is 4.000 times tortoise');
  });
});

describe('median', () => {
  it.each([
    [[3], 3],
    [[1, 9, 2], 2],
    [[4, 1, 2, 3], 2.5],
  ])('of %j is %d', (numbers, middle) => {
    expect(median(numbers)).toBe(middle);
  });

  it('of nothing does not exist', () => {
    expect(() => median([])).toThrow(RangeError);
  });
});

describe('quantile', () => {
  it.each([
    [[3], 0.99, 3],
    [[1, 9, 2], 0.5, 2],
    [[4, 1, 2, 3], 0, 1],
    [[4, 1, 2, 3], 1, 4],
  ])('of %j at %d is %d', (numbers, share, expected) => {
    expect(quantile(numbers, share)).toBe(expected);
  });
});

describe('the registry', () => {
  it.each(Object.keys(benches))(
    '%s names its ratios and goals after its own metrics and subjects',
    (name) => {
      const bench = benches[name]!();
      const subjects = bench.subjects.map((subject) => subject.name);
      for (const { metric, subject } of bench.goals ?? []) {
        expect(Object.keys(bench.metrics)).toContain(metric);
        expect(subjects).toContain(subject);
      }
      for (const { metric, subject, peer, isOptional } of bench.ratios) {
        expect(Object.keys(bench.metrics)).toContain(metric);
        // A peer that is not installed on this machine is no subject.
        const expected = [subject, peer].filter((each) => subjects.includes(each) || !isOptional);
        expect(subjects).toEqual(expect.arrayContaining(expected));
        // Where nothing is installed it is among those that are said to be absent.
        const known = new Set([...subjects, ...(bench.absent ?? []).map((each) => each.subject)]);
        expect([subject, peer].filter((each) => known.has(each))).not.toEqual([]);
      }
    },
  );
});
