#!/usr/bin/env node
/** `npm run upgrade:soak`: see the help of it, and docs/upgrade-soak.md. */
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

import { DemoError } from '../../examples/rolling-migration/demo-error.js';
import { Scope } from '../../examples/rolling-migration/scope.js';
import { Loopback, groundWithin, runWithinNamespaces } from './ground.js';
import type { SoakOptions } from './options.js';
import { parseSoakOptions } from './options.js';
import type { Report } from './report.js';
import { buildReport, formatReport } from './report.js';
import { runSoak } from './run.js';

/** Finds what would fail only at the end of a run. */
function checkPaths({ json }: SoakOptions): void {
  if (json === undefined) return;
  try {
    accessSync(dirname(resolve(json)), constants.W_OK);
  } catch {
    throw new DemoError('bad-option', `--json ${json} cannot be written`);
  }
}

function interruption(): Promise<never> {
  return new Promise((_resolve, reject) => {
    const interrupt = (): void => reject(new DemoError('interrupted', 'interrupted'));
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, interrupt);
  });
}

function tell(report: Report): void {
  process.stdout.write(`${formatReport(report)}\n`);
  const { json } = report.options;
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`);
}

async function soak(options: SoakOptions): Promise<number> {
  const within = await groundWithin(options.seed);
  if (options.partitions && within === undefined) return runWithinNamespaces(options.nodes);
  const ground = within ?? new Loopback();
  const directory = mkdtempSync(join(tmpdir(), 'agentic-flow-soak-'));
  const scope = new Scope();
  const remove = (): void => {
    if (!options.keep) rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  // A second Ctrl-C, or a bug, ends the process at once: no child may outlive it.
  const exitNow = (): void => {
    scope.exitNow();
    ground.close();
    remove();
  };
  process.once('exit', exitNow);
  const startedMs = performance.now();
  const say = (line: string): void => {
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
    process.stderr.write(`${seconds.padStart(7)} s  ${line}\n`);
  };
  try {
    scope.failsWith(interruption());
    const facts = await runSoak({ options, ground, directory, scope, say });
    const seconds = (performance.now() - startedMs) / 1_000;
    const report = buildReport({ options, ...facts, seconds });
    tell(report);
    return report.broken.length === 0 ? 0 : 1;
  } finally {
    await scope.end();
    ground.close();
    process.off('exit', exitNow);
    remove();
    if (options.keep) say(`the data and logs of all nodes are in ${directory}`);
  }
}

try {
  const options = parseSoakOptions(process.argv.slice(2));
  checkPaths(options);
  process.exitCode = await soak(options);
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`The soak ended early: ${message}\n`);
  // What the rounds wait for does not matter any more: all children are gone.
  process.exit(error instanceof DemoError && error.code === 'interrupted' ? 130 : 1);
}
