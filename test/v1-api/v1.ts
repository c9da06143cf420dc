/** Installs agentic-flow 1.10.2 from the registry in a temporary folder and replays the calls on it. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Answer } from './replay.js';

/** What v1's programs did to have agentdb's classes: a connection, with both of its schemas. */
const DATABASE_MODULE = `
import Database from 'better-sqlite3';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
export async function open() {
  const db = new Database('agentdb.db');
  const schemas = join(dirname(fileURLToPath(import.meta.resolve('agentdb'))), 'schemas');
  for (const name of ['schema.sql', 'frontier-schema.sql']) {
    db.exec(readFileSync(join(schemas, name), 'utf8'));
  }
  return db;
}
`;

/** sharp is only for pictures; its versions before 0.33 are downloaded from elsewhere. */
const PACKAGE = {
  name: 'v1-api',
  private: true,
  type: 'module',
  dependencies: { 'agentic-flow': '1.10.2', agentdb: '1.6.1', 'better-sqlite3': '11.10.0' },
  overrides: { sharp: '0.33.5', agentdb: '1.6.1', 'better-sqlite3': '11.10.0' },
};
const NATIVE = ['better-sqlite3', 'hnswlib-node'];

/** `kept`: a folder that stays, so that the next run need not install and compile again. */
export function answersOfV1(kept?: string): Answer[] {
  if (kept !== undefined) {
    if (!existsSync(join(kept, 'node_modules/agentic-flow'))) install(kept);
    return replayIn(kept);
  }
  const folder = mkdtempSync(join(tmpdir(), 'agentic-flow-v1-api-'));
  try {
    install(folder);
    return replayIn(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function install(folder: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify(PACKAGE));
  const npm = (args: readonly string[]): void => {
    // Headers of this Node, so that addons can be built without asking for them.
    const nodedir = process.env['npm_config_nodedir'] ?? dirname(dirname(process.execPath));
    const env = { ...process.env, npm_config_nodedir: nodedir };
    execFileSync('npm', args, { cwd: folder, env, stdio: ['ignore', 'ignore', 'inherit'] });
  };
  npm(['install', '--ignore-scripts', '--no-audit', '--no-fund', '--silent']);
  npm(['rebuild', '--silent', ...NATIVE]);
}

function replayIn(folder: string): Answer[] {
  const project = join(folder, 'project');
  rmSync(project, { recursive: true, force: true });
  mkdirSync(project);
  writeFileSync(join(folder, 'database.mjs'), DATABASE_MODULE);
  const v1 = join(folder, 'node_modules/agentic-flow/dist/reasoningbank');
  const out = join(folder, 'answers.json');
  const script = fileURLToPath(new URL('replay.js', import.meta.url));
  const files = [
    join(v1, 'index.js'),
    join(v1, 'backend-selector.js'),
    join(folder, 'database.mjs'),
  ];
  execFileSync(process.execPath, [script, ...files, out], {
    cwd: project,
    env: withoutKeys(process.env),
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return JSON.parse(readFileSync(out, 'utf8')) as Answer[];
}

/** Without what would let either side ask a language model, or find another project. */
export function withoutKeys(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const names = /^(?:ANTHROPIC|OPENROUTER|GOOGLE_GEMINI)_API_KEY$|^CLAUDE_FLOW_DB_PATH$/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.test(name)));
}
