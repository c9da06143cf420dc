/**
 * Loaded by a node before its program (`node --import`). Writes a line for each log entry of a rollout that
 * the node applies, and, where it is told to, ends the process with SIGKILL after each of them if the node
 * leads: nobody has heard of the entry then but the log. An entry kills once, whoever leads when it comes
 * again. It reads the classes of the program that is started, whichever release that is.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isMainThread } from 'node:worker_threads';

import type * as ReplicaModule from '../../../nodes/replica/replica.js';
import type * as CodecModule from '../../../nodes/wire/command-codec.js';
import { journalVariables, recordsOf, viewOf } from './journal.js';
import type { JournalRecord } from './journal.js';

const journal = process.env[journalVariables.file];
const marks = process.env[journalVariables.marks];
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
    if (role === 'leader' && records.some(({ index }) => isFirst(index))) {
      process.kill(process.pid, 'SIGKILL');
    }
    return applied;
  };
}

/** Whether nobody was killed for this entry yet. */
function isFirst(index: number): boolean {
  if (marks === undefined) return false;
  try {
    closeSync(openSync(join(marks, String(index)), 'wx'));
    return true;
  } catch {
    return false;
  }
}
