/**
 * The build before this one, made from the commit in `previous.json`. It is kept in the folder for
 * temporary files, so that it is built once for a checkout.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { PACKAGE, link } from './builds.js';

const FOLDERS = ['transport', 'consensus', 'nodes', 'sim', 'src'];
const ARCHIVE_BYTES_MAX = 512 * 1024 ** 2;

/** The folder of the previous build. */
export function previousBuild(): string {
  const text = readFileSync(join(PACKAGE, 'test', 'releases', 'previous.json'), 'utf8');
  const { commit } = JSON.parse(text) as { commit: string };
  const builds = join(tmpdir(), 'agentic-flow-builds');
  // It is linked to the modules of this very checkout, and useless once that is gone.
  const checkout = createHash('sha256').update(PACKAGE).digest('hex').slice(0, 12);
  const folder = join(builds, `${commit}-${checkout}`);
  if (existsSync(folder)) return folder;
  mkdirSync(builds, { recursive: true });
  const unfinished = mkdtempSync(join(builds, 'unfinished-'));
  try {
    build(commit, unfinished);
    renameSync(unfinished, folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return folder;
}

function build(commit: string, folder: string): void {
  const archive = execFileSync('git', ['-C', PACKAGE, 'archive', commit], {
    maxBuffer: ARCHIVE_BYTES_MAX,
  });
  execFileSync('tar', ['-x', '-C', folder], { input: archive });
  link(join(PACKAGE, 'node_modules'), join(folder, 'node_modules'));
  link(join(PACKAGE, 'native', 'build'), join(folder, 'native', 'build'));
  const settings = {
    extends: './tsconfig.json',
    compilerOptions: { noCheck: true, declaration: false, sourceMap: false, incremental: false },
    include: FOLDERS,
  };
  // Its own settings name a file for what `incremental` remembers.
  const options = { ...settings.compilerOptions, tsBuildInfoFile: null };
  const project = join(folder, 'tsconfig.build.json');
  writeFileSync(project, JSON.stringify({ ...settings, compilerOptions: options }));
  const compiler = join(PACKAGE, 'node_modules', 'typescript', 'bin', 'tsc');
  execFileSync(process.execPath, [compiler, '-p', project], { stdio: 'inherit' });
}
