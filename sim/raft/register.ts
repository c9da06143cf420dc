/** The scenario `raft`: registers, one for each key, whose histories must be linearizable. */
import type { SequentialModel } from '../checkers/model.js';
import { type RegisterInput, type RegisterValue, register } from '../checkers/models.js';
import type { Json } from '../explore/plan.js';
import { raftScenario } from './scenario.js';
import type { StateMachine } from './state-machine.js';

type RegisterOperation = RegisterInput & { readonly key: string };

/** Registers by key, null before the first write. */
class Registers implements StateMachine {
  readonly #values = new Map<string, RegisterValue>();

  apply(command: Json): Json {
    const input = command as unknown as RegisterOperation;
    const held = this.#values.get(input.key) ?? null;
    if (input.kind === 'write') {
      this.#values.set(input.key, input.value);
      return null;
    }
    if (input.kind === 'read') return held;
    if (held !== input.from) return false;
    this.#values.set(input.key, input.to);
    return true;
  }

  read(query: Json): Json {
    return this.#values.get((query as unknown as RegisterOperation).key) ?? null;
  }

  snapshot(): Json {
    return [...this.#values].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  restore(snapshot: Json): void {
    this.#values.clear();
    for (const [key, value] of snapshot as [string, RegisterValue][]) this.#values.set(key, value);
  }
}

const KEYS = ['a', 'b', 'c'];

/** See the head of this file. */
export const raftRegisters = raftScenario({
  name: 'raft',
  summary: 'Registers replicated by Raft, with linearizable reads, changes of members and faults.',
  machine: () => new Registers(),
  drawOperation: (random) => {
    const key = random.pick(KEYS);
    const kind = random.fraction();
    const [value, from] = [random.integer(1, 1_000), random.integer(1, 5)];
    if (kind < 0.4) return { do: 'read', operation: { kind: 'read', key } };
    if (kind < 0.8) return { do: 'write', operation: { kind: 'write', key, value } };
    return { do: 'write', operation: { kind: 'compare-and-set', key, from, to: value } };
  },
  judgedBy: {
    model: register as unknown as SequentialModel<RegisterValue, Json, Json>,
    keyOf: (operation) => (operation as unknown as RegisterOperation).key,
  },
});
