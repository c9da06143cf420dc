/**
 * A counter replicated by the Raft of this package, with a mistake in the state machine of the
 * user. Every fifth addition counts double. With `isMended` off the machine leaves out of its
 * snapshot how many additions there were, so a node that was caught up by a snapshot, or started
 * from its own, doubles others than its peers do.
 */
import { raftScenario } from '../../sim/index.js';
import type { Json, Scenario, SequentialModel, StateMachine } from '../../sim/index.js';

const DOUBLED_EVERY = 5;

interface Tally {
  readonly sum: number;
  readonly additions: number;
}

function addTo({ sum, additions }: Tally, amount: number): Tally {
  const isDoubled = (additions + 1) % DOUBLED_EVERY === 0;
  return { sum: sum + (isDoubled ? 2 * amount : amount), additions: additions + 1 };
}

export class BonusCounter implements StateMachine {
  readonly #isMended: boolean;
  #tally: Tally = { sum: 0, additions: 0 };

  constructor(isMended: boolean) {
    this.#isMended = isMended;
  }

  apply(command: Json): Json {
    this.#tally = addTo(this.#tally, (command as { readonly add: number }).add);
    return this.#tally.sum;
  }

  read(): Json {
    return this.#tally.sum;
  }

  snapshot(): Json {
    const { sum, additions } = this.#tally;
    return this.#isMended ? { sum, additions } : { sum };
  }

  restore(snapshot: Json): void {
    const { sum, additions = 0 } = snapshot as {
      readonly sum: number;
      readonly additions?: number;
    };
    this.#tally = { sum, additions };
  }
}

/** The same counter on one computer that never fails. */
const bonusCounter: SequentialModel<Tally, Json, Json> = {
  name: 'bonus-counter',
  initial: () => ({ sum: 0, additions: 0 }),
  step(state, operation, answer) {
    const after = bonusCounter.apply(state, operation);
    return answer === after.sum ? after : undefined;
  },
  apply: (state, operation) => (isAddition(operation) ? addTo(state, operation.add) : state),
  onlyReads: (operation) => !isAddition(operation),
  stateKey: ({ sum, additions }) => `${sum} after ${additions}`,
  describeInput: (operation) => (isAddition(operation) ? `add ${operation.add}` : 'read'),
  describeOutput: (_operation, answer) => String(answer),
  canMatter: isAddition,
};

function isAddition(operation: Json): operation is { readonly add: number } {
  return typeof operation === 'object' && operation !== null && 'add' in operation;
}

export function raftCounter({ isMended }: { readonly isMended: boolean }): Scenario {
  return raftScenario({
    name: isMended ? 'mended-raft-counter' : 'raft-counter',
    summary: 'A counter of a user, replicated by Raft',
    machine: () => new BonusCounter(isMended),
    drawOperation: (random) =>
      random.chance(0.3)
        ? { do: 'read', operation: {} }
        : { do: 'write', operation: { add: random.integer(1, 9) } },
    // An addition must not count twice: clients number theirs.
    settings: { usesSessions: 1 },
    judgedBy: { model: bonusCounter, keyOf: () => 'counter' },
  });
}

export default raftCounter({ isMended: false });
