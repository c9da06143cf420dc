/**
 * `npm run test:v1`: agentic-flow 1.10.2 itself lists the memories of an installation before it is migrated
 * and after it was rolled back. `--package DIR` takes a folder where it is installed already.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync } from 'node:fs';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { installV1, V1_PACKAGE } from './install.js';

const COMMAND = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const FIXTURE = join(process.cwd(), '..', 'shared', 'v1', 'fixtures', 'v1-reasoningbank');

/**
 * Runs in the folder where v1 is installed. The module is what `agentic-flow/reasoningbank` exports as
 * `db`; its index would load native modules that have nothing to do with the memory. What v1 logs goes
 * to standard output, so there is a file.
 */
const READER = `
import { writeFileSync } from 'node:fs';
import * as db from './node_modules/agentic-flow/dist/reasoningbank/db/queries.js';
const memories = db.getAllActiveMemories();
// How old a memory is changes by itself.
const candidates = db.fetchMemoryCandidates({}).map(({ age_days, ...rest }) => rest);
const contradictions = memories.map(({ id }) => [id, db.getContradictions(id)]);
const rows = (table) => db.getDb().prepare('SELECT * FROM ' + table + ' ORDER BY rowid').all();
const links = rows('pattern_links');
const vectors = rows('pattern_embeddings').map((row) => [row.id, row.vector.toString('base64')]);
const entries = rows('memory_entries');
writeFileSync(process.argv[2], JSON.stringify({ memories, candidates, contradictions, links, vectors, entries }));
process.exit(0);
`;

interface Listing {
  readonly memories: readonly unknown[];
  readonly links: readonly unknown[];
  readonly entries: readonly unknown[];
}

const { values } = parseArgs({ options: { package: { type: 'string' } } });
const work = mkdtempSync(join(tmpdir(), 'agentic-flow-v1-'));
try {
  run(values.package);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}

function run(given: string | undefined): void {
  if (!existsSync(FIXTURE)) {
    throw new Error(`${FIXTURE} is missing: put the shared folder beside the project`);
  }
  const installed = given ?? join(work, 'v1');
  if (given === undefined) {
    mkdirSync(installed);
    process.stdout.write(`installing ${V1_PACKAGE}\n`);
    installV1(installed);
  }
  // V1 changes what it opens, so it lists another copy first.
  const before = list(installed, copy('before'));
  const directory = copy('project');
  const home = join(work, 'home');
  mkdirSync(home);
  migrate(home, [directory, '--home', home], [0, 2]);
  migrate(home, [directory, '--rollback'], [0]);
  const after = list(installed, directory);
  const { memories, links, entries } = JSON.parse(before) as Listing;
  process.stdout.write(
    `${V1_PACKAGE} lists ${memories.length} memories, ${links.length} links, ${entries.length} entries before\n`,
  );
  if (memories.length === 0) throw new Error('v1 lists nothing, so nothing is compared');
  if (before !== after) throw new Error('v1 lists something else after the rollback');
  process.stdout.write('and exactly the same after the migration was rolled back\n');
}

function copy(name: string): string {
  const directory = join(work, name);
  execFileSync('cp', ['-a', FIXTURE, directory]);
  for (const path of ['.', ...readdirSync(directory, { recursive: true }).map(String)]) {
    chmodSync(join(directory, path), lstatSync(join(directory, path)).mode | 0o200);
  }
  return directory;
}

function list(installed: string, directory: string): string {
  const reader = join(installed, 'agentic-flow-list.mjs');
  const result = join(work, 'listing.json');
  writeFileSync(reader, READER);
  rmSync(result, { force: true });
  const env = { PATH: process.env['PATH'] ?? '', HOME: work };
  const { status, stdout, stderr } = spawnSync(process.execPath, [reader, result], {
    cwd: directory,
    env,
    encoding: 'utf8',
  });
  if (status === 0 && existsSync(result)) return readFileSync(result, 'utf8');
  throw new Error(`v1 cannot list ${directory}: ${`${stdout}\n${stderr}`.trim().slice(-2000)}`);
}

function migrate(home: string, args: readonly string[], codes: readonly number[]): void {
  const env = { PATH: process.env['PATH'] ?? '', HOME: home };
  const command = [COMMAND, 'migrate', 'v2', ...args, '--yes', '--json'];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, {
    env,
    encoding: 'utf8',
  });
  if (status !== null && codes.includes(status)) return;
  const said = `${stdout}\n${stderr}`.trim().slice(-2000);
  throw new Error(`agentic-flow migrate v2 ${args.join(' ')} ended with ${status}: ${said}`);
}
