import { describe, expect, it } from 'vitest';

import type { SequentialModel } from '../../../sim/checkers/model.js';
import { defineScenario } from '../../../sim/define/define-scenario.js';
import type { ScenarioDefinition } from '../../../sim/define/definition.js';
import { runCampaign } from '../../../sim/explore/campaign.js';
import { runPlan } from '../../../sim/explore/run-plan.js';
import type { Moment } from '../../../sim/explore/scenario.js';
import { shrink } from '../../../sim/explore/shrink.js';
import type { Process } from '../../../sim/world/index.js';

/** An echo: a server adds 1 to what it is sent. */
type Message =
  { readonly ask: number; readonly id: string } | { readonly answer: number; readonly id: string };
type Own = { readonly servers: number; readonly isWrong: boolean };

class Server implements Process<Message> {
  answered = 0;
  constructor(private readonly answer: (from: string, message: Message) => boolean) {}
  onMessage(from: string, message: Message): void {
    if (this.answer(from, message)) this.answered += 1;
  }
  onTick(): void {
    // It sets no timers.
  }
  onDiskSynced(): void {
    // It writes nothing.
  }
}

/** Each key has no state: the answer alone can be wrong. */
const echo: SequentialModel<0, number, number> = {
  name: 'echo',
  initial: () => 0,
  step: (_state, input, output) => (output === input + 1 ? 0 : undefined),
  apply: () => 0,
  onlyReads: () => true,
  stateKey: () => 0,
  describeInput: (input) => `ask ${input}`,
  describeOutput: (_input, output) => String(output),
  canMatter: () => false,
};

type Definition = ScenarioDefinition<Own, Message, never, Server, number, number>;

function definition(changes: Partial<Definition> = {}): Definition {
  return {
    name: 'echo',
    probes: ['answered'],
    settings: (random) => ({ servers: random.pick([2, 3]), isWrong: false }),
    nodes: ({ servers }) => Array.from({ length: servers }, (_, i) => `server-${i + 1}`),
    program: (_name, { settings, reach, count }) => ({
      start: (_disk, context) =>
        new Server((from, message) => {
          if (!('ask' in message)) return false;
          reach('answered');
          count('answers');
          const answer = message.ask + (settings.isWrong && message.ask === 3 ? 2 : 1);
          context.send(from, { answer, id: message.id });
          return true;
        }),
    }),
    client: {
      request: (ask, { id, nodes, random }) => ({
        to: nodes[Math.floor(random() * nodes.length)]!,
        message: { ask, id },
      }),
      answer: (message, { id }) =>
        'answer' in message && message.id === id ? { output: message.answer } : undefined,
    },
    operations: { clients: 2, draw: (random) => random.integer(1, 5) },
    linearizable: { model: echo },
    ...changes,
  };
}

const wrong = (): Own => ({ servers: 3, isWrong: true });

describe('a defined scenario', () => {
  it('runs its operations under faults, and replays', () => {
    const scenario = defineScenario(definition());
    const report = runCampaign({ scenario, firstSeed: 1, lastSeed: 30, verifyEvery: 1 });
    expect(report.failures).toEqual([]);
    expect(report.verified).toBe(30);
    expect(report.counts['operations']).toBeGreaterThan(300);
    // Requests are repeated when an answer is lost.
    expect(report.counts['answers']).toBeGreaterThan(report.counts['operations']!);
    expect(report.probes).toEqual({ answered: 30 });
  });

  it('draws another plan for another seed, and the same for the same', () => {
    const scenario = defineScenario(definition());
    expect(scenario.draw(1)).toEqual(scenario.draw(1));
    expect(scenario.draw(2)).not.toEqual({ ...scenario.draw(1), seed: 2 });
    // A plan is what a file can hold.
    expect(JSON.parse(JSON.stringify(scenario.draw(1)))).toEqual(scenario.draw(1));
  });

  it('is judged by its model, and its plan shrinks to one operation', () => {
    const scenario = defineScenario(definition({ settings: wrong }));
    const plan = scenario.draw(4);
    expect(runPlan(scenario, plan).failure?.checker).toBe('linearizability');
    const { plan: smallest, isMinimal } = shrink(scenario, plan);
    expect(isMinimal).toBe(true);
    expect(smallest.schedule.faults).toEqual([]);
    expect(smallest.operations.map(({ operation }) => operation)).toEqual([3]);
  });

  it('asks invariants after every event', () => {
    const scenario = defineScenario(
      definition({
        invariants: {
          'at-most-five': ({ processes }) => {
            const most = Math.max(0, ...[...processes.values()].map(({ answered }) => answered));
            return most > 5 ? `a server has answered ${most} times` : undefined;
          },
        },
      }),
    );
    const { failure } = runPlan(scenario, scenario.draw(1));
    expect(failure).toMatchObject({
      checker: 'at-most-five',
      message: 'a server has answered 6 times',
    });
  });

  it('asks checks at the end, with the whole history', () => {
    let seen = 0;
    const scenario = defineScenario(
      definition({
        atEnd: {
          'all-answered': ({ history, processes, nodes }) => {
            seen = history.length;
            expect(processes.size).toBe(nodes.length);
            return history.every(({ returnMicroseconds }) => returnMicroseconds !== null)
              ? 'as it must be'
              : undefined;
          },
        },
      }),
    );
    const plan = scenario.draw(1);
    expect(runPlan(scenario, plan).failure?.message).toBe('as it must be');
    expect(seen).toBe(plan.operations.length);
  });

  it('must settle after everything has healed', () => {
    const never = defineScenario(definition({ settled: () => false, livenessSeconds: 2 }));
    expect(runPlan(never, never.draw(1)).failure).toMatchObject({
      checker: 'liveness',
      message: '2 s after everything healed: the nodes have not settled',
    });
    const client = { ...definition().client!, answer: () => undefined };
    const silent = defineScenario(definition({ client }));
    const { failure } = runPlan(silent, silent.draw(1));
    expect(failure?.checker).toBe('liveness');
    expect(failure?.message).toMatch(/client 1 has asked \d+ times for \d; client 2 has asked/);
  });

  it('goes on after so many tries, with an outcome that nobody knows', () => {
    const client = { ...definition().client!, answer: () => undefined, attemptsMax: 2 };
    const scenario = defineScenario(definition({ client, linearizable: { model: echo } }));
    const { failure, counts } = runPlan(scenario, scenario.draw(1));
    expect(failure).toBeUndefined();
    expect(counts['operations']).toBeGreaterThan(5);
  });

  it('leaves out of the history what was refused', () => {
    const client = { ...definition().client!, answer: () => 'refused' as const };
    const scenario = defineScenario(definition({ client, settings: wrong }));
    expect(runPlan(scenario, scenario.draw(4))).toMatchObject({ counts: { operations: 0 } });
  });

  it('has a failure named assertion when a program throws', () => {
    const program = (): ReturnType<Definition['program']> => ({
      start: () =>
        new Server(() => {
          throw new Error('out of order');
        }),
    });
    const scenario = defineScenario(definition({ program }));
    const { failure } = runPlan(scenario, scenario.draw(1));
    expect(failure?.checker).toBe('assertion');
    expect(failure?.message).toContain('out of order');
    expect(failure?.stack).toContain('define-scenario.test');
  });

  it('tells its messages in the words of the user', () => {
    const describe = (message: Message): string => ('ask' in message ? 'question' : 'reply');
    const scenario = defineScenario(definition({ describe }));
    const told: Moment[] = [];
    const plan = scenario.draw(1);
    const observed = runPlan(scenario, plan, { observe: (moment) => told.push(moment) });
    expect(observed).toEqual(runPlan(scenario, plan));
    const texts = told.filter(({ kind }) => kind === 'message').map(({ text }) => text);
    expect(texts.some((text) => text.startsWith('question'))).toBe(true);
    expect(texts.some((text) => text.startsWith('reply'))).toBe(true);
  });

  it('may have no clients at all', () => {
    const { client: _c, operations: _o, linearizable: _l, ...rest } = definition();
    const scenario = defineScenario(rest);
    const plan = scenario.draw(1);
    expect(plan.operations).toEqual([]);
    expect(runPlan(scenario, plan).failure).toBeUndefined();
    const operations = [{ atMicroseconds: 1, client: 1, operation: 1 }];
    expect(() => runPlan(scenario, { ...plan, operations })).toThrow('operations are for');
  });

  it.each([
    [{ name: 'Echo 1' }, 'must have a name'],
    [{ client: undefined }, 'client and operations together'],
    [{ operations: undefined }, 'client and operations together'],
    [{ client: undefined, operations: undefined }, 'a model but no client'],
  ])('is refused with %j', (changes, message) => {
    const changed = { ...definition(), ...changes } as Definition;
    expect(() => defineScenario(changed)).toThrow(message);
  });

  it.each([
    [{ own: 3 }, 'settings.own must be an object'],
    [{ network: {} }, 'settings.network must be an object with a delay'],
    [{ crashLoss: 'none' }, 'settings.crashLoss must be'],
    [{ more: 1 }, 'settings.more is unknown'],
    [{ network: { delay: { kind: 'uniform' } } }, 'no delay can be'],
  ])('refuses a plan with the settings %j', (changed, message) => {
    const scenario = defineScenario(definition());
    const plan = scenario.draw(1);
    const settings = { ...plan.settings, ...changed };
    expect(() => runPlan(scenario, { ...plan, settings })).toThrow(message);
  });

  it('refuses the plan of another scenario', () => {
    const scenario = defineScenario(definition());
    const plan = { ...scenario.draw(1), scenario: 'other' };
    expect(() => runPlan(scenario, plan)).toThrow('of the scenario other, not of echo');
  });
});
