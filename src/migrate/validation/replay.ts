/** Reads of v1's API on the new store, compared with the rows that v1 would have answered from. */
import { isDeepStrictEqual } from 'node:util';

import { type Project, type Table } from '../../compat/index.js';
import { parseMemoryKey } from '../../memory/memory-key.js';
import { decodePattern } from '../../memory/v1-pattern.js';
import type { Archive, ArchivedRow } from '../data/index.js';
import { MigrationError } from '../errors.js';
import { DIFFERENCES_LISTED_MAX, REPLAYED_ROWS_COUNT } from '../limits.js';

export interface ReplayValidation {
  /** Reads whose answer was compared. */
  readonly calls: number;
}

type Answer = (project: Project, row: ArchivedRow) => string | undefined;

/** What reads a table of v1, by the name of the table. */
const ANSWERS: Readonly<Record<string, Answer>> = {
  patterns: patternProblem,
  memory_entries: entryProblem,
  episodes: tableProblem(({ episodes }) => episodes),
  skills: tableProblem(({ skills }) => skills),
  reasoning_patterns: tableProblem(({ reasoningPatterns }) => reasoningPatterns),
  causal_experiments: tableProblem(({ causalExperiments }) => causalExperiments),
  learning_sessions: tableProblem(({ learningSessions }) => learningSessions),
  recall_certificates: tableProblem(({ certificates }) => certificates),
  task_trajectories: tableProblem(({ trajectories }) => trajectories),
  matts_runs: tableProblem(({ mattsRuns }) => mattsRuns),
};

/** Throws `differs` with the first answers that are not what v1's rows say. */
export function replayReads(project: Project, archive: Archive): ReplayValidation {
  const problems: string[] = [];
  let calls = 0;
  for (const [table, answer] of Object.entries(ANSWERS)) {
    let replayed = 0;
    for (const row of archive.find({ table, outcome: 'memory' })) {
      if (replayed >= REPLAYED_ROWS_COUNT) break;
      replayed += 1;
      const problem = answer(project, row);
      if (problem !== undefined) problems.push(`${table} ${JSON.stringify(row.key)}: ${problem}`);
    }
    calls += replayed;
  }
  if (problems.length === 0) return { calls };
  throw new MigrationError(
    'differs',
    `v1's API answers otherwise than before: ${problems.slice(0, DIFFERENCES_LISTED_MAX).join('; ')}`,
  );
}

function placeOf({ target }: ArchivedRow) {
  const place = parseMemoryKey(target ?? '');
  if (place === undefined) throw new MigrationError('differs', `${target} is no key of a record`);
  return place;
}

function patternProblem(project: Project, row: ArchivedRow): string | undefined {
  const { namespace, id } = placeOf(row);
  const record = project.records.get(namespace, id);
  if (record === null) return 'it is not found';
  if (record.content !== decodePattern(row.row).memory.content) return 'its content is another';
  const { confidence, usage_count: usageCount } = row.row;
  if (record.metadata['confidence'] !== confidence) return 'its confidence is another';
  return record.metadata['usage_count'] === usageCount ? undefined : 'its usage_count is another';
}

function entryProblem(project: Project, row: ArchivedRow): string | undefined {
  const { namespace, id } = placeOf(row);
  const value = project.keyValue(namespace).get(id);
  return value === row.row['value'] ? undefined : 'its value is another';
}

function tableProblem(tableOf: (project: Project) => Table): Answer {
  return (project, archived) => {
    const table = tableOf(project);
    const { namespace, id } = placeOf(archived);
    // The same name in another program of v1: another table.
    if (namespace !== table.layout.namespace) return undefined;
    const answer = table.get(id);
    if (answer === undefined) return 'it is not found';
    // Where two stores had the same key, that of one of them is qualified.
    const { key } = table.layout;
    const keyColumn = typeof key === 'object' ? key.column : 'id';
    const column = Object.entries(archived.row).find(
      ([name, value]) => name !== 'id' && name !== keyColumn && !isSame(value, answer[name]),
    );
    return column === undefined ? undefined : `its ${column[0]} is another`;
  };
}

/** A column as v1 has it, and as the compatible API gives it: JSON is parsed, bytes are in the archive. */
function isSame(value: unknown, answer: unknown): boolean {
  if (value instanceof Uint8Array) return true;
  if (value === null || value === undefined) return answer === null || answer === undefined;
  if (typeof value === 'bigint') return answer === String(value);
  if (value === answer) return true;
  if (typeof value !== 'string') return false;
  try {
    return isDeepStrictEqual(JSON.parse(value), answer);
  } catch {
    return false;
  }
}
