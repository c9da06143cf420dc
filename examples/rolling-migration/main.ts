#!/usr/bin/env node
/** `npm run demo`: a swarm of real processes migrates a v1 installation node by node, under load. */

import { accessSync, constants, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

import { DemoError } from './demo-error.js';
import type { DemoOptions } from './options.js';
import { parseDemoOptions } from './options.js';
import { formatReport } from './report.js';
import { runDemo } from './run.js';
import { Scope } from './scope.js';
import { LiveTable } from './table.js';

/** Finds what would fail only at the end of a run, or in the middle of it. */
function checkPaths(options: DemoOptions): void {
  const { from, json } = options;
  if (from !== undefined && statSync(from, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new DemoError('bad-option', `--from ${from} is not a directory`);
  }
  if (json === undefined) return;
  const path = resolve(json);
  const existing = statSync(path, { throwIfNoEntry: false });
  if (existing?.isDirectory() === true) {
    throw new DemoError('bad-option', `--json ${json} is a directory; name a file`);
  }
  try {
    accessSync(existing === undefined ? dirname(path) : path, constants.W_OK);
  } catch {
    throw new DemoError('bad-option', `--json ${json} cannot be written`);
  }
}

function interruption(): Promise<never> {
  return new Promise((_resolve, reject) => {
    const interrupt = (): void => reject(new DemoError('interrupted', 'interrupted'));
    process.once('SIGINT', interrupt);
    process.once('SIGTERM', interrupt);
    process.once('SIGHUP', interrupt);
  });
}

async function main(): Promise<number> {
  const options = parseDemoOptions(process.argv.slice(2));
  const scope = new Scope();
  let directory: string | undefined;
  const remove = (): void => {
    if (directory !== undefined && !options.keep) {
      rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    }
  };
  // A second Ctrl-C, or a bug, ends the process at once: no child may outlive it.
  const exitNow = (): void => {
    scope.exitNow();
    remove();
  };
  try {
    checkPaths(options);
    directory = mkdtempSync(join(tmpdir(), 'agentic-flow-demo-'));
    process.once('exit', exitNow);
    scope.failsWith(interruption());
    const table = new LiveTable(process.stderr);
    const report = await runDemo(options, directory, scope, table);
    process.stdout.write(`${formatReport(report)}\n`);
    if (options.json !== undefined) {
      writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
    }
    return report.brokenPromises.length === 0 ? 0 : 1;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`The demo ended early: ${message}\n`);
    return error instanceof DemoError && error.code === 'interrupted' ? 130 : 1;
  } finally {
    await scope.end();
    process.off('exit', exitNow);
    remove();
    if (options.keep && directory !== undefined) {
      process.stderr.write(`The data and logs of all nodes are in ${directory}\n`);
    }
  }
}

process.exitCode = await main();
