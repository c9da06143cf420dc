/** What was decided, as it lies in the file and as the application gets it. */
import type { Decision } from '../../consensus/bft/index.js';
import { type Command, readBatch } from './batch.js';
import type { ProposedChange } from './change.js';
import { ValidatorError } from './error.js';
import type { DecisionLog } from './decision-log.js';
import type { DecidedHeight } from './options.js';
import { type ShownDecision, shownIn } from './proven.js';
import { ValidatorStore } from './store.js';
import { LARGE_VALUES } from './value-limits.js';

/** The decision of a height that is in the file. Throws as `DecisionLog.read`. */
export async function readDecided(
  decisions: DecisionLog,
  height: number,
): Promise<{
  readonly decision: ShownDecision['decision'];
  readonly commands: readonly Command[];
}> {
  const shown = shownIn(await ValidatorStore.messages(decisions, height - 1));
  const commands = shown === null ? null : readBatch(shown.value, LARGE_VALUES);
  if (shown === null || commands === null) {
    throw new ValidatorError('damaged', `the decision of height ${height} is none`);
  }
  return { decision: shown.decision, commands };
}

/** A decided height for the application. */
export function decidedOf(
  { proposal: { height, round } }: Pick<Decision, 'proposal'>,
  commands: readonly Command[],
  changes: readonly ProposedChange[],
): DecidedHeight {
  const own = commands.filter(({ kind }) => kind === 'application');
  return { height, round, commands: own.map(({ data }) => data), changes };
}

/** Throws `ValidatorError` with code `bad-option` if an application cannot have come so far. */
export function checkApplied(height: number, decided: number): void {
  if (Number.isSafeInteger(height) && height >= 0 && height <= decided) return;
  throw new ValidatorError(
    'bad-option',
    `appliedHeight is ${height}, and ${decided} heights are decided here; ` +
      'take an older state of the application, or put the file of decisions back',
  );
}
