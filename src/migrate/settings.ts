/** Which settings a migration may write. */
import { hashFile } from './backup/copy.js';
import { type Backup, copyOf } from './backup/index.js';
import type { ConfigPlan, FileChange } from './config/index.js';
import type { MigrationState } from './state.js';

/**
 * Without changes of files that are not as the backup has them: somebody has written to them since, and a rollback
 * would give back what was there before that.
 */
export function changesOfBackedUp(plan: ConfigPlan, backup: Backup): ConfigPlan {
  const isBackedUp = ({ path, before }: FileChange): boolean => {
    if (before === null) return true;
    const copy = copyOf(backup, path);
    return copy !== undefined && hashFile(copy) === before.sha256;
  };
  const left = plan.changes.filter((change) => !isBackedUp(change));
  const notes = left.map(
    ({ name }) =>
      `${name}: was changed while the migration ran, and is left as it is; to have it migrated as well, go back ` +
      'with --rollback and migrate again',
  );
  return { ...plan, changes: plan.changes.filter(isBackedUp), notes: [...notes, ...plan.notes] };
}

/** What a rollback needs to know of a plan. */
export function settingsOf({ changes }: ConfigPlan): Pick<MigrationState, 'changed' | 'added'> {
  const ofKind = (kind: FileChange['kind']) => changes.filter((change) => change.kind === kind);
  return {
    changed: Object.fromEntries(ofKind('change').map(({ path, after }) => [path, after.sha256])),
    added: ofKind('create').map(({ path }) => path),
  };
}
