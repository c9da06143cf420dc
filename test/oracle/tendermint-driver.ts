/** Replays traces of the driver: several validators, each with its own, and the buffers between them. */
import { Driver, type DriverInput, type DriverResult } from '../../consensus/bft/driver.js';
import { inputKey } from '../../consensus/bft/machine/input.js';
import { NOTHING } from '../../consensus/bft/machine/output.js';
import type { ValidatorSet } from '../../consensus/bft/validators.js';
import {
  type ItfRecord,
  type ItfValue,
  ItfMap,
  ItfSet,
  canonical,
  difference,
  entriesOf,
  field,
  itemsOf,
} from './itf.js';
import {
  fromConsensusInput,
  fromProposal,
  fromTimeout,
  fromValidators,
  fromVote,
  number,
  parts,
  text,
  toConsensusInput,
  toKeeper,
  toKeeperOutput,
  toOutput,
  toProposal,
  toState,
  toStep,
  toValidators,
  toVote,
  tuple,
  withoutReason,
} from './tendermint-terms.js';

/** What a step of the specification did: one validator's driver took an input and put something out. */
interface Happening {
  readonly validator: string;
  readonly input: ItfValue;
  readonly output: ItfValue;
}

/** Our validator, with the decisions of the heights before. */
interface Replica {
  driver: Driver;
  readonly chain: ItfValue[];
}

/** The value that the specification calls invalid. */
const INVALID = 'invalid';
const NO_RESULT: DriverResult = { output: NOTHING, certificate: null };

function happeningOf(state: ItfRecord): Happening {
  const value = field(state, '_hist');
  if (Array.isArray(value)) {
    const [validator, input, output] = tuple(value);
    return { validator: text(validator), input: input ?? '', output: output ?? '' };
  }
  return {
    validator: text(field(value, 'validator')),
    input: field(value, 'input'),
    output: field(value, 'output'),
  };
}

function nodesOf(state: ItfRecord): ReadonlyMap<string, ItfValue> {
  return new Map(entriesOf(field(state, 'system')).map(([id, node]) => [text(id), node]));
}

/** The rule of the specification: each in the order of their names, the second one first. */
function proposerOf(validators: ValidatorSet): (height: number, round: number) => string {
  const ids = validators.validators.map(({ id }) => id);
  return (_height, round) => ids[(round + 1) % ids.length] as string;
}

/** Replays a trace of several drivers; throws an `Error` that names the first step that differs. */
export class DriverReplay {
  readonly #replicas = new Map<string, Replica>();

  constructor(first: ItfRecord) {
    for (const [id, node] of nodesOf(first)) {
      this.#replicas.set(id, { driver: newDriver(id, field(node, 'es')), chain: [] });
    }
  }

  /** Does what was done between two states, and compares what all validators know afterwards. */
  step(before: ItfRecord, after: ItfRecord): void {
    const [oldNodes, newNodes] = [nodesOf(before), nodesOf(after)];
    const happening = happeningOf(after);
    const { validator } = happening;
    const hasSpoken = canonical(field(before, '_hist')) !== canonical(field(after, '_hist'));
    for (const [id, node] of newNodes) this.#beginHeight(id, field(node, 'es'));
    const [old, now] = [oldNodes.get(validator), newNodes.get(validator)];
    const isNew = now !== undefined && field(field(now, 'es'), 'started') === false;
    const hasChanged =
      old !== undefined &&
      now !== undefined &&
      canonical(field(old, 'es')) !== canonical(field(now, 'es'));
    if (hasSpoken || (hasChanged && !isNew)) {
      if (old === undefined) throw new Error(`${validator} is none of the validators`);
      const { output, certificate } = this.#act(happening, old);
      mustEqual(withoutReason(happening.output), toOutput(output), `output of ${validator}`);
      compareCertificates(before, after, certificate);
    }
    for (const [id, node] of newNodes) this.#compare(id, field(node, 'es'));
  }

  /** The environment sends a validator to another height, with nothing known of it. */
  #beginHeight(id: string, es: ItfValue): void {
    const replica = this.#replicas.get(id);
    if (replica === undefined) throw new Error(`${id} is none of the validators`);
    const height = number(field(field(es, 'cs'), 'height'));
    if (height === replica.driver.state.height) return;
    replica.driver = newDriver(id, es);
  }

  #act({ validator, input }: Happening, node: ItfValue): DriverResult {
    const replica = this.#replicas.get(validator) as Replica;
    const { driver } = replica;
    const { tag, value } = parts(input);
    if (tag === 'NoDInput') {
      // The driver of the specification runs all the same, and no step has changed.
      driver.stepChange = null;
      return NO_RESULT;
    }
    if (!driver.hasStarted) return begin(driver, node, input);
    const result = driver.apply(toDriverInput(driver, tag, value));
    if (result.output.type === 'decided' && driver.decision !== null) {
      const { proposal, certificate } = driver.decision;
      const commit = new ItfSet(certificate.map(toVote));
      replica.chain.push({ decision: toProposal(proposal), commit });
    }
    return result;
  }

  #compare(id: string, es: ItfValue): void {
    const { driver, chain } = this.#replicas.get(id) as Replica;
    const { state, keeper, validators } = driver;
    const { height, round } = state;
    const executed = driver.executed.map((each) => [
      toConsensusInput(each.input, each.round),
      height,
      each.round,
      toStep(each.step),
    ]);
    const pending = driver.pending.map((each) => [
      toConsensusInput(each.input, each.round),
      height,
      each.round,
    ]);
    const ours: ItfRecord = {
      bk: toKeeper(keeper),
      cs: toState(state),
      proposals: new ItfSet(driver.proposals.map(toProposal)),
      valset: toValidators(validators),
      executedInputs: executed,
      pendingInputs: new ItfSet(pending),
      pendingStepChange: toStep(driver.stepChange),
      started: driver.hasStarted,
      voteKeeperOutput: toKeeperOutput(driver.keeperOutput),
      chain,
      certificates: new ItfSet([]),
    };
    // Ours forgets what was executed in rounds that are over; it was compared while they lasted.
    const inRound = tuple(field(es, 'executedInputs')).filter((each) => tuple(each)[2] === round);
    mustEqual({ ...(es as ItfRecord), executedInputs: inRound }, ours, `state of ${id}`);
  }
}

function newDriver(id: string, es: ItfValue): Driver {
  const validators = fromValidators(field(es, 'valset'));
  const height = number(field(field(es, 'cs'), 'height'));
  return new Driver(id, height, validators, { proposerOf: proposerOf(validators) });
}

/** The first input of a height: the votes and certificates that are there already are loaded. */
function begin(driver: Driver, node: ItfValue, input: ItfValue): DriverResult {
  const { height } = driver.state;
  const votes = itemsOf(field(node, 'incomingVotes')).map(fromVote);
  const certificates = itemsOf(field(node, 'incomingCertificates')).map((certificate) =>
    itemsOf(certificate).map(fromVote),
  );
  driver.load(
    votes.filter((vote) => vote.height === height),
    certificates.filter((votes) => votes.every((vote) => vote.height === height)),
  );
  const { tag, value } = parts(input);
  const waitsForProposal =
    tag === 'PendingDInput' && parts(value).tag === 'ProposalAndCommitAndValidCInput';
  // A decision is found, but the proposal is still to be taken up: that is the next input.
  if (waitsForProposal) return NO_RESULT;
  return driver.apply({ type: 'start' });
}

function toDriverInput(driver: Driver, tag: string, value: ItfValue): DriverInput {
  switch (tag) {
    case 'ProposalDInput': {
      const proposal = fromProposal(value);
      return { type: 'proposal', proposal, isValid: proposal.value !== INVALID };
    }
    case 'VoteDInput':
      return { type: 'vote', vote: fromVote(value) };
    case 'CertificateDInput':
      return { type: 'certificate', certificate: itemsOf(value).map(fromVote) };
    case 'TimeoutDInput':
      return { type: 'timeout', kind: fromTimeout(value) };
    case 'ProposeValueDInput':
      return { type: 'proposeValue', value: text(value) };
    case 'StepChangeDInput':
      return { type: 'stepChange' };
    case 'PendingDInput': {
      const wanted = fromConsensusInput(value);
      const key = wanted === null ? '' : inputKey(wanted);
      const at = driver.pending.findIndex(({ input }) => inputKey(input) === key);
      if (at === -1) throw new Error(`we have no pending input ${key}`);
      return { type: 'pending', at };
    }
    default:
      throw new Error(`the input ${tag} is unknown to us`);
  }
}

/** A quorum that was reached is told to everybody; where the trace has buffers for that. */
function compareCertificates(
  before: ItfRecord,
  after: ItfRecord,
  certificate: DriverResult['certificate'],
): void {
  const [old, now] = [before['certBuffer'], after['certBuffer']];
  if (old === undefined || now === undefined) return;
  const sent = certificate === null ? [] : [new ItfSet(certificate.map(toVote))];
  const expected = entriesOf(old).map(
    ([id, certificates]) => [id, new ItfSet([...itemsOf(certificates), ...sent])] as const,
  );
  mustEqual(now, new ItfMap(expected), 'certificates sent');
}

/** Throws an `Error` that says where they differ. */
export function mustEqual(expected: ItfValue, found: ItfValue, what: string): void {
  const where = difference(expected, found);
  if (where !== null) throw new Error(`${what}, ${where}`);
}
