/** A decision in simulated time, from the command at one validator to its decision there. */
import { ValidatorSet, type BftRecord } from '../../consensus/bft/index.js';
import { TIMEOUTS_DEFAULT } from '../../nodes/bft/limits.js';
import { BftJudge } from '../../sim/bft/judge.js';
import { BftReplica, type BftStored } from '../../sim/bft/replica.js';
import type { BftWire } from '../../sim/bft/wire.js';
import { World, reliableNetwork } from '../../sim/world/index.js';

const MILLISECOND = 1_000;
const COMMAND_AT_MS = 10;
const PATIENCE_MS = 60_000;
/** Stands for the command on its way, which has the receiver begin the height as it does in a host. */
const COMMAND: BftWire = { kind: 'messages', messages: [] };

/** A validator that rests until a command or a message comes, and syncs as its host does. */
class RestingReplica extends BftReplica {
  #hasBegun = false;

  submit(): void {
    for (const name of this.options.names) {
      if (name !== this.name) this.context.send(name, COMMAND);
    }
    this.wake();
  }

  wake(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.begin();
  }

  override onMessage(from: string, wire: BftWire): void {
    this.wake();
    super.onMessage(from, wire);
  }

  /** The record first, and the state of the signer when that is durable. */
  protected override store(record: BftRecord): void {
    super.store(record, () => this.sync(() => {}));
  }
}

/**
 * Milliseconds from the command to its decision, durable at the validator that it was given to, for
 * each of the first `submitters` validators. Throws if one does not decide in the first round.
 */
export function simulatedDecisionsMs(
  validators: number,
  delayMs: number,
  submitters: number,
  seed: number,
): number[] {
  return Array.from({ length: submitters }, (_, at) =>
    decisionMs(validators, delayMs, at, seed * validators + at),
  );
}

function decisionMs(validators: number, delayMs: number, submitter: number, seed: number): number {
  const names = Array.from({ length: validators }, (_, at) => `validator-${at + 1}`);
  const set = new ValidatorSet(names.map((id) => ({ id, weight: 1 })));
  const judge = new BftJudge(set, []);
  const delay = {
    kind: 'uniform',
    minimumMicroseconds: delayMs * MILLISECOND,
    maximumMicroseconds: delayMs * MILLISECOND,
  } as const;
  const world = new World<BftWire, BftStored>({ seed, network: { ...reliableNetwork, delay } });
  const replicas = new Map<string, RestingReplica>();
  const reached = new Set<string>();
  const options = {
    names,
    validators: set,
    timeoutsMs: TIMEOUTS_DEFAULT,
    judge,
    library: judge.library,
    changeProbability: 0,
    reach: (probe: string) => void reached.add(probe),
  };
  for (const name of names) {
    world.addNode(name, {
      start: (disk, context) => {
        const replica = new RestingReplica(options, disk, context);
        replicas.set(name, replica);
        return replica;
      },
    });
  }
  const name = names[submitter]!;
  world.at(COMMAND_AT_MS * MILLISECOND, 'command', () => replicas.get(name)?.submit());
  world.run({
    untilMicroseconds: PATIENCE_MS * MILLISECOND,
    until: () => (replicas.get(name)?.height ?? 0) > 0,
  });
  if (replicas.get(name)?.height !== 1 || reached.has('decided-in-later-round')) {
    throw new Error(`${name} has not decided in the first round, seed ${seed}`);
  }
  return world.nowMicroseconds / MILLISECOND - COMMAND_AT_MS;
}
