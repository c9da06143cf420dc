/** A user's own state machine as a scenario, and the mistakes in it that the checkers must notice. */
import { describe, expect, it } from 'vitest';
import type { Json } from '../../../sim/explore/plan.js';
import { type StateMachine, raftScenario } from '../../../sim/raft/index.js';
import { seedOfTest } from './seed.js';

/** Adds numbers up. */
class Counter implements StateMachine {
  total = 0;

  apply(command: Json, _index: number): Json {
    this.total += command as number;
    return this.total;
  }

  read(): Json {
    return this.total;
  }

  snapshot(): Json {
    return this.total;
  }

  restore(snapshot: Json): void {
    this.total = snapshot as number;
  }
}

function counterScenario(machine: () => Counter) {
  return raftScenario({
    name: 'counter',
    summary: 'A counter that clients add to and read.',
    machine,
    drawOperation: (random) =>
      random.chance(0.5)
        ? { do: 'write', operation: random.integer(1, 9) }
        : { do: 'read', operation: null },
    judgedBy: {
      model: {
        name: 'counter',
        initial: () => 0,
        step: (state: number, input: Json, output: Json) => {
          const after = state + Number(input ?? 0);
          return output === after ? after : undefined;
        },
        apply: (state: number, input: Json) => state + Number(input ?? 0),
        onlyReads: (input) => input === null,
        stateKey: (state) => state,
        describeInput: (input) => (input === null ? 'read' : `add ${String(input)}`),
        describeOutput: (_input, output) => String(output),
        canMatter: (input) => input !== null,
      },
      keyOf: () => 'counter',
    },
    invariants: [
      {
        name: 'never-negative',
        check: (machines) => {
          const wrong = [...machines].find(([, one]) => (one as Counter).total < 0);
          return wrong && `the counter of node ${wrong[0]} is below zero`;
        },
      },
    ],
  });
}

const firstSeed = seedOfTest();

/** The checker that notices within sixty seeds, and what it says. */
function noticed(machine: () => Counter) {
  const scenario = counterScenario(machine);
  for (let seed = firstSeed; seed < firstSeed + 60; seed += 1) {
    const { failure } = scenario.run(scenario.draw(seed));
    if (failure !== undefined) return failure;
  }
  return undefined;
}

describe("a user's replicated counter", () => {
  it('holds', () => {
    const scenario = counterScenario(() => new Counter());
    for (let seed = firstSeed; seed < firstSeed + 15; seed += 1) {
      const { failure } = scenario.run(scenario.draw(seed));
      expect(failure, `SEED=${seed}: ${failure?.message}`).toBeUndefined();
    }
  });

  it('that forgets half of its state in a snapshot is noticed', () => {
    class Forgetful extends Counter {
      override snapshot(): Json {
        return Math.floor(this.total / 2);
      }
    }
    const failure = noticed(() => new Forgetful());
    expect(['state-machine-safety', 'linearizability']).toContain(failure?.checker);
  });

  it('that differs from node to node is noticed', () => {
    let made = 0;
    class Different extends Counter {
      readonly #offset = (made += 1) % 2;
      override apply(command: Json, index: number): Json {
        return super.apply((command as number) + (index % 7 === 0 ? this.#offset : 0), index);
      }
    }
    const failure = noticed(() => new Different());
    expect(['state-machine-safety', 'linearizability']).toContain(failure?.checker);
  });

  it('that adds wrongly on every node is noticed by the history', () => {
    class Wrong extends Counter {
      override apply(command: Json, index: number): Json {
        return super.apply(index === 9 ? 0 : command, index);
      }
    }
    expect(noticed(() => new Wrong())?.checker).toBe('linearizability');
  });

  it('that breaks an invariant is noticed by its name', () => {
    class Negative extends Counter {
      override apply(command: Json, index: number): Json {
        return super.apply(index === 12 ? -1_000 : command, index);
      }
    }
    const failure = noticed(() => new Negative());
    expect(failure?.checker).toBe('never-negative');
    expect(failure?.message).toMatch(/the counter of node \d+ is below zero/);
  });

  it('that throws is noticed as an assertion', () => {
    class Throwing extends Counter {
      override apply(command: Json, index: number): Json {
        if (index === 10) throw new Error('ten is too many');
        return super.apply(command, index);
      }
    }
    const failure = noticed(() => new Throwing());
    expect(failure?.checker).toBe('assertion');
    expect(failure?.message).toMatch(/ten is too many/);
  });
});
