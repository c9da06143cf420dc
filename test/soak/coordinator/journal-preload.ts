/**
 * Loaded by a node before its program (`node --import`). Writes a line for each log entry of a rollout that
 * the node applies, and, where it is told to, ends the process with SIGKILL after each of them if the node
 * leads: nobody has heard of the entry then but the log. What an entry does kills once, whoever leads when it
 * comes again, in this round or a later one. It reads the classes of the program that is started, whichever release that is.
 */
import { appendFileSync, closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isMainThread } from 'node:worker_threads';

import type * as ReplicaModule from '../../../nodes/replica/replica.js';
import type * as CodecModule from '../../../nodes/wire/command-codec.js';
import { CRASHES_MAX } from '../../../nodes/release/limits.js';
import { journalVariables, kindOf, recordsOf, viewOf } from './journal.js';
import type { JournalRecord } from './journal.js';

const journal = process.env[journalVariables.file];
const marks = process.env[journalVariables.marks];
const spareMs = Number(process.env[journalVariables.spareMs] ?? 0);
const program = process.argv[1] ?? '';

if (isMainThread && journal !== undefined && program.endsWith('/src/cli/main.js')) {
  await record(journal);
}

async function record(path: string): Promise<void> {
  const from = (module: string): string => new URL(module, pathToFileURL(program)).href;
  const { Replica } = (await import(
    from('../../nodes/replica/replica.js')
  )) as typeof ReplicaModule;
  const { decodeCommand } = (await import(
    from('../../nodes/wire/command-codec.js')
  )) as typeof CodecModule;
  const file = openSync(path, 'a');
  const waiting = new WeakMap<object, JournalRecord[]>();
  const { beginApply, finishApply } = Replica.prototype;
  Replica.prototype.beginApply = function (entries) {
    const before = viewOf(this.control.rollout);
    const batch = beginApply.call(this, entries);
    const commands = entries.flatMap(({ type, index, data }) =>
      type === 'confChange' || data.length === 0 ? [] : [{ index, command: decodeCommand(data) }],
    );
    waiting.set(this, recordsOf(commands, before, viewOf(this.control.rollout)));
    return batch;
  };
  Replica.prototype.finishApply = function (outcomes) {
    const applied = finishApply.call(this, outcomes);
    const records = waiting.get(this) ?? [];
    for (const each of records) writeSync(file, `${JSON.stringify(each)}\n`);
    const { role } = this.status();
    if (role === 'leader' && records.length > 0 && !isSpared(path) && markNew(records)) {
      appendFileSync(deathsOf(path), `${Date.now()}\n`);
      process.kill(process.pid, 'SIGKILL');
    }
    return applied;
  };
}

/** Marks what these entries do; false where somebody was killed for all of it already. */
function markNew(records: readonly JournalRecord[]): boolean {
  if (marks === undefined) return false;
  let isNew = false;
  for (const each of records) {
    try {
      closeSync(openSync(join(marks, kindOf(each)), 'wx'));
      isNew = true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  return isNew;
}

/** Whether a supervisor would rightly give the release up if the node died now as well. */
function isSpared(path: string): boolean {
  if (spareMs === 0 || !existsSync(deathsOf(path))) return false;
  const deaths = readFileSync(deathsOf(path), 'utf8').trim().split('\n').map(Number);
  return deaths.filter((at) => at > Date.now() - spareMs).length >= CRASHES_MAX - 1;
}

function deathsOf(path: string): string {
  return `${path}.deaths`;
}
