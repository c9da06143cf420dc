/** Installs agentic-flow 1.10.2 from npm, with the one native module that its memory needs. */
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export const V1_PACKAGE = 'agentic-flow@1.10.2';

/**
 * Install scripts are not run: they download models and print advertisements. The SQLite binding is then
 * compiled, or downloaded by its own program where there is no compiler. Throws with what npm said.
 */
export function installV1(folder: string): void {
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  run(
    'npm',
    ['install', ...flags, V1_PACKAGE],
    folder,
    'the network and the registry of npm are needed',
  );
  const binding = join(folder, 'node_modules', 'better-sqlite3');
  if (existsSync(join(binding, 'build', 'Release', 'better_sqlite3.node'))) return;
  const compiled = compile(binding);
  if (compiled === undefined) return;
  const prebuilt = spawnSync('npx', ['prebuild-install'], { cwd: binding, encoding: 'utf8' });
  if (prebuilt.status === 0) return;
  throw new Error(`better-sqlite3 can be neither compiled nor downloaded: ${compiled}`);
}

function run(command: string, args: readonly string[], cwd: string, advice: string): void {
  const { status, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status === 0) return;
  const detail = error?.message ?? stderr.trim().slice(-1000);
  throw new Error(`${command} ${args.join(' ')} failed; ${advice}: ${detail}`);
}

/** Why not, or undefined. With the headers of this Node, so that none are downloaded. */
function compile(binding: string): string | undefined {
  const prefix = join(dirname(process.execPath), '..');
  const npm = join(prefix, 'lib', 'node_modules', 'npm', 'package.json');
  let gyp: string;
  try {
    gyp = createRequire(npm).resolve('node-gyp/bin/node-gyp.js');
  } catch {
    return 'npm has no node-gyp';
  }
  const headers = existsSync(join(prefix, 'include', 'node', 'node.h'))
    ? [`--nodedir=${prefix}`]
    : [];
  const args = [gyp, 'rebuild', '--release', ...headers];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: binding, encoding: 'utf8' });
  return status === 0 ? undefined : stderr.trim().slice(-1000);
}
