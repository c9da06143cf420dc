/** `store stats | check | repair | compact | backup | export | import`. */
import { existsSync } from 'node:fs';

import type { Command } from 'commander';

import {
  backupStore,
  checkStore,
  type MemoryStore,
  repairStore,
  type TransferOptions,
} from '../memory/index.js';
import { removeStore } from '../memory/store/own-files.js';
import { print } from './connection.js';
import { ExitError } from './failure.js';
import { progressLine } from './progress-line.js';
import { interruptible } from './interruptible.js';
import { type StoreFlags, withFile, withStore } from './store-open.js';

export function addStoreUpkeepCommands(store: Command): void {
  withFile(store.command('stats'))
    .description('Print what a store holds, and its size on the disk')
    .action(stats);
  jobFile(store.command('check'))
    .description('Look for damage and for rows that do not fit together; the store may be open')
    .addHelpText(
      'after',
      '\nExit codes: 0 whole; 1 it cannot be read at all; 2 problems, all listed.',
    )
    .action(check);
  jobFile(store.command('repair'))
    .description('Save what can be read of a damaged store; the old file is kept beside')
    .addHelpText(
      'after',
      '\nExit codes: 0 whole, or nothing was lost; 1 failed, nothing changed; 2 repaired, but rows\n' +
        'were lost (counted).',
    )
    .action(repair);
  withFile(store.command('compact'))
    .description('Give free pages of the file back to the disk')
    .action(compact);
  jobFile(store.command('backup'))
    .description('Copy a store as it is at one moment, checked; the store may be open')
    .argument('<to>', 'file of the copy; to restore it, use it as a store')
    .option('--overwrite', 'replace a file that is there')
    .action(backup);
  withFile(store.command('export'))
    .description('Write all records and edges as JSON Lines')
    .argument('<to>', 'a file, or - for standard output')
    .action(exportTo);
  withFile(store.command('import'))
    .description('Put the records and edges of an export; makes the file if it is missing')
    .argument('<from>', 'a file, or - for standard input')
    .option('--no-embed', 'store no vector where the export has none')
    .addHelpText(
      'after',
      '\nA file is checked as a whole before anything is put. From standard input, what came before a\n' +
        'bad line stays. To import again does no harm.',
    )
    .action(importFrom);
}

/** A job reads the file itself, so that there is nothing to adopt. */
function jobFile(command: Command): Command {
  return command.argument('<file>', 'file of the store').option('--json', 'print one JSON object');
}

async function stats(file: string, flags: StoreFlags): Promise<void> {
  await withStore(file, flags, async (store) => {
    const [found, namespaces] = [await store.stats(), await store.namespaces()];
    const { records, edges, vectors, model, fileBytes, freeBytes, logBytes } = found;
    const of = model === null ? '' : ` of ${model.dimensions} components, ${model.model}`;
    const lines = [
      `records  ${records}`,
      ...namespaces.map((each) => `         ${each.records} in ${each.namespace}`),
      `edges    ${edges}`,
      `vectors  ${vectors}${of}`,
      `file     ${fileBytes} bytes, ${freeBytes} of them free; log ${logBytes} bytes`,
    ];
    print(flags.json, { ...found, namespaces }, lines.join('\n'));
  });
}

async function check(file: string, flags: StoreFlags): Promise<void> {
  const report = await watched('checked rows', (options) => checkStore(file, options));
  const lines = report.problems.flatMap(({ kind, count, examples }) => {
    return [`${kind}: ${count}`, ...examples.map((example) => `  ${example}`)];
  });
  const { records, edges, vectors, leftPuts } = report;
  if (leftPuts !== null && leftPuts > 0) {
    lines.push(
      `${leftPuts} puts of a program that was killed come into the file when it is opened`,
    );
  }
  const counts = `${records} records, ${edges} edges, ${vectors} vectors`;
  const verdict = report.isWhole ? 'whole' : 'NOT WHOLE; see `store repair --help`';
  print(flags.json, report, [...lines, `${counts}: ${verdict}`].join('\n'));
  if (!report.isWhole) throw new ExitError(2);
}

async function repair(file: string, flags: StoreFlags): Promise<void> {
  const report = await watched('rows', (options) => repairStore(file, options));
  const { saved, lost, lostIds, kept, keptLog } = report;
  const tables = ['records', 'vectors', 'edges', 'others'] as const;
  const lines = tables.map((table) => {
    return `${table.padEnd(8)} ${saved[table]} saved, ${lost[table] ?? 'an unknown number'} lost`;
  });
  if (lostIds.length > 0) lines.push(`lost records, the first ones: ${lostIds.join(', ')}`);
  lines.push(kept === null ? 'it was whole and is as it was' : `the old file is ${kept}`);
  if (keptLog !== null) lines.push(`the old log of puts, which was damaged, is ${keptLog}`);
  print(flags.json, report, lines.join('\n'));
  if (keptLog !== null || tables.some((table) => lost[table] !== 0)) throw new ExitError(2);
}

async function compact(file: string, flags: StoreFlags): Promise<void> {
  await withStore(file, flags, async (store) => {
    const result = await watched('pages', (options) => store.compact(options));
    const { bytesBefore, bytesAfter } = result;
    print(flags.json, result, `${bytesBefore} bytes before, ${bytesAfter} bytes now`);
  });
}

async function backup(
  file: string,
  to: string,
  flags: StoreFlags & { readonly overwrite?: boolean },
): Promise<void> {
  const overwrite = flags.overwrite === true;
  const report = await watched('checked rows', (options) =>
    backupStore(file, to, { ...options, overwrite }),
  );
  const { records, edges, vectors, bytes } = report;
  const text = `${to}: ${records} records, ${edges} edges, ${vectors} vectors, ${bytes} bytes`;
  print(flags.json, report, text);
}

async function exportTo(file: string, to: string, flags: StoreFlags): Promise<void> {
  await withStore(file, flags, async (store) => {
    const target = to === '-' ? process.stdout : to;
    const counts = await watched('lines', (options) => store.exportTo(target, options));
    // Standard output has the lines already.
    if (to !== '-') print(flags.json, counts, `${counts.records} records, ${counts.edges} edges`);
  });
}

async function importFrom(file: string, from: string, flags: StoreFlags): Promise<void> {
  const isNew = from !== '-' && !existsSync(file);
  try {
    await importInto(file, from, flags);
  } catch (error) {
    // What this made is not to be taken for a store with something in it.
    if (isNew) removeStore(file);
    throw error;
  }
}

async function importInto(file: string, from: string, flags: StoreFlags): Promise<void> {
  await withStore(file, { ...flags, create: true }, async (store: MemoryStore) => {
    const source = from === '-' ? process.stdin : from;
    const counts = await watched('lines', (options) => store.importFrom(source, options));
    const { records, edges, skipped } = counts;
    print(flags.json, counts, `${records} records, ${edges} edges; ${skipped} of them left out`);
  });
}

/** With a line that tells how far it is, and an end by an interrupt. */
async function watched<T>(
  label: string,
  work: (options: TransferOptions) => Promise<T>,
): Promise<T> {
  return interruptible((signal) => work({ signal, onProgress: progressLine(label) }));
}
