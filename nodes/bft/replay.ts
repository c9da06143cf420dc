/** What a validator knows when it starts: from its checkpoint on, or from the genesis, by all decisions. */
import type { Checkpointing } from './checkpointing.js';
import { checkApplied, decidedOf, readDecided } from './decided.js';
import { ValidatorError } from './error.js';
import type { ForkWatch } from './fork-watch.js';
import type { Mempool } from './mempool.js';
import type { ValidatorOptions } from './options.js';
import type { ChainSets } from './sets.js';
import type { ValidatorStore } from './store.js';

/** What it needs of what is around it. */
interface ReplayPorts {
  readonly options: ValidatorOptions;
  readonly store: ValidatorStore;
  readonly sets: ChainSets;
  readonly mempool: Mempool;
  readonly forks: ForkWatch;
  readonly checkpointing: Checkpointing | null;
}

/**
 * Who the validators are follows from all decisions; commands of late are not decided again; the
 * application gets what it lacks. Throws `ValidatorError`, and what the application throws.
 */
export async function replay(ports: ReplayPorts): Promise<void> {
  const { options, store, sets, mempool, forks, checkpointing } = ports;
  const { decisions } = store;
  const given = options.appliedHeight ?? 0;
  checkApplied(given, decisions.count);
  const { from, applied } = await begin(ports, given);
  for (let height = from + 1; height <= decisions.count; height += 1) {
    const { decision, commands } = await readDecided(decisions, height);
    const changes = sets.decide(commands);
    forks.decided(height, decision.proposal.value);
    mempool.decided(height, commands);
    if (height <= applied) {
      checkpointing?.follow(decision.proposal.value);
      continue;
    }
    await options.apply(decidedOf(decision, commands, changes));
    await checkpointing?.decided(height, decision.proposal.value);
  }
}

/** The height from which on decisions are needed, and up to which the application has them. */
async function begin(
  { options, store, checkpointing }: ReplayPorts,
  given: number,
): Promise<{ readonly from: number; readonly applied: number }> {
  const { decisions, checkpoints } = store;
  if (decisions.first === 1) return { from: 0, applied: given };
  const base = checkpoints.stable.find(({ height }) => height >= decisions.first - 1);
  const { last } = checkpoints;
  if (base === undefined || last === null || checkpointing === null) {
    const what = `decisions up to height ${decisions.first - 1} are deleted here`;
    throw new ValidatorError('bad-option', `${what}: the genesis needs its checkpointsEvery`);
  }
  checkpointing.restore(base, await checkpoints.snapshot(base));
  if (given >= base.height) return { from: base.height, applied: given };
  // The decisions that it lacks are deleted, or the stop was in the middle of passing over.
  const { application } = await checkpoints.snapshot(last);
  await options.snapshots?.restore(last.height, application);
  return { from: base.height, applied: last.height };
}
