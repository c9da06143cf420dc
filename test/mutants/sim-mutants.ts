import { RAFT_ASYNC_MUTANTS } from './raft-async.js';
import { RAFT_MUTANTS } from './raft-mutants.js';
import type { SourceMistake } from './source-mutant.js';

/** A mistake that runs of a scenario must notice. */
export interface SimMutant extends SourceMistake {
  /** Number of the named bug that it brings back, null for one that has no number. */
  readonly bug: number | null;
  readonly scenario: string;
}

/** Named bugs as the tests of the core bring them back. */
const NAMED: readonly SimMutant[] = RAFT_MUTANTS.map((mutant) => ({ ...mutant, scenario: 'raft' }));
const MORE: readonly SimMutant[] = RAFT_ASYNC_MUTANTS.map((mutant) => ({
  ...mutant,
  bug: null,
  scenario: 'raft',
}));

/** Mistakes in our own cores, each of which the simulator must find. */
export const SIM_MUTANTS: readonly SimMutant[] = [...NAMED, ...MORE];
