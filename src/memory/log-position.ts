/** How far a store has followed the log, and what its commands did; kept in tables of ours. */
import { commandProblem, type TextLimits } from './command.js';
import type { Database, SqlValue } from './database.js';
import type { ApplyOutcome, LoggedCommand, MemoryCommand } from './engine.js';
import { assert, MemoryError } from './errors.js';

export const META_TABLE = 'agentic_flow_meta';
export const OUTCOMES_TABLE = 'agentic_flow_outcomes';

const OUTCOMES: readonly string[] = [
  'ok',
  'missing-endpoint',
  'invalid',
  'not-found',
] satisfies ApplyOutcome[];

/** All commands of some entries of the log, for a store that has applied all up to `known`. */
export interface Batch {
  readonly commands: readonly LoggedCommand[];
  readonly known: number;
  readonly lastIndex: number;
}

/** Writes into the store, in the transaction of a batch. */
export interface BatchWriter {
  /** Longest texts that are taken; those of a swarm's command unless given. */
  readonly texts?: TextLimits | undefined;
  /** Applies a command that is valid (`commandProblem`). */
  applyOne(command: MemoryCommand): ApplyOutcome;
  beforeCommit?(changes: readonly LoggedCommand[]): void;
}

/** The outcome of each command, and the commands that changed something now. */
export interface AppliedBatch {
  readonly outcomes: ApplyOutcome[];
  readonly changes: readonly LoggedCommand[];
}

/** A store's position in the log. Only outcomes other than `ok` are written down. */
export class LogPosition {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Creates the tables when they are missing. */
  static createTables(database: Database): void {
    database.exec(
      `CREATE TABLE IF NOT EXISTS ${META_TABLE} (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
       CREATE TABLE IF NOT EXISTS ${OUTCOMES_TABLE} (log_index INTEGER NOT NULL,
         position INTEGER NOT NULL, outcome TEXT NOT NULL, PRIMARY KEY (log_index, position))
         WITHOUT ROWID`,
    );
  }

  meta(key: string): SqlValue | undefined {
    return this.#database.get(`SELECT value FROM ${META_TABLE} WHERE key = ?`, key)?.[0];
  }

  setMeta(key: string, value: SqlValue): void {
    this.#database.run(
      `INSERT INTO ${META_TABLE} VALUES (?, ?)
       ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
      key,
      value,
    );
  }

  deleteMeta(key: string): void {
    this.#database.run(`DELETE FROM ${META_TABLE} WHERE key = ?`, key);
  }

  get appliedIndex(): number {
    const index = this.meta('applied_index') ?? 0;
    if (typeof index !== 'number' || !Number.isSafeInteger(index) || index < 0) {
      const { path } = this.#database;
      throw new MemoryError('damaged', `${path} names no valid log index; restore it`, path);
    }
    return index;
  }

  setAppliedIndex(index: number): void {
    this.setMeta('applied_index', index);
  }

  /** The recorded outcome; what was never recorded or was forgotten is `ok`. */
  outcome(index: number, position: number): ApplyOutcome {
    const row = this.#database.get(
      `SELECT outcome FROM ${OUTCOMES_TABLE} WHERE log_index = ? AND position = ?`,
      index,
      position,
    );
    return row === undefined ? 'ok' : outcomeOf(row[0]);
  }

  record(index: number, position: number, outcome: ApplyOutcome): void {
    if (outcome === 'ok') return;
    this.#database.run(
      `INSERT OR REPLACE INTO ${OUTCOMES_TABLE} VALUES (?, ?, ?)`,
      index,
      position,
      outcome,
    );
  }

  /**
   * Applies the commands of a batch that the store has not applied yet, in one transaction that also
   * moves the position to the last index of the batch; of the others the outcome is looked up.
   */
  apply(batch: Batch, { texts, applyOne, beforeCommit }: BatchWriter): AppliedBatch {
    const { commands, known, lastIndex } = batch;
    const placed = placeCommands(commands, lastIndex);
    const changes: LoggedCommand[] = [];
    if (lastIndex <= known) {
      const outcomes = placed.map(({ index, position }) => this.outcome(index, position));
      return { outcomes, changes };
    }
    const outcomes = this.#database.transaction(() => {
      if (this.appliedIndex !== known) {
        const { path } = this.#database;
        const sentence = `${path} was written by somebody else meanwhile; have one process open it at a time`;
        throw new MemoryError('locked', sentence, path);
      }
      const told = placed.map(({ index, position, command }) => {
        if (index <= known) return this.outcome(index, position);
        const outcome =
          commandProblem(command, texts) === undefined ? applyOne(command) : 'invalid';
        this.record(index, position, outcome);
        if (outcome === 'ok') changes.push({ index, command });
        return outcome;
      });
      this.setAppliedIndex(lastIndex);
      beforeCommit?.(changes);
      return told;
    });
    return { outcomes, changes };
  }

  forget(index: number): void {
    this.#database.run(`DELETE FROM ${OUTCOMES_TABLE} WHERE log_index <= ?`, index);
  }
}

function outcomeOf(value: SqlValue | undefined): ApplyOutcome {
  assert(typeof value === 'string' && OUTCOMES.includes(value), 'a recorded outcome is known');
  return value as ApplyOutcome;
}

/** A command with its place among the commands of the same log entry. */
interface PlacedCommand extends LoggedCommand {
  readonly position: number;
}

/** Numbers the commands of each entry; one call carries all commands of an entry. */
function placeCommands(commands: readonly LoggedCommand[], lastIndex: number): PlacedCommand[] {
  let before = 0;
  let position = 0;
  return commands.map(({ index, command }) => {
    assert(Number.isSafeInteger(index) && index > 0, 'a log index is a positive whole number');
    assert(index >= before, 'commands come in the order of the log');
    assert(index <= lastIndex, 'no command lies beyond the last index of its batch');
    position = index === before ? position + 1 : 0;
    before = index;
    return { index, command, position };
  });
}
