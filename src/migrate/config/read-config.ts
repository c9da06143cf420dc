/** Reads `.agentic-flow/config` of a migrated directory. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import type { z } from 'zod';

import { CONFIG_NAME, V2_FOLDER } from '../files.js';
import { ConfigError } from './errors.js';
import { CONFIG_FORMAT, type ConfigName, SCHEMAS } from './formats.js';
import { cleanJson, isObject } from './json-text.js';
import { CONFIG_BYTES_MAX } from './limits.js';
import type { FileContent } from './plan-types.js';
import { readSource, realRoot } from './source-file.js';

/** Below the directory of an installation. */
export const CONFIG_FOLDER = join(V2_FOLDER, CONFIG_NAME);

export type MigratedConfig = { readonly [Name in ConfigName]?: z.infer<(typeof SCHEMAS)[Name]> };

const CONFIG_NAMES = Object.keys(SCHEMAS) as ConfigName[];

/**
 * What the migration made for `directory`, or the named ones; a file that is not there is left out. Throws `ConfigError`
 * `malformed`, `newer-version`, `too-large`, `outside`, `io`, each with the path.
 */
export function readConfig(
  directory: string,
  names: readonly ConfigName[] = CONFIG_NAMES,
): MigratedConfig {
  const found: Partial<Record<ConfigName, unknown>> = {};
  for (const name of names) {
    const path = join(directory, CONFIG_FOLDER, `${name}.json`);
    if (existsSync(path)) found[name] = readConfigFile(directory, path, name).value;
  }
  return found as MigratedConfig;
}

export interface ConfigFileReading {
  readonly value: unknown;
  /** As the migration wrote it: the sum in it is that of the rest. */
  readonly untouched: boolean;
  readonly content: FileContent;
}

export function readConfigFile(
  directory: string,
  path: string,
  name: ConfigName,
): ConfigFileReading {
  const limits = { bytesMax: CONFIG_BYTES_MAX, strict: true };
  const reading = readSource(
    { path, name: `${name}.json` },
    [realRoot(directory), directory],
    limits,
  );
  if (!reading.ok) {
    throw new ConfigError(reading.code, `${path} ${reading.reason}`, path);
  }
  let value: unknown;
  try {
    value = cleanJson(JSON.parse(reading.file.text));
  } catch (error) {
    throw malformed(path, error instanceof RangeError ? error.message : 'it is no JSON');
  }
  const format = isObject(value) ? value['format'] : undefined;
  if (typeof format === 'number' && format > CONFIG_FORMAT) {
    const sentence = `${path} has format ${format}, this release reads ${CONFIG_FORMAT}; use a later one`;
    throw new ConfigError('newer-version', sentence, path);
  }
  const parsed = SCHEMAS[name].safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const place = issue?.path.map(String).join('.') ?? '';
    throw malformed(path, `${place === '' ? 'the file' : place} is not as it has to be`);
  }
  const sum = isObject(value) ? value['checksum'] : undefined;
  const untouched = isObject(value) && sum === checksumOf(value);
  return { value: parsed.data, untouched, content: reading.file.content };
}

/** Over everything but the sum itself, as `JSON.stringify` writes it in the order of the file. */
export function checksumOf(value: object): string {
  const { checksum: _, ...rest } = value as { checksum?: unknown };
  return createHash('sha256').update(JSON.stringify(rest)).digest('hex');
}

function malformed(path: string, what: string): ConfigError {
  const sentence = `${path} cannot be used: ${what}; mend it, or remove it and run the migration again`;
  return new ConfigError('malformed', sentence, path);
}
