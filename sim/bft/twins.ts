/**
 * Twins (Bano, Sonnino, Chursin, Perelman, Malkhi, "Twins: BFT systems made robust", 2020): a faulty
 * validator is two instances of the correct program with one identity, each with a part of the others
 * in reach. A scenario says who proposes in each round and which instances reach each other in each of
 * its three steps; which instance is stopped and started again; and when old messages arrive after
 * all. Timeouts run out at the end of each step, so that nothing waits for a clock.
 */
import {
  type Accusation,
  type BftEffect,
  type BftInput,
  type BftMessage,
  BftNode,
  type BftRecord,
  type Certificate,
  type Decision,
  type Fork,
  type TimeoutKind,
  type ValidatorId,
  ValidatorSet,
  type Vote,
  amnesiaOf,
  isAnswer,
} from '../../consensus/bft/index.js';
import type { RandomStream } from '../world/index.js';

/** Who reaches whom in a step: instances of one group, but nothing reaches those who are deaf. */
interface TwinsStep {
  /** For each instance the number of its group. */
  readonly groups: readonly number[];
  readonly isDeaf: readonly boolean[];
}

/** What happens in one round. */
interface TwinsRound {
  readonly proposer: ValidatorId;
  /** One of each step, in the order propose, prevote, precommit. */
  readonly steps: readonly TwinsStep[];
  /** The instance that is stopped and started again before the round, or -1. */
  readonly restarted: number;
  /** Whether all that was sent earlier arrives again at those who are in reach now. */
  readonly hearsOld: boolean;
}

/** A scenario for one height. */
export interface TwinsScenario {
  readonly validators: readonly ValidatorId[];
  /** The identity of each instance; one that is there twice is faulty. */
  readonly instances: readonly ValidatorId[];
  readonly rounds: readonly TwinsRound[];
}

/** How large scenarios are. */
export interface TwinsSize {
  readonly validators: number;
  readonly twins: number;
  readonly rounds: number;
}

const STEPS = ['propose', 'prevote', 'precommit'] as const satisfies readonly TimeoutKind[];
const HEIGHT = 1;

/** Draws a scenario. */
export function drawTwins(random: RandomStream, size: TwinsSize): TwinsScenario {
  const validators = Array.from({ length: size.validators }, (_, i) => `validator-${i + 1}`);
  const instances = [...validators, ...validators.slice(0, size.twins)];
  const rounds = Array.from({ length: size.rounds }, (): TwinsRound => {
    return {
      proposer: random.pick(validators),
      steps: drawSteps(random, instances.length),
      restarted: random.chance(0.25) ? random.integer(0, instances.length - 1) : -1,
      hearsOld: random.chance(0.25),
    };
  });
  return { validators, instances, rounds };
}

/**
 * Partitions mostly last for a round, and mostly leave a quorum together: that is where locks are made
 * and broken. Now and then one alone hears in a step what all say, which is how some have locks, or
 * have decided, and others do not know of it.
 */
function drawSteps(random: RandomStream, instances: number): TwinsStep[] {
  let groups = drawGroups(random, instances);
  return STEPS.map(() => {
    if (random.chance(0.3)) groups = drawGroups(random, instances);
    const hearer = random.chance(0.4) ? random.integer(0, instances - 1) : -1;
    return { groups, isDeaf: groups.map((_, at) => hearer >= 0 && at !== hearer) };
  });
}

function drawGroups(random: RandomStream, instances: number): readonly number[] {
  const kind = random.pick(['all', 'all', 'all-but-one', 'all-but-one', 'any'] as const);
  const count = random.integer(2, 3);
  const alone = random.integer(0, instances - 1);
  return Array.from({ length: instances }, (_, at) => {
    if (kind === 'any') return random.integer(0, count - 1);
    return kind === 'all-but-one' && at === alone ? 1 : 0;
  });
}

/** The proposers of a scenario in place of those whose turn it would be. */
class ScriptedValidators extends ValidatorSet {
  readonly #rounds: readonly TwinsRound[];

  constructor({ validators, rounds }: TwinsScenario) {
    super(validators.map((id) => ({ id, weight: 1 })));
    this.#rounds = rounds;
  }

  override proposerOf(_height: number, round: number): ValidatorId {
    return this.#rounds[round % this.#rounds.length]?.proposer ?? '';
  }
}

interface Instance {
  readonly at: number;
  readonly id: ValidatorId;
  readonly isFaulty: boolean;
  node: BftNode;
  record: BftRecord | null;
  decided: string | null;
  /** What it can show to those who ask for a justification. */
  readonly polkas: Certificate[];
  /** All that it signed. */
  readonly votes: Vote[];
}

interface Sent {
  readonly from: number;
  readonly message: BftMessage;
}

/** What a scenario came to. */
export interface TwinsOutcome {
  /** What is wrong, in a sentence; null if all is as it must be. */
  readonly violation: string | null;
  readonly decided: number;
  readonly accused: number;
  /** Decisions of two correct validators that contradict each other; null if there are none. */
  readonly fork: TwinsFork | null;
}

/** A fork, and what the validators can show when they are asked about it. */
export interface TwinsFork {
  readonly decisions: Fork;
  readonly validators: ValidatorSet;
  readonly faulty: ReadonlySet<ValidatorId>;
  /** Polkas kept by the instances of each validator. */
  readonly polkas: ReadonlyMap<ValidatorId, readonly Certificate[]>;
}

/** Runs a scenario, and checks agreement, validity, what is signed and who is accused. */
export function runTwins(scenario: TwinsScenario): TwinsOutcome {
  return new TwinsRun(scenario).finish();
}

class TwinsRun {
  readonly #scenario: TwinsScenario;
  readonly #validators: ScriptedValidators;
  readonly #instances: readonly Instance[];
  readonly #sent: Sent[] = [];
  readonly #proposed = new Set<string>();
  readonly #accused = new Set<string>();
  /** Of correct validators. */
  readonly #decisions: Decision[] = [];
  #fresh: Sent[] = [];
  #violation: string | null = null;

  constructor(scenario: TwinsScenario) {
    this.#scenario = scenario;
    this.#validators = new ScriptedValidators(scenario);
    const { instances } = scenario;
    this.#instances = instances.map((id, at) => ({
      at,
      id,
      isFaulty: instances.indexOf(id) !== instances.lastIndexOf(id),
      node: new BftNode(id, null),
      record: null,
      decided: null,
      polkas: [],
      votes: [],
    }));
  }

  finish(): TwinsOutcome {
    try {
      this.#run();
    } catch (error) {
      // Assertions of the core are part of what is tried.
      this.#violation ??= error instanceof Error ? error.message : String(error);
    }
    const correct = this.#instances.filter(({ isFaulty }) => !isFaulty);
    for (const instance of correct) this.#checkAnswers(instance);
    const decided = correct.filter((each) => each.decided !== null).length;
    const accused = this.#accused.size;
    return { violation: this.#violation, decided, accused, fork: this.#forkOf() };
  }

  #run(): void {
    for (const instance of this.#instances) this.#start(instance);
    for (const round of this.#scenario.rounds) {
      if (this.#violation !== null || this.#instances.every((each) => each.decided !== null))
        return;
      const restarted = this.#instances[round.restarted];
      if (restarted !== undefined && restarted.decided === null) this.#restart(restarted);
      for (const [step, kind] of STEPS.entries()) {
        const reach = round.steps[step] as TwinsStep;
        if (round.hearsOld && step === 0) this.#deliverOld(reach);
        this.#deliver(reach);
        this.#expire(kind);
      }
    }
  }

  /** A correct validator can justify whatever it signed (`consensus/bft/accountability.ts`). */
  #checkAnswers({ id, votes, polkas }: Instance): void {
    const accusations = votes.flatMap((precommit): Accusation[] => {
      if (precommit.type !== 'precommit' || precommit.value === null) return [];
      const amnesia = votes.flatMap((vote) => amnesiaOf(precommit, vote) ?? []);
      return [...amnesia, { type: 'unfounded', accused: id, precommit }];
    });
    for (const accusation of accusations) {
      if (polkas.some((polka) => isAnswer(accusation, polka, this.#validators))) continue;
      this.#violation ??= `${id} has no answer to ${JSON.stringify(accusation)}`;
    }
  }

  #forkOf(): TwinsFork | null {
    const [one] = this.#decisions;
    const other = this.#decisions.find((each) => each.proposal.value !== one?.proposal.value);
    if (one === undefined || other === undefined) return null;
    const polkas = new Map<ValidatorId, readonly Certificate[]>();
    const faulty = new Set<ValidatorId>();
    for (const instance of this.#instances) {
      const { id, isFaulty } = instance;
      if (isFaulty) faulty.add(id);
      polkas.set(id, [...(polkas.get(id) ?? []), ...instance.polkas]);
    }
    return { decisions: [one, other], validators: this.#validators, faulty, polkas };
  }

  #start(instance: Instance): void {
    this.#step(instance, { type: 'start', height: HEIGHT, validators: this.#validators });
  }

  /** What is on its disk is what was stored last: in this world every write is durable at once. */
  #restart(instance: Instance): void {
    instance.node = new BftNode(instance.id, instance.record);
    this.#start(instance);
  }

  /** What was sent in this step reaches those in the same group; others never get it, or much later. */
  #deliver(reach: TwinsStep): void {
    const fresh = this.#fresh;
    // Answers belong to the next step, which has groups of its own.
    this.#fresh = [];
    for (const sent of fresh) this.#deliverOne(sent, reach);
  }

  #deliverOne({ from, message }: Sent, { groups, isDeaf }: TwinsStep): void {
    for (const instance of this.#instances) {
      const { at } = instance;
      const isInReach = at === from || (groups[at] === groups[from] && isDeaf[at] !== true);
      if (isInReach) this.#step(instance, { type: 'message', message, isValid: true });
    }
  }

  #deliverOld(reach: TwinsStep): void {
    // What is sent on the way is not old.
    for (const sent of this.#sent.slice()) this.#deliverOne(sent, reach);
  }

  /** Timeouts run out for whoever is still in the step. */
  #expire(kind: TimeoutKind): void {
    for (const instance of this.#instances) {
      const state = instance.node.driver?.state;
      if (state === undefined) continue;
      const { height, round, step } = state;
      if (step === kind)
        this.#step(instance, { type: 'timeout', timeout: { kind, height, round } });
    }
  }

  #step(instance: Instance, input: BftInput): void {
    for (const effect of instance.node.step(input)) this.#perform(instance, effect);
  }

  #perform(instance: Instance, effect: BftEffect): void {
    switch (effect.type) {
      case 'persist':
        instance.record = effect.record;
        if (effect.polka !== null) instance.polkas.push(effect.polka);
        return;
      case 'broadcast': {
        const { message } = effect;
        if (message.type === 'vote') instance.votes.push(message.vote);
        const sent = { from: instance.at, message };
        this.#sent.push(sent);
        this.#fresh.push(sent);
        return;
      }
      case 'getValue': {
        const value = `${instance.at} ${effect.round}`;
        this.#proposed.add(value);
        return this.#step(instance, { ...effect, type: 'value', value });
      }
      case 'decide':
        return this.#decide(instance, effect.decision);
      case 'evidence': {
        const { culprit } = effect.evidence;
        this.#accused.add(culprit);
        const isFaulty = this.#instances.some((each) => each.id === culprit && each.isFaulty);
        if (!isFaulty) this.#violation ??= `${instance.id} accuses ${culprit}, which is correct`;
        return;
      }
      case 'withheld':
        if (!instance.isFaulty)
          this.#violation ??= `${instance.id} would sign two messages for one`;
        return;
      default:
    }
  }

  #decide(instance: Instance, decision: Decision): void {
    const { value } = decision.proposal;
    instance.decided = value;
    if (instance.isFaulty) return;
    this.#decisions.push(decision);
    if (!this.#proposed.has(value))
      this.#violation ??= `${value} is decided, but nobody proposed it`;
    const other = this.#instances.find(
      (each) => !each.isFaulty && each.decided !== null && each.decided !== value,
    );
    if (other === undefined) return;
    this.#violation ??= `${instance.id} decides ${value}, and ${other.id} ${other.decided ?? ''}`;
  }
}
