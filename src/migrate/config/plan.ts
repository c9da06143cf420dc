/** Plans the configuration phase: reads everything, writes nothing. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import type { V1Installation } from '../../v1/rows.js';
import { convertAgents } from './agents.js';
import { Conversion } from './conversion.js';
import { unifiedDiff } from './diff.js';
import { ConfigError } from './errors.js';
import { planFileEdits } from './file-edits.js';
import { CONFIG_FORMAT, type ConfigName, SCHEMAS } from './formats.js';
import { convertHooks } from './hooks.js';
import { cleanJson, isObject } from './json-text.js';
import { CONFIG_BYTES_MAX } from './limits.js';
import { maskJson } from './mask-json.js';
import { convertMcpServers } from './mcp-servers.js';
import {
  type ConfigPlan,
  type FileChange,
  FileContent,
  type PlanConfigOptions,
} from './plan-types.js';
import { printable } from './printable.js';
import { checksumOf, CONFIG_FOLDER, readConfigFile } from './read-config.js';
import { convertReasoningbank } from './reasoningbank.js';
import { convertRouter } from './router.js';
import { convertSwarm } from './swarm.js';

const CONVERSIONS: readonly (readonly [
  ConfigName,
  (conversion: Conversion) => object | undefined,
])[] = [
  ['swarm', convertSwarm],
  ['agents', convertAgents],
  ['router', convertRouter],
  ['mcp', convertMcpServers],
  ['hooks', convertHooks],
  ['reasoningbank', convertReasoningbank],
];

/**
 * What the configuration phase would make and change. Nothing in the plan that can be printed holds a
 * secret. A file that cannot be used is listed and kept. Throws `ConfigError` `interrupted`.
 */
export async function planConfig(
  installation: V1Installation,
  options: PlanConfigOptions,
): Promise<ConfigPlan> {
  const conversion = new Conversion(installation, options);
  const made: (readonly [ConfigName, object, readonly string[]])[] = [];
  for (const [name, convert] of CONVERSIONS) {
    const before = conversion.notes().length;
    const converted = convert(conversion);
    if (converted === undefined) continue;
    made.push([name, converted, conversion.notes().slice(before)]);
    // Other work gets its turn between files.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const edits = options.sideBySide ? [] : planFileEdits(conversion);
  if (options.sideBySide) noteSideBySide(conversion);
  // Last, as the sealing has to know the secrets of all files.
  const created = made.flatMap(
    ([name, converted, notes]) => changeFor(conversion, name, converted, [...notes].sort()) ?? [],
  );
  return {
    directory: installation.directory,
    home: installation.home,
    changes: [...created, ...edits],
    notes: conversion.notes(),
    quarantined: conversion.quarantined(),
  };
}

function noteSideBySide(conversion: Conversion): void {
  for (const { name } of conversion.files('mcp-servers')) {
    conversion.note(name, 'is left as it is beside v1; the server agentic-flow is not added');
  }
}

function changeFor(
  conversion: Conversion,
  name: ConfigName,
  converted: object,
  notes: readonly string[],
): FileChange | undefined {
  const { directory } = conversion.installation;
  const path = join(directory, CONFIG_FOLDER, `${name}.json`);
  const shown = `.agentic-flow/config/${name}.json`;
  const text = write(conversion, name, converted, notes);
  const after = new FileContent(text);
  if (after.bytes > CONFIG_BYTES_MAX) {
    conversion.quarantine(
      shown,
      `would have ${after.bytes} bytes, at most ${CONFIG_BYTES_MAX} are made`,
    );
    return undefined;
  }
  const before = presentContent(conversion, path, name, shown);
  if (before === 'kept' || before?.sha256 === after.sha256) return undefined;
  const old = before === undefined ? null : maskJson(before.content().toString('utf8'));
  return {
    path,
    name: shown,
    kind: before === undefined ? 'create' : 'change',
    before: before ?? null,
    after,
    diff: printable(conversion.scrubber.seal(unifiedDiff(shown, old, maskJson(text))), true),
  };
}

/** An earlier run's file is made anew, but not over changes of the user. */
function presentContent(
  conversion: Conversion,
  path: string,
  name: ConfigName,
  shown: string,
): FileContent | 'kept' | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const { untouched, content } = readConfigFile(conversion.installation.directory, path, name);
    if (untouched) return content;
    conversion.note(
      shown,
      'was changed since it was made and is kept; remove it to have it made anew',
    );
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    conversion.quarantine(shown, 'is there already and cannot be read; kept as it is');
  }
  return 'kept';
}

function write(
  conversion: Conversion,
  name: ConfigName,
  converted: object,
  notes: readonly string[],
): string {
  const sealed = conversion.scrubber.sealValue(cleanJson({ ...converted, notes }));
  const body = { format: CONFIG_FORMAT, ...(isObject(sealed) ? sealed : {}) };
  const whole = { ...body, checksum: checksumOf(body) };
  // What is written has to be what is read.
  SCHEMAS[name].parse(whole);
  return `${JSON.stringify(whole, undefined, 2)}\n`;
}
