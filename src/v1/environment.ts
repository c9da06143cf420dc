/** Where environment variables say that stores and settings of v1 lie. */
import { readFileSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';

import { ENV_FILE_BYTES_MAX, FOLDERS_UP_MAX } from './limits.js';

/** Variables that name a database. */
const DATABASE_VARIABLES = ['CLAUDE_FLOW_DB_PATH', 'AGENTDB_PATH', 'FEDERATION_DB_PATH'] as const;
const ROUTER_VARIABLE = 'AGENTIC_FLOW_ROUTER_CONFIG';

export interface NamedPath {
  readonly variable: string;
  /** Absolute. */
  readonly path: string;
}

export interface Environment {
  /** The `.env` that v1 would read, if there is one. */
  readonly envFile: string | undefined;
  readonly databases: readonly NamedPath[];
  readonly router: NamedPath | undefined;
}

/** What a process started in `directory` would see: its variables first, then those of the `.env`. */
export function readEnvironment(directory: string, env: NodeJS.ProcessEnv): Environment {
  const envFile = findUpwards(directory, '.env');
  const fromFile = envFile === undefined ? new Map<string, string>() : readEnvFile(envFile);
  const named = (variable: string): NamedPath[] => {
    const value = env[variable] ?? fromFile.get(variable);
    if (value === undefined || value === '' || value === ':memory:') return [];
    const path = isAbsolute(value) ? value : resolve(directory, value);
    return path.includes('\0') ? [] : [{ variable, path }];
  };
  return {
    envFile,
    databases: DATABASE_VARIABLES.flatMap(named),
    router: named(ROUTER_VARIABLE)[0],
  };
}

function findUpwards(directory: string, name: string): string | undefined {
  let folder = directory;
  for (let up = 0; up < FOLDERS_UP_MAX; up += 1) {
    const path = join(folder, name);
    if (isFile(path)) return path;
    if (dirname(folder) === folder) return undefined;
    folder = dirname(folder);
  }
  return undefined;
}

/** Whether there is a file that may be looked at. */
function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  } catch {
    return false;
  }
}

function readEnvFile(path: string): Map<string, string> {
  const variables = new Map<string, string>();
  let text = '';
  try {
    const size = statSync(path).size;
    if (size <= ENV_FILE_BYTES_MAX) text = readFileSync(path, 'utf8');
  } catch {
    return variables;
  }
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$/.exec(line);
    if (match === null) continue;
    const [, name = '', value = ''] = match;
    const quoted = /^(["'])(.*)\1(?:\s+#.*)?$/.exec(value);
    variables.set(name, quoted?.[2] ?? value.replace(/(^|\s+)#.*$/, ''));
  }
  return variables;
}
